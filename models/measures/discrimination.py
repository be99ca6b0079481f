"""Whether those at higher risk meet their event sooner, with weights against censoring."""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget
from models.measures.horizon import StatusAt
from models.measures.weighted import ratio
from models.survival_error import censoring_survival

_TIED = 1e-8


def uno_concordance(target: ProgressionTarget, risk: Floats, weights: Floats, until: float) -> Floats:
    """How often the higher risk meets its event sooner, whoever was censored when (Uno's C), (draws,).

    0.5 for chance, 1.0 for perfect order; NaN in a draw without a comparable pair. Harrell's C moves with the
    follow-up; this one does not, for each event counts as many times as patients like it were lost to sight.

    Args:
        target: Time and event, n patients.
        risk: Higher is worse, (n,); not a survival probability.
        weights: How often each patient counts in each draw, (draws, n).
        until: Events from this day on are not counted: too few are watched by then.

    Source: Uno et al., Stat Med 30 (2011) 1105. The censoring curve is the whole cohort's in every draw.
    """
    time, event = target.time_days, target.event & (target.time_days < until)
    later = (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & ~target.event[None, :])
    watched = censoring_survival(target, time)
    counts = np.divide(1.0, watched**2, out=np.zeros_like(watched), where=event & (watched > 0))
    comparable = counts[:, None] * later
    wins = comparable * _order(risk)
    return ratio(((weights @ wins) * weights).sum(axis=1), ((weights @ comparable) * weights).sum(axis=1))


def dynamic_auc(status: StatusAt, risk: Floats, weights: Floats) -> Floats:
    """How often who has the event by a day stood above who has not (cumulative cases, dynamic controls), (draws,).

    Args:
        status: At that day, n patients.
        risk: Higher is worse, (n,).
        weights: (draws, n).

    Source: Uno et al., JASA 102 (2007) 527; Hung and Chiang, Can J Stat 38 (2010) 8.
    """
    cases = (status.progressed > 0) & (status.weight > 0)
    controls = (status.progressed == 0) & (status.weight > 0)
    wins = status.weight[cases][:, None] * _order(risk[cases], risk[controls])
    first, second = weights[:, cases], weights[:, controls]
    pairs = (first @ status.weight[cases]) * second.sum(axis=1)
    return ratio(((first @ wins) * second).sum(axis=1), pairs)


def _order(risk: Floats, other: Floats | None = None) -> Floats:
    """1 where the row's risk is above the column's, 0.5 where they tie, else 0."""
    difference = risk[:, None] - (risk if other is None else other)[None, :]
    order: Floats = np.where(np.abs(difference) <= _TIED, 0.5, difference > 0)
    return order
