"""Who is under watch when: risk sets from each patient's entry on, and the probability of being in one.

Who progressed before entry is not among the patients, who was censored is lost after. One who is seen at a day counts
for all like them by the inverse of that probability. It is read from the risk set: the share of the cohort that is in
it is the probability of being under watch times that of having come so far without an end (the product limit with late
entry). So weighted, seen events add up to Aalen and Johansen's curve; where no other end comes first, to Kaplan and
Meier's.

Source: Geskus, Biometrics 67 (2011) 39.
"""

import numpy as np

from features.types import Floats
from models.errors import BadCohort
from models.families.target import Bools, ProgressionTarget

FEWEST_WATCHED = 5
"""With late entry, an end in a smaller risk set counts for nothing: one patient of one would end the curve for all.

Source: Lai and Ying, Ann Stat 19 (1991) 417.
"""


def ended(target: ProgressionTarget) -> Bools:
    """Where an end of either kind was seen, (n,)."""
    return target.event if target.competing is None else target.event | target.competing


def risk_sets(target: ProgressionTarget, days: Floats) -> Bools:
    """Whether each patient was under watch on each day, the own last one included, (n, days)."""
    watched: Bools = target.time_days[:, None] >= days[None, :]
    if target.entry_days is not None:
        watched &= target.entry_days[:, None] < days[None, :]
    return watched


def days_of_ends(target: ProgressionTarget) -> Floats:
    """Days on which an end was seen, ascending; with late entry those on which enough patients were under watch."""
    days: Floats = np.unique(target.time_days[ended(target)])
    if target.entry_days is None:
        return days
    enough: Floats = days[risk_sets(target, days).sum(axis=0) >= FEWEST_WATCHED]
    return enough


def seen_at(target: ProgressionTarget) -> Floats:
    """Probability of being under watch at one's own time, (n,), up to a constant; 0 where it cannot be told.

    The patients must have entered late; else it is that of not being censored.
    """
    count = risk_sets(target, target.time_days).sum(axis=0)
    free = _free(target, target.time_days, through=False)
    return _share(np.where(count >= FEWEST_WATCHED, count, 0), free, target.event.size)


def seen_beyond(target: ProgressionTarget, days: Floats) -> Floats:
    """Probability of being under watch after each day, (days,), up to the same constant; 0 where nobody was."""
    assert target.entry_days is not None  # noqa: S101 - without late entry it is that of not being censored
    entered = target.entry_days[:, None] <= days[None, :]
    count = (entered & (target.time_days[:, None] > days[None, :])).sum(axis=0)
    return _share(count, _free(target, days, through=True), target.event.size)


def well_watched(target: ProgressionTarget, fewest: int) -> tuple[float, float]:
    """First and last day of the longest stretch in which so many patients were under watch at any time.

    Raises:
        BadCohort: There never were.
    """
    assert target.entry_days is not None  # noqa: S101 - without late entry it is from day 0 on
    marks = np.unique(np.concatenate([target.entry_days, target.time_days]))
    enough = risk_sets(target, marks[1:]).sum(axis=0) >= fewest
    edges = np.flatnonzero(np.diff(np.concatenate([[False], enough, [False]]).astype(int)))
    if not edges.size:
        raise BadCohort(
            f"never as many as {fewest} patients were under watch at once; wanted that for figures with late entry",
            wanted=fewest,
        )
    starts, stops = marks[edges[::2]], marks[edges[1::2]]
    longest = int(np.argmax(stops - starts))
    return float(starts[longest]), float(stops[longest])


def progressed_by(target: ProgressionTarget, weights: Floats, days: Floats) -> Floats:
    """Cumulative incidence of progression by each day, of each draw, (draws, days); 0 in a draw of nobody.

    Args:
        target: Of n patients.
        weights: How often each patient counts in each draw, (draws, n).
        days: Any days.

    Source: Aalen and Johansen, Scand J Stat 5 (1978) 141; with late entry, risk sets from entry on.
    """
    times = days_of_ends(target)
    at_risk = weights @ risk_sets(target, times).astype(np.float64)
    now = target.time_days[:, None] == times[None, :]
    ends, progressions = (
        np.divide(weights @ (now & which[:, None]), at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        for which in (ended(target), target.event)
    )
    before = np.cumprod(np.hstack([np.ones((len(weights), 1)), 1 - ends]), axis=1)[:, :-1]
    came = np.hstack([np.zeros((len(weights), 1)), np.cumsum(before * progressions, axis=1)])
    incidence: Floats = came[:, np.searchsorted(times, days, side="right")]
    return incidence


def _free(target: ProgressionTarget, days: Floats, *, through: bool) -> Floats:
    """Probability of no end until, or through, each day, (days,): the product limit."""
    times = days_of_ends(target)
    now = (target.time_days[:, None] == times[None, :]) & ended(target)[:, None]
    curve = np.cumprod(np.concatenate([[1.0], 1 - now.sum(axis=0) / risk_sets(target, times).sum(axis=0)]))
    free: Floats = curve[np.searchsorted(times, days, side="right" if through else "left")]
    return free


def _share(count: Floats, free: Floats, patients: int) -> Floats:
    return np.divide(count, free * patients, out=np.zeros_like(free), where=free > 0)
