"""Pairs of patients of whom it is known who progressed first."""

import numpy as np

from models.families.target import Bools, ProgressionTarget


def comparable_pairs(target: ProgressionTarget) -> Bools:
    """Where the row's patient progressed while the column's had not, (n, n).

    The column's was under watch then, entry being before; or another end had come first, after which no progression
    comes: such a patient stays comparable for good.
    """
    time, event = target.time_days, target.event
    later = (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & ~event[None, :])
    if target.entry_days is not None:
        later &= target.entry_days[None, :] < time[:, None]
    pairs: Bools = event[:, None] & (later | died_before(target))
    return pairs


def died_before(target: ProgressionTarget) -> Bools:
    """Where the column's patient had another end by the row's time, (n, n)."""
    if target.competing is None:
        return np.zeros((target.event.size, target.event.size), dtype=np.bool_)
    before: Bools = target.competing[None, :] & (target.time_days[None, :] <= target.time_days[:, None])
    return before
