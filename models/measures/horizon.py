"""Who had the event by a day, seen through censoring: a status with weights that make up for those lost to sight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget
from models.survival_error import censoring_survival, evaluation_days

_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True, eq=False)
class StatusAt:
    """Each patient's status at one day."""

    day: float
    progressed: Floats
    """1 where the event was seen by that day, else 0, (n,)."""
    weight: Floats
    """Inverse probability of being watched so long, (n,); 0 for a patient lost to sight before."""


def judged_days(target: ProgressionTarget) -> tuple[int, ...]:
    """Whole days by which a quarter, a half and three quarters of the seen events had come; none where too few were."""
    seen = target.time_days[target.event]
    if seen.size < len(_SHARES):
        return ()
    last = float(evaluation_days(target)[-1])
    days = {int(np.ceil(min(float(np.quantile(seen, share)), last))) for share in _SHARES}
    return tuple(sorted(day for day in days if 0 < day <= last))


def status_at(target: ProgressionTarget, day: float) -> StatusAt:
    """Status and weights; the censoring curve is the whole cohort's.

    Source: Graf et al., Stat Med 18 (1999) 2529, for the weights.
    """
    progressed = (target.time_days <= day) & target.event
    watched = target.time_days > day
    own = censoring_survival(target, target.time_days)
    then = float(censoring_survival(target, np.array([day]))[0])
    weight = np.divide(1.0, own, out=np.zeros_like(own), where=progressed & (own > 0))
    if then > 0:
        weight[watched] = 1.0 / then
    return StatusAt(day, progressed.astype(np.float64), weight)


def risk_at(survival: Floats, days: Floats, day: float) -> Floats:
    """Probability of the event by a day, (n,), strictly inside (0, 1), from curves on `days`, (n, days).

    Linear between days; a curve stands at 1 on day 0.
    """
    at, curves = np.concatenate([[0.0], days]), np.column_stack([np.ones(len(survival)), survival])
    risk = np.array([1.0 - np.interp(day, at, curve) for curve in curves])
    bounded: Floats = np.clip(risk, 1e-6, 1 - 1e-6)
    return bounded


def named(name: str, day: int) -> str:
    """The name of a figure that is taken at a day, e.g. `brier_at_365_days`."""
    return f"{name}_at_{day}_days"


def day_in(name: str) -> tuple[str, int | None]:
    """A figure's plain name, and the day at which it is taken, if any."""
    plain, at, rest = name.partition("_at_")
    parts: Sequence[str] = rest.split("_")
    return (plain, int(parts[0])) if at and parts[0].isdigit() else (name, None)
