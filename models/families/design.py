"""From raw columns to what an engine multiplies: imputed, standardised, bounded; plain JSON parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.families.columns import ColumnSpec

MARGIN = 0.1
"""How far beyond the training range a number still counts, as a share of the range. Beyond it the bound is used."""
FEWEST_LACKING = 10
"""Patients without a value, and with one, from which on it counts that a value is missing."""
LEAST_LACKING = 0.05
"""The same as a share of all patients."""
_SKEWED = 2.0


@dataclass(frozen=True, slots=True)
class Term:
    """One column of the design matrix.

    `number`: z = (f(x) - centre) / scale, held in [lower, upper]; f is the logarithm of at least
    `floor` where `log` is set. `category` and `therapy`: 1 for the level, else 0. `missing`: 1 where the
    column has no value, else 0. `interaction`: 1 for the therapy of that level, times the term `of`.
    """

    kind: Literal["number", "category", "missing", "therapy", "interaction"]
    column: int
    """Index of the raw column; for a therapy the number of columns."""
    level: int = -1
    of: int = -1
    log: bool = False
    floor: float = 0.0
    fill: float = 0.0
    """Raw value, or index of the category, that stands in for a missing one."""
    centre: float = 0.0
    scale: float = 1.0
    lower: float = 0.0
    upper: float = 0.0


@dataclass(frozen=True, slots=True)
class Design:
    """All terms, in order; interactions come after the terms that they build on."""

    terms: tuple[Term, ...]

    def names(self, columns: Sequence[ColumnSpec], therapies: Sequence[str]) -> tuple[str, ...]:
        """A readable name for each term."""
        return tuple(_name(term, self.terms, columns, therapies) for term in self.terms)

    def raw_columns(self) -> NDArray[np.intp]:
        """Which raw column each term's share is reported for, (terms,): an interaction's is its feature's."""
        return np.array([term.column for term in self.terms], dtype=np.intp)


class DesignMatrix:
    """A design made ready for many rows, or one, at once; holds no state that changes."""

    def __init__(self, design: Design) -> None:
        terms = design.terms
        self.width = len(terms)
        self._numbers = _indices(terms, "number")
        numbers = [terms[index] for index in self._numbers]
        self._number_columns = np.array([term.column for term in numbers], dtype=np.intp)
        self._fill = np.array([term.fill for term in numbers])
        self._log = np.array([term.log for term in numbers], dtype=bool)
        self._floor = np.array([term.floor if term.log else 1.0 for term in numbers])
        self._centre = np.array([term.centre for term in numbers])
        self._scale = np.array([term.scale for term in numbers])
        self._lower = np.array([term.lower for term in numbers])
        self._upper = np.array([term.upper for term in numbers])
        levels = [index for index, term in enumerate(terms) if term.kind in ("category", "therapy")]
        self._levels = np.array(levels, dtype=np.intp)
        self._level_columns = np.array([terms[index].column for index in levels], dtype=np.intp)
        self._level = np.array([terms[index].level for index in levels], dtype=np.float64)
        self._level_fill = np.array([terms[index].fill for index in levels], dtype=np.float64)
        self._missing = _indices(terms, "missing")
        self._missing_columns = np.array([terms[index].column for index in self._missing], dtype=np.intp)
        self._products = _indices(terms, "interaction")
        self._product_of = np.array([terms[index].of for index in self._products], dtype=np.intp)
        self._product_level = np.array([terms[index].level for index in self._products], dtype=np.float64)

    def apply(self, rows: Floats) -> Floats:
        """The design matrix, (n, terms), of encoded rows, (n, raw columns + therapy)."""
        matrix = np.zeros((rows.shape[0], self.width))
        if self._numbers.size:
            matrix[:, self._numbers] = np.clip(self.standardised(rows), self._lower, self._upper)
        if self._levels.size:
            codes = rows[:, self._level_columns]
            codes = np.where(np.isnan(codes), self._level_fill, codes)
            matrix[:, self._levels] = codes == self._level
        if self._missing.size:
            matrix[:, self._missing] = np.isnan(rows[:, self._missing_columns])
        if self._products.size:
            chosen = rows[:, -1:] == self._product_level
            matrix[:, self._products] = chosen * matrix[:, self._product_of]
        return matrix

    def standardised(self, rows: Floats) -> Floats:
        """The number terms alone, not bounded, (n, numbers)."""
        values = rows[:, self._number_columns]
        values = np.where(np.isnan(values), self._fill, values)
        if self._log.any():
            values = np.where(self._log, np.log(np.where(self._log, np.maximum(values, self._floor), 1.0)), values)
        result: Floats = (values - self._centre) / self._scale
        return result

    def number_columns(self) -> NDArray[np.intp]:
        """Raw column of each number term."""
        return self._number_columns


