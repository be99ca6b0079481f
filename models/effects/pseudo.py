"""Censored survival as one number a patient: pseudo-values of survival at a day and of the restricted mean.

A pseudo-value is what a patient adds to the Kaplan-Meier estimate of the group: n times the estimate less n - 1 times
that without the patient. Their mean is the estimate, and a regression of them is one of the quantity itself.
Taken within each therapy, so that censoring may differ between therapies; within one it must not depend on the patient.

Source: Andersen, Klein and Rosthoej, Biometrika 90 (2003) 15; Andersen and Perme, Stat Methods Med Res 19 (2010) 71.
"""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget

_CHUNK = 256


def survival_pseudo_values(target: ProgressionTarget, day: float) -> Floats:
    """Of the probability of no event until a day, (n,)."""
    return _pseudo_values(target, day, area=False)


def restricted_mean_pseudo_values(target: ProgressionTarget, horizon: float) -> Floats:
    """Of the mean time without the event up to a horizon, (n,)."""
    return _pseudo_values(target, horizon, area=True)


def restricted_mean(target: ProgressionTarget, horizon: float) -> tuple[float, float]:
    """Area under Kaplan-Meier's curve up to a horizon, and its standard error.

    Source: Klein and Moeschberger, Survival Analysis (2003), 4.5: the squared area that is left after each event,
    times Greenwood's term.
    """
    times, at_risk, events = _table(target, horizon)
    survival = np.asarray(np.cumprod(1 - events / at_risk), dtype=np.float64)
    left = _areas_left(times, survival, horizon)
    mean = float(times[0] + left[0]) if times.size else horizon
    room = at_risk * (at_risk - events)
    terms = np.divide(events, room, out=np.zeros_like(events), where=room > 0)
    return mean, float(np.sqrt((left**2 * terms).sum()))


def _areas_left(times: Floats, survival: Floats, horizon: float) -> Floats:
    """Area under the curve from each event time to the horizon, (times,)."""
    widths = np.diff(np.append(times, horizon))
    areas: Floats = np.cumsum((survival * widths)[::-1])[::-1]
    return areas


def _table(target: ProgressionTarget, until: float) -> tuple[Floats, Floats, Floats]:
    """Event times up to a day, with how many were at risk and had the event."""
    times = np.unique(target.time_days[target.event & (target.time_days <= until)])
    ordered = np.sort(target.time_days)
    at_risk = (ordered.size - np.searchsorted(ordered, times, side="left")).astype(np.float64)
    seen = np.sort(target.time_days[target.event])
    events = np.searchsorted(seen, times, side="right") - np.searchsorted(seen, times, side="left")
    return times, at_risk, events.astype(np.float64)


def _pseudo_values(target: ProgressionTarget, day: float, *, area: bool) -> Floats:
    times, at_risk, events = _table(target, day)
    count = target.time_days.size
    if not times.size:
        return np.full(count, day if area else 1.0)
    widths = np.diff(np.append(times, day))

    def estimate(risk: Floats, event: Floats) -> Floats:
        steps = 1 - np.divide(event, risk, out=np.zeros_like(risk), where=risk > 0)
        curve = np.cumprod(steps, axis=-1)
        whole: Floats = times[0] + curve @ widths if area else curve[..., -1]
        return whole

    everybody = float(estimate(at_risk, events))
    without = np.empty(count)
    for start in range(0, count, _CHUNK):
        own, event = target.time_days[start : start + _CHUNK, None], target.event[start : start + _CHUNK, None]
        without[start : start + _CHUNK] = estimate(at_risk - (own >= times), events - ((own == times) & event))
    values: Floats = count * everybody - (count - 1) * without
    return values
