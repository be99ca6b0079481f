"""Accelerated failure times at work: a mean of log t for each patient, a curve about it; plain JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.errors import BrokenFile
from models.families.accelerated import Accelerated
from models.families.family import ProgressionScores
from models.families.time_curves import Curve, cumulative_hazard, log_cumulative_hazard
from models.plain import dumps

FILE = "accelerated.json"
_NARROWEST, _WIDEST = 1e-3, 1e3


@dataclass(frozen=True, slots=True)
class LogTimes:
    """One fitted model: log t (days) = intercept + coefficients . x + scale e."""

    coefficients: tuple[float, ...]
    """One for each design column, on its scale; above 0 where it delays progression."""
    intercept: float
    scale: float

    def __post_init__(self) -> None:
        if not _NARROWEST < self.scale < _WIDEST:
            raise BrokenFile(f"{FILE}: a scale of {self.scale}; wanted {_NARROWEST} to {_WIDEST}")

    @classmethod
    def of(cls, fit: Accelerated) -> "LogTimes":
        """As it is kept."""
        return cls(tuple(fit.coefficients.tolist()), fit.intercept, fit.scale)


@dataclass(frozen=True, slots=True)
class AcceleratedFile:
    """What `accelerated.json` holds."""

    curve: Curve
    """Of e: `extreme` makes times Weibull's, `normal` log-normal."""
    estimate: LogTimes
    replicates: tuple[LogTimes, ...]


class AcceleratedEngine:
    """Coefficients ready to multiply."""

    def __init__(self, content: AcceleratedFile, time_days: Sequence[int]) -> None:
        self._content = content
        every = (content.estimate, *content.replicates)
        self._coefficients = np.array([one.coefficients for one in every])
        self._intercept = np.array([[one.intercept] for one in every])
        self._scale = np.array([one.scale for one in every])[:, None, None]
        with np.errstate(divide="ignore"):  # day 0 lies infinitely early
            self._log_days = np.log(np.asarray(time_days, dtype=np.float64))

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        located = self._coefficients @ X.T + self._intercept
        z = (self._log_days - located[:, :, None]) / self._scale
        hazard = cumulative_hazard(self._content.curve, z)
        return ProgressionScores(hazard[0], hazard[1:])

    def contributions(self, X: Floats) -> Floats:
        """Shares of the log cumulative hazard at the horizon, so that they stand on the scale of every other family.

        The hazards of two patients keep no ratio over time (but for Weibull's), and only log t adds up. So a patient's
        distance from the patient of all zeros, on the log cumulative hazard, is shared out as log t is: exact in sum,
        and for Weibull the log-hazard ratio itself. Higher is worse: what delays progression has a share below 0.
        """
        shares = X * (-self._coefficients[0] / self._scale[0, 0])
        start = float((self._log_days[-1] - self._intercept[0, 0]) / self._scale[0, 0, 0])
        result: Floats = shares * chord(self._content.curve, start, shares.sum(axis=1))[:, None]
        return result

    def files(self) -> dict[str, bytes]:
        """Plain JSON."""
        return {FILE: dumps(self._content)}


def chord(curve: Curve, start: float, away: Floats) -> Floats:
    """How much the log cumulative hazard rises for each unit of z, between a start and so far away, (n,)."""
    if curve == "extreme":
        return np.ones_like(away)
    apart = np.abs(away) > 1e-6
    at = np.array([start - 1e-3, start, start + 1e-3])
    below, here, above = log_cumulative_hazard(curve, at)
    rise = log_cumulative_hazard(curve, start + away) - here
    steepness: Floats = np.where(apart, rise / np.where(apart, away, 1.0), (above - below) / 2e-3)
    return steepness
