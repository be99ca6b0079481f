"""How likely progression is by each day where death may come first: Aalen and Johansen's estimate, and from hazards.

Source: Aalen and Johansen, Scand J Stat 5 (1978) 141; Putter, Fiocco and Geskus, Stat Med 26 (2007) 2389.
"""

from typing import NamedTuple

import numpy as np

from features.types import Floats
from models.families.target import Bools

_LEAST = 1e-300


class Incidence(NamedTuple):
    """A cumulative incidence of progression and how it moves with either log-hazard, each (..., days)."""

    value: Floats
    by_progression: Floats
    by_death: Floats


def aalen_johansen(time_days: Floats, progressed: Bools, died: Bools) -> tuple[Floats, Floats]:
    """Cumulative incidence of progression in a cohort, death being another end and not a censoring.

    Args:
        time_days: To progression, to death before it, or to censoring, (n,).
        progressed: Where progression came, (n,).
        died: Where death came first, (n,).

    Returns:
        Days of events of either kind, ascending, and the cumulative incidence there.
    """
    days = np.unique(time_days[progressed | died])
    at_risk = (time_days[:, None] >= days).sum(axis=0)
    now = time_days[:, None] == days
    progressions, deaths = (now & progressed[:, None]).sum(axis=0), (now & died[:, None]).sum(axis=0)
    free = np.cumprod(1 - (progressions + deaths) / at_risk)
    before = np.concatenate([[1.0], free[:-1]])
    return days, np.cumsum(before * progressions / at_risk)


def incidence(progression: Floats, death: Floats) -> Incidence:
    """Cumulative incidence of progression from cumulative cause-specific hazards that are even between days.

    Args:
        progression: Cumulative hazard of progression at the days of a curve, (..., days), 0 at the first.
        death: Cumulative hazard of death without progression, likewise.

    Returns:
        The incidence, and its slopes in the logarithm of the one hazard and of the other.
    """
    step, other = np.diff(progression, axis=-1), np.diff(death, axis=-1)
    both = step + other
    share = np.divide(step, both, out=np.zeros_like(both), where=both > 0)
    free = np.exp(-(progression + death)[..., :-1])
    leaving, staying = -np.expm1(-both), np.exp(-both)
    value = free * share * leaving
    # d share / d log step = share (1 - share); d leaving = staying d both; d free = -free d (both so far)
    turned = share * (1 - share) * leaving
    by_progression = free * (turned + share * staying * step) - progression[..., :-1] * value
    by_death = free * (-turned + share * staying * other) - death[..., :-1] * value
    return Incidence(*(_summed(one) for one in (value, by_progression, by_death)))


def subdistribution_hazard(progression: Floats, death: Floats) -> tuple[Floats, Floats]:
    """Minus the logarithm of the probability of no progression, and that probability, (..., days).

    Args:
        progression: As for `incidence`.
        death: Likewise.
    """
    came = incidence(progression, death).value
    stayed = np.exp(-(progression + death)) + incidence(death, progression).value  # a sum, so that nothing cancels
    stayed = np.maximum(stayed, _LEAST)
    hazard: Floats = np.where(came < 0.5, -np.log1p(-np.minimum(came, 0.5)), -np.log(stayed))
    return hazard, stayed


def _summed(steps: Floats) -> Floats:
    start = np.zeros((*steps.shape[:-1], 1))
    summed: Floats = np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)
    return summed