def main_terms(columns: Sequence[ColumnSpec], therapies: Sequence[str], rows: Floats) -> tuple[Term, ...]:
    """A term for each number, each category but the most frequent, and each therapy where there are several.

    A column that many patients lack has one more, for that it is missing: what was not measured says something of the
    patient, and what stands in for it does not. Columns that the same patients lack, such as all of one scan, share it.
    """
    terms: list[Term] = []
    lacking = np.isnan(rows)
    shown: set[bytes] = set()
    for index, spec in enumerate(columns):
        if spec.kind == "number":
            terms.append(_number(index, spec, rows[:, index]))
        else:
            fill = spec.categories.index(str(spec.impute))
            levels = [level for level in range(len(spec.categories)) if level != fill]
            terms += [Term("category", index, level=level, fill=float(fill)) for level in levels]
        pattern = lacking[:, index].tobytes()
        if _told_by_lack(lacking[:, index]) and pattern not in shown:
            shown.add(pattern)
            terms.append(Term("missing", index))
    if len(therapies) > 1:
        terms += [Term("therapy", len(columns), level=level) for level in range(len(therapies))]
    return tuple(terms)


def _told_by_lack(lacking: NDArray[np.bool_]) -> bool:
    """Whether enough patients lack a column, and enough have it, to learn from that."""
    fewest = max(FEWEST_LACKING, LEAST_LACKING * lacking.size)
    return bool(fewest <= np.count_nonzero(lacking) <= lacking.size - fewest)


def interactions(terms: Sequence[Term], of: Sequence[int], therapies: Sequence[str]) -> tuple[Term, ...]:
    """Terms by which the therapies may rank differently from patient to patient.

    Args:
        terms: The main terms.
        of: Which of them meet the therapies.
        therapies: All therapies; each gets its own, so that none is singled out as the reference.
    """
    if len(therapies) < 2:
        return ()
    return tuple(
        Term("interaction", terms[index].column, level=level, of=index)
        for index in of
        for level in range(len(therapies))
    )


def _number(index: int, spec: ColumnSpec, values: Floats) -> Term:
    present = values[~np.isnan(values)]
    log = bool(present.min() > 0 and _skewness(present) > _SKEWED)
    floor = float(present.min()) / 2 if log else 0.0
    seen = np.log(present) if log else present
    filled = np.full(int(np.isnan(values).sum()), float(spec.impute or 0.0))
    whole = np.concatenate([seen, np.log(filled) if log else filled])
    centre, scale = float(whole.mean()), float(whole.std()) or 1.0
    lowest, highest = float(seen.min()), float(seen.max())
    margin = MARGIN * (highest - lowest)
    return Term(
        "number",
        index,
        log=log,
        floor=floor,
        fill=float(spec.impute or 0.0),
        centre=centre,
        scale=scale,
        lower=(lowest - margin - centre) / scale,
        upper=(highest + margin - centre) / scale,
    )


def _skewness(values: Floats) -> float:
    centred = values - values.mean()
    spread = float(centred.std())
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def _indices(terms: Sequence[Term], kind: str) -> NDArray[np.intp]:
    return np.array([index for index, term in enumerate(terms) if term.kind == kind], dtype=np.intp)


def _name(term: Term, terms: Sequence[Term], columns: Sequence[ColumnSpec], therapies: Sequence[str]) -> str:
    if term.kind == "therapy":
        return f"therapy={therapies[term.level]}"
    if term.kind == "interaction":
        return f"therapy={therapies[term.level]} x {_name(terms[term.of], terms, columns, therapies)}"
    spec = columns[term.column]
    if term.kind == "missing":
        return f"{spec.name} is missing"
    return spec.name if term.kind == "number" else f"{spec.name}={spec.categories[term.level]}"
