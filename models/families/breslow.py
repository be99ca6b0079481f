"""Breslow's baseline cumulative hazard under given log-hazard ratios, and the slope that these deserve."""

import numpy as np
from scipy.optimize import minimize_scalar

from features.types import Floats
from models.families.target import ProgressionTarget

_FLATTEST, _STEEPEST = 0.1, 2.0
"""Of a slope, as calibration has it: a score without signal keeps a little of its order."""


def breslow(log_ratio: Floats, target: ProgressionTarget) -> tuple[Floats, Floats]:
    """The baseline cumulative hazard on the days of events.

    Args:
        log_ratio: To the patient whose baseline it is, (n,).
        target: Time and event of these patients.

    Returns:
        Ascending days, and the cumulative hazard there.

    Source: Breslow, J R Stat Soc B 34 (1972) 216.
    """
    days, events = np.unique(target.time_days[target.event], return_counts=True)
    order = np.argsort(target.time_days, kind="stable")
    ratio = np.exp(log_ratio[order])
    at_risk = np.append(np.cumsum(ratio[::-1])[::-1], 0.0)
    first = np.searchsorted(target.time_days[order], days, side="left")
    return days, np.cumsum(events / at_risk[first])


def partial_log_likelihood(log_ratio: Floats, target: ProgressionTarget) -> float:
    """Cox's, with Breslow's form of ties; higher is better."""
    return float(partial_terms(log_ratio, target).sum())


def partial_terms(log_ratio: Floats, target: ProgressionTarget) -> Floats:
    """The same of each event, (events,), the last event first."""
    order = np.argsort(-target.time_days, kind="stable")
    time, event, ordered = target.time_days[order], target.event[order], log_ratio[order]
    last = np.searchsorted(-time, -time, side="right") - 1
    at_risk = np.logaddexp.accumulate(ordered)[last]
    terms: Floats = (ordered - at_risk)[event]
    return terms


def slope_of(score: Floats, target: ProgressionTarget) -> float:
    """By what a score of patients whom its maker had not seen is multiplied to be a log-hazard ratio, 0.1 to 2."""
    found = minimize_scalar(
        lambda slope: -partial_log_likelihood(slope * score, target), bounds=(_FLATTEST, _STEEPEST), method="bounded"
    )
    return float(found.x)
