"""Error of predicted survival curves under censoring: the Brier score, weighted by who could be watched.

What is predicted is no progression until a day. Who died before it is known not to have progressed; who entered late
counts from then on.
"""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget
from models.under_watch import ended, seen_at, seen_beyond, well_watched

POINTS = 40


def evaluation_days(target: ProgressionTarget) -> Floats:
    """Days at which survival is judged, (40,): until a tenth of the patients, and at least five, are still watched.

    With late entry, from when so many are.

    Raises:
        BadCohort: So few patients are never watched at once, as they entered late.
    """
    ordered = np.sort(target.time_days)
    still = max(5, int(np.ceil(ordered.size / 10)))
    first, last = (0.0, float(ordered[-still])) if target.entry_days is None else well_watched(target, still)
    return np.linspace(max(first, last / POINTS), last * (1 - 1e-9), POINTS)


def watched_at_own_time(target: ProgressionTarget) -> Floats:
    """Probability of being watched until one's own time, (n,); with late entry of being under watch then."""
    return censoring_survival(target, target.time_days) if target.entry_days is None else seen_at(target)


def watched_beyond(target: ProgressionTarget, days: Floats) -> Floats:
    """Probability of being watched beyond each day, (days,); with late entry of being under watch after it."""
    return censoring_survival(target, days) if target.entry_days is None else seen_beyond(target, days)


def censoring_survival(target: ProgressionTarget, days: Floats) -> Floats:
    """Kaplan-Meier's probability of not being censored until each day, (days,); events come before censorings.

    All patients are taken to be watched from day 0; a competing event is no censoring.
    """
    seen = ended(target)
    times = np.unique(target.time_days)
    at_risk = (target.time_days[None, :] >= times[:, None]).sum(axis=1)
    events = ((target.time_days[None, :] == times[:, None]) & seen).sum(axis=1)
    censored = ((target.time_days[None, :] == times[:, None]) & ~seen).sum(axis=1)
    exposed = at_risk - events
    steps = 1 - np.divide(censored, exposed, out=np.zeros(times.size), where=exposed > 0)
    curve = np.concatenate([[1.0], np.cumprod(steps)])
    survival: Floats = curve[np.searchsorted(times, days, side="right")]
    return survival


def integrated_brier(target: ProgressionTarget, survival: Floats, days: Floats, weights: Floats) -> Floats:
    """Mean over days of the squared error of predicted survival, weighted for censoring, of each draw, (draws,).

    0 is perfect; a constant 0.5 scores 0.25. The censoring curve is the whole cohort's in every draw.

    With late entry it is a mean over all patients from day 0, of whom those seen are no fair part: the weights of those
    seen make up the whole by which is divided.

    Args:
        target: Time and event, n patients.
        survival: Predicted probability of no progression until each day, (n, days).
        days: Ascending; the last must lie before the last day on which anyone was watched.
        weights: How often each patient counts, (draws, n).

    Source: Graf et al., Stat Med 18 (1999) 2529; with competing events Schoop et al., Biom J 53 (2011) 88.
    """
    error, seen = _errors(target, survival, days)
    if seen is not None:
        whole = weights @ seen
        by_day = np.divide(weights @ error, whole, out=np.full_like(whole, np.nan), where=whole > 0)
        late: Floats = np.trapezoid(by_day, days, axis=1) / (days[-1] - days[0])
        return late
    each = np.trapezoid(error, days, axis=1) / (days[-1] - days[0])
    draws: Floats = weights @ each / weights.sum(axis=1)
    return draws


def integrated_errors(target: ProgressionTarget, survival: Floats, days: Floats) -> Floats:
    """Each patient's part in the integrated Brier score, (n,): their mean is the score. See `integrated_brier`."""
    error, seen = _errors(target, survival, days)
    if seen is not None:
        whole = seen.mean(axis=0)
        error = np.divide(error, whole, out=np.full_like(error, np.nan), where=whole > 0)
    each: Floats = np.trapezoid(error, days, axis=1) / (days[-1] - days[0])
    return each


def _errors(target: ProgressionTarget, survival: Floats, days: Floats) -> tuple[Floats, Floats | None]:
    """Each patient's weighted squared error on each day, (n, days), and with late entry the weights of those seen."""
    progressed = (target.time_days[:, None] <= days[None, :]) & target.event[:, None]
    watched = target.time_days[:, None] > days[None, :]
    own = watched_at_own_time(target)[:, None]
    at_day = watched_beyond(target, days)[None, :]
    error = np.where(progressed, survival**2 / np.where(own > 0, own, np.inf), 0.0)
    if target.competing is not None:
        died = (target.time_days[:, None] <= days[None, :]) & target.competing[:, None]
        error += np.where(died, (1 - survival) ** 2 / np.where(own > 0, own, np.inf), 0.0)
    if target.entry_days is not None:
        watched &= target.entry_days[:, None] <= days[None, :]
        known = (target.time_days[:, None] <= days[None, :]) & ended(target)[:, None] & (own > 0)
        seen = np.divide(1.0, own, out=np.zeros(survival.shape), where=known)
        seen += np.where(watched, 1 / np.where(at_day > 0, at_day, np.inf), 0.0)
        return error + np.where(watched, (1 - survival) ** 2 * seen, 0.0), seen
    error += np.where(watched, (1 - survival) ** 2 / np.where(at_day > 0, at_day, np.inf), 0.0)
    return error, None
