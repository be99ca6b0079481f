"""Up to when a survival curve is known, and on which days it is given."""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget

_AT_RISK = 0.1
"""Beyond the day until which this share of training patients was followed, too few tell of it."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 90, 180, 365)
_MOST_POINTS = 60


def days(target: ProgressionTarget) -> tuple[int, ...]:
    """Evenly spaced whole days from 0 to the horizon, a multiple of their step."""
    followed = max(2.0, float(np.quantile(target.time_days, 1 - _AT_RISK)))
    step = next((step for step in _STEPS if followed / step <= _MOST_POINTS), _STEPS[-1])
    return tuple(range(0, max(int(followed // step), 1) * step + 1, step))


def interpolate(at_days: Floats | tuple[int, ...], days_known: Floats, hazard: Floats) -> Floats:
    """A baseline cumulative hazard at any day, linear between the days where it is known, 0 at day 0.

    Linear as lifelines has it, so that both give the same curve.
    """
    if days_known[0] > 0:
        days_known, hazard = np.concatenate([[0.0], days_known]), np.concatenate([[0.0], hazard])
    result: Floats = np.interp(np.asarray(at_days, dtype=np.float64), days_known, hazard)
    return result
