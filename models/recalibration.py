"""How progression that was seen stands to predicted cumulative hazards, by Poisson regression, and what mends them.

A hazard that is right makes the events of a patient Poisson, with the cumulative hazard at the patient's own time for
their mean. Level and slope are fitted with its logarithm as the offset: h becomes h exp(level + (slope - 1) ratio), the
ratio being a patient's log cumulative hazard at the horizon, from the middle of the training patients. One factor a
patient keeps a curve a curve, whatever its family. A slope on the log cumulative hazard at own times instead would bend
time itself, and is not 1 for hazards that are right.

Source: Crowson, Atkinson and Therneau, Stat Methods Med Res 25 (2016) 1692.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from features.types import Floats
from models.calibration import Calibration
from models.errors import BrokenFile
from models.families.target import Bools, ProgressionTarget

_FLATTEST, _STEEPEST = 0.1, 2.0
"""Of a slope that is applied, as of every other calibration."""
_FARTHEST = 5.0
"""Of a slope that is told."""
_HALF = 0.5
"""Events added to those seen and to those expected, so that a cohort without events has a level."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Patients whom a model had not seen, as it expected them and as they went, until its horizon."""

    expected: Floats
    """Cumulative hazard over the days on which each patient was watched, (n,)."""
    ratio: Floats
    """Log cumulative hazard at the horizon, from the middle of those that the model learned from, (n,)."""
    event: Bools
    """Whether progression was seen by then, (n,)."""

    @classmethod
    def of(cls, hazard: Floats, time_days: Sequence[int], middle: float, target: ProgressionTarget) -> "Followed":
        """From curves.

        Args:
            hazard: Cumulative, at each of the days, (n, days).
            time_days: Ascending from 0; what comes after the last is not looked at.
            middle: Mean log cumulative hazard at the last day over the training patients.
            target: Of these patients, without competing events.
        """
        horizon = float(time_days[-1])
        entry = np.zeros(target.event.size) if target.entry_days is None else target.entry_days
        watched = [np.minimum(day, horizon) for day in (entry, target.time_days)]
        start, end = (
            np.array([np.interp(day, time_days, curve) for day, curve in zip(days, hazard, strict=True)])
            for days in watched
        )
        return cls(end - start, log_at_horizon(hazard) - middle, target.event & (target.time_days <= horizon))

    @classmethod
    def joined(cls, parts: "Sequence[Followed]") -> "Followed":
        """Of several models, each with its own patients."""
        return cls(*(np.concatenate([getattr(one, name) for one in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class HazardCalibration:
    """Slope and level of predicted hazards against what was seen."""

    patients: int
    events: int
    """Seen within the horizon."""
    expected: float
    """How many were predicted."""
    slope: float
    """Under 1, predictions are too extreme; 1 where all are the same."""
    slope_error: float | None
    """One standard error; None where the slope cannot be told."""

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.patients or self.expected < 0 or (self.slope_error or 0.0) < 0:
            raise BrokenFile("a calibration of hazards counts what cannot be")

    def __str__(self) -> str:
        """As people read it."""
        between = ""
        if self.slope_error is not None:
            lower, upper = (self.slope + side * 1.96 * self.slope_error for side in (-1, 1))
            between = f" ({lower:.2f} to {upper:.2f})"
        return f"slope {self.slope:.2f}{between}, {self.events} events where {self.expected:.1f} were expected"


@dataclass(frozen=True, slots=True)
class Mended:
    """What a training tells of its recalibration."""

    applied: HazardCalibration
    """As the inner folds of the whole fit found it; what the model's hazards are recalibrated by."""
    before: HazardCalibration
    """Of patients whom the outer folds held out, without the recalibration of their fold."""
    after: HazardCalibration
    """The same with it: it had not seen them."""


def in_words(mended: Mended) -> tuple[str, str]:
    """What a card and a terminal say."""
    return (
        f"Hazards are recalibrated by patients that inner folds held out: {mended.applied}",
        f"On patients that the outer folds held out: before {mended.before}; after {mended.after}",
    )


def measure(of: Followed) -> HazardCalibration:
    """Slope, with its standard error, and events seen and expected."""
    events = int(of.event.sum())
    slope, error = 1.0, None
    if events and float(np.ptp(of.ratio)) > 1e-9 and float(of.expected.sum()) > 0:
        found = minimize_scalar(
            lambda rise: -_log_likelihood(of, rise), bounds=(-_FARTHEST - 1, _FARTHEST - 1), method="bounded"
        )
        slope = 1.0 + float(found.x)
        share = of.expected * np.exp(float(found.x) * of.ratio)
        share = share / share.sum()
        spread = float(share @ of.ratio**2 - (share @ of.ratio) ** 2)
        error = float(1 / np.sqrt(events * spread)) if spread > _LEAST else None
    return HazardCalibration(of.event.size, events, float(of.expected.sum()), slope, error)


def mend(of: Followed, middle: float) -> Calibration:
    """What recalibrates the log cumulative hazard at the horizon, around a middle; its slope is held in [0.1, 2].

    Args:
        of: Patients whom inner folds had held out.
        middle: Of the model that is to be recalibrated, as in `Followed.of`.
    """
    slope = float(np.clip(measure(of).slope, _FLATTEST, _STEEPEST))
    expected = float((of.expected * np.exp((slope - 1) * of.ratio)).sum())
    level = float(np.log((of.event.sum() + _HALF) / (expected + _HALF)))
    return Calibration(slope=slope, intercept=level - (slope - 1) * middle)


def log_at_horizon(hazard: Floats) -> Floats:
    """Of cumulative hazards, (..., days); finite where there is none."""
    told: Floats = np.log(np.maximum(hazard[..., -1], _LEAST))
    return told


def recalibrated_hazard(hazard: Floats, calibration: Calibration) -> Floats:
    """Cumulative hazards, (..., days), each curve multiplied so that its end is what the calibration says."""
    if calibration == Calibration():
        return hazard
    end = log_at_horizon(hazard)
    told: Floats = hazard * np.exp(calibration.apply(end) - end)[..., None]
    return told


def _log_likelihood(of: Followed, rise: float) -> float:
    """Poisson's over slope - 1, at the best level for it, without constants."""
    at = rise * of.ratio
    highest = float(at.max())
    return float(at[of.event].sum()) - int(of.event.sum()) * (
        highest + float(np.log((of.expected * np.exp(at - highest)).sum()))
    )
