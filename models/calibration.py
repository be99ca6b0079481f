"""Calibration of the log-odds from out-of-fold predictions: Platt's line, a beta curve, or smoothed isotonic steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from features.types import Floats
from models.errors import BrokenFile

Kind = Literal["platt", "beta", "isotonic"]
_STEEPEST = 2.0
_FLATTEST = 0.1
"""A model without signal keeps a little of its order, so that its answers stay distinguishable."""
_LARGEST_LOG_ODDS = 16.0
"""Beyond it a probability would round to 0 or 1."""
_FEWEST_FOR_A_CURVE = 100
"""Patients below which only a line is tried."""
_FOLDS = 5
_CURVES: tuple[Kind, ...] = ("beta", "isotonic")
_ISOTONIC_LIMIT = 4.0
"""Log-odds beyond which no isotonic step goes: a step that no patient contradicts would else be certain."""
_LEAST_SLOPE = 0.02
"""Of an isotonic curve between its steps, so that patients who differ are told apart."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated log-odds of raw log-odds s; always rising."""

    slope: float = 1.0
    """Platt: intercept + slope s. Beta: of the logarithm of the raw probability."""
    intercept: float = 0.0
    kind: Kind = "platt"
    second_slope: float = 0.0
    """Beta only: of minus the logarithm of 1 minus the raw probability."""
    knots: tuple[tuple[float, float], ...] = ()
    """Isotonic only: raw and calibrated log-odds, both rising; straight between them, and beyond by `_LEAST_SLOPE`."""

    def __post_init__(self) -> None:
        raw, told = [knot[0] for knot in self.knots if len(knot) == 2], [knot[-1] for knot in self.knots if knot]
        rising = all(a < b for values in (raw, told) for a, b in pairwise(values))
        right = self.slope >= 0 and self.second_slope >= 0 and len(raw) == len(self.knots) and rising
        right = right and (self.kind == "isotonic") == (len(self.knots) >= 2)
        right = right and (self.kind == "isotonic" or self.slope + self.second_slope > 0)
        if not right or (self.kind != "beta" and self.second_slope != 0):
            raise BrokenFile("a calibration does not rise, or is of another kind than it says")

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds, any shape."""
        if self.kind == "platt":
            line: Floats = self.intercept + self.slope * log_odds
            return line
        if self.kind == "beta":
            first, second = -np.logaddexp(0.0, -log_odds), np.logaddexp(0.0, log_odds)
            curve: Floats = self.intercept + self.slope * first + self.second_slope * second
            return curve
        raw, told = np.array(self.knots).T
        steps: Floats = np.interp(log_odds, raw, told)
        steps += _LEAST_SLOPE * (np.minimum(log_odds - raw[0], 0.0) + np.maximum(log_odds - raw[-1], 0.0))
        return steps

    def steepness(self, log_odds: Floats, middle: Floats) -> Floats:
        """How much calibrated log-odds differ for each unit of raw ones, from a middle to where a patient is."""
        if self.kind == "platt":
            return np.full(np.shape(log_odds), self.slope)
        away = log_odds - middle
        apart = np.abs(away) > 1e-6
        near = (self.apply(middle + 1e-3) - self.apply(middle - 1e-3)) / 2e-3
        chord = (self.apply(log_odds) - self.apply(middle)) / np.where(apart, away, 1.0)
        result: Floats = np.where(apart, chord, near)
        return result


def choose_calibration(log_odds: Floats, response: Floats, generator: np.random.Generator) -> Calibration:
    """The kind of least log-loss on patients whom the calibration itself had not seen; a line where none is better.

    A curve must be better than the line by more than chance (a standard error of the difference) would make it.

    Args:
        log_odds: Raw predictions for patients that the model had not seen, (n,).
        response: 1 for response, 0 for none, (n,).
        generator: Draws the folds.
    """
    kinds = _FITS if response.size >= _FEWEST_FOR_A_CURVE else {"platt": _FITS["platt"]}
    if len(kinds) == 1:
        return fit_calibration(log_odds, response)
    fold = np.empty(response.size, dtype=np.intp)
    for members in (np.flatnonzero(response > 0), np.flatnonzero(response == 0)):
        fold[generator.permutation(members)] = np.arange(members.size) % _FOLDS
    loss = {kind: np.empty(response.size) for kind in kinds}
    for held_out in range(_FOLDS):
        seen, unseen = fold != held_out, fold == held_out
        for kind, fit in kinds.items():
            told = fit(log_odds[seen], response[seen]).apply(log_odds[unseen])
            loss[kind][unseen] = np.logaddexp(0.0, told) - response[unseen] * told
    best: Kind = "platt"
    for kind in _CURVES:
        gain = loss[best] - loss[kind]
        if float(gain.mean()) > float(gain.std(ddof=1)) / np.sqrt(gain.size):
            best = kind
    return kinds[best](log_odds, response)


def fit_calibration(log_odds: Floats, response: Floats, *, steps: int = 50) -> Calibration:
    """Slope and intercept of least log-loss.

    Args:
        log_odds: Raw predictions for patients that the model had not seen, (n,).
        response: 1 for response, 0 for none, (n,).
        steps: Newton steps.

    Source: Platt 1999, with his prior on the targets; the slope is held in [0.1, 2].
    """
    target = _softened(response)
    slope = float(
        np.clip(_newton(np.column_stack([np.ones_like(log_odds), log_odds]), target, steps)[1], _FLATTEST, _STEEPEST)
    )
    intercept = _newton(np.ones((log_odds.size, 1)), target, steps, offset=slope * log_odds)[0]
    return Calibration(slope=slope, intercept=float(intercept))


def fit_beta(log_odds: Floats, response: Floats, *, steps: int = 50) -> Calibration:
    """A beta curve: a slope on either side of one half; where one would fall, it is 0.

    Source: Kull, Silva Filho and Flach, Electron J Stat 11 (2017) 5052.
    """
    target = _softened(response)
    sides = np.column_stack([-np.logaddexp(0.0, -log_odds), np.logaddexp(0.0, log_odds)])
    ones = np.ones((log_odds.size, 1))
    found = _newton(np.hstack([ones, sides]), target, steps)
    slopes = np.array([found[1], found[2]])
    if slopes.min() < 0:
        kept = int(np.argmax(slopes))
        alone = _newton(np.hstack([ones, sides[:, [kept]]]), target, steps)[1]
        slopes = np.zeros(2)
        slopes[kept] = max(alone, _FLATTEST)
    intercept = _newton(ones, target, steps, offset=sides @ slopes)[0]
    return Calibration(float(slopes[0]), float(intercept), "beta", float(slopes[1]))


def fit_isotonic(log_odds: Floats, response: Floats) -> Calibration:
    """Isotonic regression (pool adjacent violators), a knot at the middle of each step and a little slope between.

    Source: Zadrozny and Elkan, KDD 2002.
    """
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - a second to import

    order = np.argsort(log_odds, kind="stable")
    ascending = log_odds[order]
    told = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(ascending, response[order])
    starts = np.flatnonzero(np.concatenate([[True], np.diff(told) > 0]))
    ends = np.concatenate([starts[1:], [told.size]])
    raw = np.array([ascending[start:end].mean() for start, end in zip(starts, ends, strict=True)])
    counts = ends - starts
    chance = (told[starts] * counts + 0.5) / (counts + 1)
    level = np.clip(np.log(chance / (1 - chance)), -_ISOTONIC_LIMIT, _ISOTONIC_LIMIT)
    apart = np.concatenate([[True], np.diff(raw) > 1e-9])
    raw, level = raw[apart], np.maximum.accumulate(level[apart])
    level = level + _LEAST_SLOPE * (raw - raw[0])
    if raw.size < 2:
        return fit_calibration(log_odds, response)
    return Calibration(kind="isotonic", knots=tuple(zip(raw.tolist(), level.tolist(), strict=True)))


_FITS: Mapping[Kind, Callable[[Floats, Floats], Calibration]] = {
    "platt": fit_calibration,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}


def probability(log_odds: Floats) -> Floats:
    """Logistic function, strictly inside (0, 1)."""
    result: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)))
    return result


def _softened(response: Floats) -> Floats:
    """Platt's prior on the targets: as if either class had been seen once more."""
    positives = float(response.sum())
    negatives = response.size - positives
    result: Floats = np.where(response > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    return result


def _newton(X: Floats, target: Floats, steps: int, offset: Floats | float = 0.0) -> Floats:
    """Logistic regression with a whisper of ridge, (columns,)."""
    coefficients = np.zeros(X.shape[1])
    ridge = 1e-3 * np.eye(X.shape[1])
    for _ in range(steps):
        fitted = probability(X @ coefficients + offset)
        gradient = X.T @ (target - fitted) - ridge @ coefficients
        hessian = (X * (fitted * (1 - fitted))[:, None]).T @ X + ridge
        step = np.linalg.solve(hessian, gradient)
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-12:
            break
    return coefficients
