"""Which columns reach an engine: univariate strength, without near copies. Runs inside each training fold."""

from collections.abc import Sequence

import numpy as np

from features.types import Floats
from models.families.target import OutcomeTarget, ProgressionTarget, Target

MOST_COLUMNS = 64
"""No more terms than this reach a Cox or torch fit (a Cox fit of 1,500 columns did not end)."""
NEAR_COPY = 0.9
"""Two columns whose correlation is beyond this are one."""


def strengths(X: Floats, target: Target) -> Floats:
    """How strongly each column alone goes with the target: squared score statistic, chi-squared of one degree.

    Args:
        X: Standardised columns, (n, columns).
        target: Response, or time and event.

    Returns:
        (columns,); 0 where a column does not vary.
    """
    if isinstance(target, OutcomeTarget):
        return _outcome_strengths(X, target)
    return _progression_strengths(X, target)


def pick(X: Floats, strength: Floats, candidates: Sequence[int], most: int) -> list[int]:
    """The strongest candidates, strongest first, none a near copy of a stronger one."""
    centred = X - X.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(norms > 0, norms, 1.0)
    chosen: list[int] = []
    for index in sorted(candidates, key=lambda column: (-strength[column], column)):
        if len(chosen) == most:
            break
        if norms[index] > 0 and (not chosen or np.abs(unit[:, chosen].T @ unit[:, index]).max() < NEAR_COPY):
            chosen.append(index)
    return chosen


def _outcome_strengths(X: Floats, target: OutcomeTarget) -> Floats:
    residual = target.response - target.response.mean()
    centred = X - X.mean(axis=0)
    variance = float((residual**2).mean()) * (centred**2).sum(axis=0)
    score = residual @ centred
    strength: Floats = np.divide(score**2, variance, out=np.zeros_like(score), where=variance > 0)
    return strength


def _progression_strengths(X: Floats, target: ProgressionTarget) -> Floats:
    """Score test of a Cox model at 0 for every column at once (Breslow's form of ties)."""
    order = np.argsort(-target.time_days, kind="stable")
    time, event, sorted_X = target.time_days[order], target.event[order], X[order]
    last = np.searchsorted(-time, -time, side="right") - 1
    at_risk = (last + 1.0)[:, None]
    total, squares = np.cumsum(sorted_X, axis=0)[last], np.cumsum(sorted_X**2, axis=0)[last]
    if target.entry_days is not None:  # who entered at that time or later is not yet at risk
        later = np.argsort(-target.entry_days, kind="stable")
        ahead = np.searchsorted(-target.entry_days[later], -time, side="right")
        at_risk = np.maximum(at_risk - ahead[:, None], 1.0)
        total = total - np.cumsum(np.vstack([np.zeros(X.shape[1]), X[later]]), axis=0)[ahead]
        squares = squares - np.cumsum(np.vstack([np.zeros(X.shape[1]), X[later] ** 2]), axis=0)[ahead]
    mean, square = total / at_risk, squares / at_risk
    score = (sorted_X - mean)[event].sum(axis=0)
    variance = (square - mean**2)[event].sum(axis=0)
    strength: Floats = np.divide(score**2, variance, out=np.zeros_like(score), where=variance > 1e-12)
    return strength
