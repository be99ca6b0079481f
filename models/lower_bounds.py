"""Conformal lower bounds of the time to progression, from censored patients: days that most get beyond.

Who was censored tells less; who progressed counts for all that censoring took out of sight (inverse probability of
censoring). The promise rests on that weighting and on patients to come being like those given the same therapy here,
not on the curve being right: a wrong curve makes bounds low, not false.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.answers import LowerBound
from models.errors import BadCohort, BrokenFile
from models.families.target import ProgressionTarget
from models.survival_error import censoring_survival


@dataclass(frozen=True, slots=True)
class LowerBounds:
    """How far each therapy's curves may fall before their bound is reached."""

    level: float
    falls: tuple[float, ...]
    """One a therapy: the bound is the day on which 1 minus survival reaches this."""
    patients: tuple[int, ...]
    """How many gave each; all of them were held out when they were predicted."""

    def __post_init__(self) -> None:
        right = 0.5 <= self.level < 1 and len(self.falls) == len(self.patients) > 0
        if not right or not all(0 <= fall <= 1 for fall in self.falls) or min(self.patients) < 0:
            raise BrokenFile("the lower bounds' level, falls or patients are impossible")

    def of(self, time_days: Sequence[int], survival: Floats, therapy: int) -> LowerBound:
        """The bound of one patient, whose curve under that therapy is told; at most the last day."""
        fallen = 1 - survival
        days = np.asarray(time_days, dtype=np.float64)
        after = int(np.searchsorted(fallen, self.falls[therapy], side="left"))
        if after >= fallen.size:
            bound = float(days[-1])
        elif after == 0:
            bound = 0.0
        else:
            step = fallen[after] - fallen[after - 1]
            share = (self.falls[therapy] - fallen[after - 1]) / step
            bound = float(days[after - 1] + share * (days[after] - days[after - 1]))
        return LowerBound(bound, self.level, self.patients[therapy])


def fit_lower_bounds(
    target: ProgressionTarget,
    time_days: Sequence[int],
    survival: Floats,
    given: NDArray[np.intp],
    therapies: int,
    level: float,
) -> LowerBounds:
    """How far curves may fall, from held-out predictions; not at all where too few patients progressed to tell.

    Args:
        target: Of all patients.
        time_days: Ascending, from 0.
        survival: Under the therapy that was given, by a model that had not seen the patient, (n, days).
        given: Index of the therapy, (n,).
        therapies: How many there are, at least 1.
        level: How often the time to progression is to lie at or beyond the bound.

    Raises:
        BadCohort: Patients entered late, or another end may come first; the weights are against censoring alone.

    Source: Candes, Lei and Ren, JRSS-B 85 (2023) 24, with the weights of Robins and Finkelstein, Biometrics 56 (2000)
    779, instead of a fixed end of follow-up.
    """
    if not target.plain:
        raise BadCohort("patients entered late, or another end came first; wanted times that were censored and no more")
    fallen = 1 - np.array(
        [np.interp(time, time_days, curve) for time, curve in zip(target.time_days, survival, strict=True)]
    )
    falls, patients = [], []
    for therapy in range(therapies):
        rows = np.flatnonzero(given == therapy)
        patients.append(int(rows.size))
        falls.append(_fall(target.take(rows), fallen[rows], float(time_days[-1]), level) if rows.size else 0.0)
    return LowerBounds(level, tuple(falls), tuple(patients))


def _fall(target: ProgressionTarget, fallen: Floats, last_day: float, level: float) -> float:
    """The largest fall that too few patients progress before: the weighted form of a conformal quantile."""
    told = np.flatnonzero(target.event & (target.time_days <= last_day))
    watched = censoring_survival(target, target.time_days[told] - 1e-9)
    order = np.argsort(fallen[told], kind="stable")
    weight = 1 / np.maximum(watched[order], 1 / max(1, target.event.size))
    before = np.cumsum(weight)
    allowed = int(np.searchsorted(before, (1 - level) * (target.event.size + 1) + 1e-9, side="right"))
    return float(fallen[told][order][allowed - 1]) if allowed else 0.0
