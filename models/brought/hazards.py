"""Cox and accelerated failure time models of lifelines, as `radresponse.lifelines` writes them: plain coefficients."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import log_ndtr

from features.types import Floats
from models.brought.declared import Declared
from models.brought.engine import Answers, Curves
from models.errors import BrokenFile
from models.plain import from_plain, loads

FILE = "lifelines.json"
Kind = Literal["cox", "weibull_aft", "lognormal_aft", "loglogistic_aft"]


@dataclass(frozen=True, slots=True)
class Term:
    """What a coefficient multiplies: a column, or whether it is of one level."""

    column: str
    level: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One linear predictor: intercept + coefficients . (terms - centre)."""

    intercept: float
    coefficients: tuple[float, ...]
    centre: tuple[float, ...]
    """0 but for Cox, where lifelines takes them from the mean."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Cumulative baseline hazard of Cox, over ascending times; linear between, level outside, as lifelines has it."""

    times: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Golden:
    """A row with lifelines' own answer."""

    values: tuple[float | str, ...]
    """In the order of the columns."""
    times: tuple[float, ...]
    survival: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What `lifelines.json` holds. Times are in the unit that it was fitted with."""

    kind: Kind
    columns: tuple[str, ...]
    """Raw columns, `therapy` among them where it takes it."""
    levels: Mapping[str, tuple[str, ...]]
    """Of each column of categories, the therapy among them; the first is the reference."""
    terms: tuple[Term, ...]
    location: Line
    """Log-hazard ratio of Cox; log of lambda, mu or log of alpha of the others."""
    shape: Line | None
    """Log of rho, sigma or beta; None for Cox."""
    baseline: Hazard | None
    """Of Cox."""
    golden: tuple[Golden, ...]
    lifelines: str
    """Version of lifelines that fitted it."""
    format: Literal["radresponse-lifelines-1"]

    def __post_init__(self) -> None:
        width = len(self.terms)
        lines = (self.location, *((self.shape,) if self.shape else ()))
        if any(len(line.coefficients) != width or len(line.centre) != width for line in lines):
            raise BrokenFile(f"{FILE}: coefficients for another number of terms; wanted {width}")
        if (self.kind == "cox") != (self.baseline is not None) or (self.kind == "cox") == (self.shape is not None):
            raise BrokenFile(f"{FILE}: a {self.kind} with a baseline or a shape that it cannot have, or without one")
        if self.baseline is not None:
            times, hazard = self.baseline.times, self.baseline.cumulative_hazard
            rising = all(a < b for a, b in pairwise(times))
            growing = all(a <= b for a, b in pairwise(hazard))
            if not (len(times) == len(hazard) > 0 and rising and growing and times[0] >= 0 and hazard[0] >= 0):
                raise BrokenFile(f"{FILE}: the baseline is no cumulative hazard over ascending times")
        for term in self.terms:
            known = self.levels.get(term.column)
            right = term.column in self.columns and (
                known is None if term.level is None else term.level in (known or ())
            )
            if not right:
                raise BrokenFile(f"{FILE}: a coefficient for {term.column[:80]} does not fit its columns")
        if not set(self.levels) <= set(self.columns) or any(len(set(of)) != len(of) for of in self.levels.values()):
            raise BrokenFile(f"{FILE}: levels of a column that is not there, or one twice")


class Hazards:
    """Coefficients ready to multiply."""

    absent: tuple[str, ...] = ()

    def __init__(self, content: Content, declared: Declared) -> None:
        self.content = content
        self._declared = declared
        order = {name: index for index, name in enumerate(declared.order)}
        self._columns = np.array([order[term.column] for term in content.terms], dtype=np.intp)
        levels = [
            None if term.level is None else content.levels[term.column].index(term.level) for term in content.terms
        ]
        self._leveled = np.array([level is not None for level in levels], dtype=bool)
        self._levels = np.array([-1.0 if level is None else float(level) for level in levels])

    def answer(self, rows: Floats) -> Answers:
        """See `Engine.answer`."""
        return Curves(self.survival(rows, np.array(self._declared.time_days) / self._declared.days_per_unit))

    def survival(self, rows: Floats, times: Floats) -> Floats:
        """Probability of no progression at times in the unit of the fit, (n, times)."""
        X = self.design(rows)
        location = self._line(X, self.content.location)[:, None]
        if self.content.baseline is not None:
            baseline = self.content.baseline
            hazard = np.interp(times, baseline.times, baseline.cumulative_hazard)  # as lifelines, but for day 0
            hazard = np.where(times > 0, hazard, 0.0)
            result: Floats = np.exp(-np.exp(location) * hazard)
            return result
        assert self.content.shape is not None  # noqa: S101 - all but Cox have one
        shape = np.exp(self._line(X, self.content.shape))[:, None]
        with np.errstate(divide="ignore"):
            logs = np.log(times)[None, :]
        return _accelerated(self.content.kind, logs, location, shape)

    def contributions(self, rows: Floats) -> Floats | None:
        """Coefficient times distance from the average, exact on the log-hazard; None but for Cox."""
        if self.content.kind != "cox":
            return None
        X, line = self.design(rows), self.content.location
        shares = np.zeros((rows.shape[0], len(self._declared.order)))
        each = (X - np.array(line.centre)) * np.array(line.coefficients)
        for term, column in enumerate(self._columns):
            shares[:, column] += each[:, term]
        return shares

    def design(self, rows: Floats) -> Floats:
        """Terms, (n, terms), of rows of columns."""
        values = rows[:, self._columns]
        result: Floats = np.where(self._leveled, (values == self._levels).astype(np.float64), values)
        return result

    @staticmethod
    def _line(X: Floats, line: Line) -> Floats:
        result: Floats = line.intercept + (X - np.array(line.centre)) @ np.array(line.coefficients)
        return result


def read_content(content: bytes) -> Content:
    """From the file's content; BrokenFile when it is not what `radresponse.lifelines` writes."""
    return from_plain(Content, loads(content, place=FILE), place=FILE)


def replayed(engine: Hazards) -> float:
    """Largest distance of a survival from lifelines' own, over the golden rows that the file brings."""
    worst = 0.0
    order = engine._declared.order
    for golden in engine.content.golden:
        by_name = dict(zip(engine.content.columns, golden.values, strict=True))
        row = np.array([[_code(engine.content, name, by_name[name]) for name in order]])
        survival = engine.survival(row, np.array(golden.times))[0]
        worst = max(worst, float(np.abs(survival - np.array(golden.survival)).max()))
    return worst


def _code(content: Content, name: str, value: float | str) -> float:
    if isinstance(value, str):
        if value not in content.levels.get(name, ()):
            raise BrokenFile(f"{FILE}: a golden row has a level of {name[:80]} that is not known")
        return float(content.levels[name].index(value))
    return value


def _accelerated(kind: Kind, logs: Floats, location: Floats, shape: Floats) -> Floats:
    """Survival of lifelines' accelerated failure time models, (n, times); of time 0 it is 1."""
    if kind == "weibull_aft":
        hazard = np.exp(np.clip(shape * (logs - location), -745.0, 700.0))
    elif kind == "loglogistic_aft":
        hazard = np.log1p(np.exp(np.clip(shape * (logs - location), -745.0, 700.0)))
    else:
        hazard = -log_ndtr(-(logs - location) / shape)
    survival: Floats = np.where(np.isneginf(logs), 1.0, np.exp(-hazard))
    return survival
