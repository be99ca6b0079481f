"""Intervals from replicates, and what a survival curve says: median, restricted mean, band."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from features.types import Floats
from models.answers import Interval
from models.calibration import probability

_LEAST_HAZARD = 1e-4
"""A cumulative hazard below it counts as this much on the log scale, so that day 1 does not decide the band."""


def spread(replicates: Floats, level: float) -> Floats:
    """Half the width of an interval, (...): Student's t times the standard deviation of (replicates, ...)."""
    count = replicates.shape[0]
    quantile = float(stdtrit(count - 1, 0.5 + level / 2))
    half: Floats = quantile * replicates.std(axis=0, ddof=1)
    return half


def probability_interval(log_odds: float, replicates: Floats, level: float) -> Interval | None:
    """Symmetric on the log-odds; None without replicates, (replicates,)."""
    if replicates.size == 0:
        return None
    half = float(spread(replicates, level))
    ends = probability(np.array([log_odds - half, log_odds + half]))
    return Interval(float(ends[0]), float(ends[1]), level)


def plain_interval(estimate: float, replicates: Floats, level: float, lowest: float, highest: float) -> Interval | None:
    """Symmetric around the estimate, held in [lowest, highest]; None without replicates, (replicates,)."""
    if replicates.size == 0:
        return None
    half = float(spread(replicates, level))
    return Interval(max(lowest, estimate - half), min(highest, estimate + half), level)


def survival_band(hazard: Floats, replicates: Floats, level: float) -> tuple[Floats, Floats] | None:
    """Lower and upper curve, (times,) each, symmetric on the complementary log-log scale; neither ever rises.

    A curve that never rises is bounded from below at a day by any later day's lower bound, and from
    above by any earlier day's upper bound; so both can be made monotone without losing the estimate.

    Args:
        hazard: Cumulative hazard, (times,).
        replicates: The same, (replicates, times); none gives None.
        level: How often the band is meant to hold, at each day.
    """
    if replicates.shape[0] == 0:
        return None
    half = spread(np.log(np.maximum(replicates, _LEAST_HAZARD)), level)
    lower = np.exp(-hazard * np.exp(half))
    upper = np.exp(-hazard * np.exp(-half))
    return np.maximum.accumulate(lower[::-1])[::-1], np.minimum.accumulate(upper)


def median_days(time_days: Sequence[int], survival: Floats) -> float | None:
    """When a curve crosses one half, linear between its days; None when it does not."""
    below = np.flatnonzero(survival <= 0.5)
    if below.size == 0:
        return None
    after = int(below[0])
    if after == 0:
        return 0.0
    high, low = survival[after - 1], survival[after]
    share = float((high - 0.5) / (high - low))
    return time_days[after - 1] + share * (time_days[after] - time_days[after - 1])


def median_interval(time_days: Sequence[int], band: tuple[Floats, Floats] | None, level: float) -> Interval | None:
    """Where the band crosses one half; an end beyond the horizon is None, and so is the whole where both are."""
    if band is None:
        return None
    lower, upper = median_days(time_days, band[0]), median_days(time_days, band[1])
    return None if lower is None and upper is None else Interval(lower, upper, level)


def restricted_mean(time_days: Sequence[int], survival: Floats) -> Floats:
    """Area under curves, (..., times) to (...), up to the last day; linear between days."""
    steps = np.diff(np.asarray(time_days, dtype=np.float64))
    area: Floats = ((survival[..., 1:] + survival[..., :-1]) / 2) @ steps
    return area
