"""Who had the event by a day, seen through censoring: a status with weights that make up for those lost to sight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget
from models.survival_error import evaluation_days, watched_at_own_time, watched_beyond
from models.under_watch import ended

_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True, eq=False)
class StatusAt:
    """Each patient's status at one day."""

    day: float
    progressed: Floats
    """1 where the event was seen by that day, else 0, (n,); 0 also where a competing event was."""
    weight: Floats
    """Inverse probability of being watched so long, (n,); 0 for a patient lost to sight before, or not yet entered."""


def judged_days(target: ProgressionTarget) -> tuple[int, ...]:
    """Whole days by which a quarter, a half and three quarters of the seen events had come; none where too few were."""
    seen = target.time_days[target.event]
    if seen.size < len(_SHARES):
        return ()
    days = evaluation_days(target)
    first, last = 0.0 if target.entry_days is None else float(days[0]), float(days[-1])
    judged = {int(np.ceil(min(float(np.quantile(seen, share)), last))) for share in _SHARES}
    return tuple(sorted(day for day in judged if 0 < day <= last and first <= day))


def status_at(target: ProgressionTarget, day: float) -> StatusAt:
    """Status and weights; the curves that these come from are the whole cohort's.

    Source: Graf et al., Stat Med 18 (1999) 2529, for the weights; Schoop et al., Biom J 53 (2011) 88, where another end
    may come first: from then on the event is known not to come. With late entry, `models.under_watch`.
    """
    progressed = (target.time_days <= day) & target.event
    watched = target.time_days > day
    if target.entry_days is not None:
        watched &= target.entry_days <= day
    known = (target.time_days <= day) & ended(target)
    own = watched_at_own_time(target)
    then = float(watched_beyond(target, np.array([day]))[0])
    weight = np.divide(1.0, own, out=np.zeros_like(own), where=known & (own > 0))
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
