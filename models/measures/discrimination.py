"""Whether those at higher risk meet their event sooner, with weights against censoring."""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget
from models.measures.horizon import StatusAt
from models.measures.pairs import comparable_pairs, died_before
from models.measures.weighted import ratio
from models.survival_error import watched_at_own_time

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

    Source: Uno et al., Stat Med 30 (2011) 1105; with competing events Wolbers et al., Biostatistics 15 (2014) 526; with
    late entry after Hartman et al., Biometrics 79 (2023). The curves behind the weights are the whole cohort's in
    every draw.
    """
    pairs = comparable_pairs(target) & (target.time_days < until)[:, None]
    watched = watched_at_own_time(target)
    both = watched[:, None] * np.where(died_before(target), watched[None, :], watched[:, None])
    comparable = np.divide(1.0, both, out=np.zeros_like(both), where=pairs & (both > 0))
    wins = comparable * _order(risk)
    return ratio(((weights @ wins) * weights).sum(axis=1), ((weights @ comparable) * weights).sum(axis=1))


def dynamic_auc(status: StatusAt, risk: Floats, weights: Floats) -> Floats:
    """How often who has the event by a day stood above who has not (cumulative cases, dynamic controls), (draws,).

    Args:
        status: At that day, n patients.
        risk: Higher is worse, (n,).
        weights: (draws, n).

    Source: Uno et al., JASA 102 (2007) 527; Hung and Chiang, Can J Stat 38 (2010) 8; with competing events, who died
    before being a control, Blanche et al., Stat Med 32 (2013) 5381.
    """
    cases = (status.progressed > 0) & (status.weight > 0)
    controls = (status.progressed == 0) & (status.weight > 0)
    wins = status.weight[cases][:, None] * _order(risk[cases], risk[controls])
    # Relative, so that it is 1 to the bit where all controls weigh alike.
    beside = status.weight[controls] / status.weight[controls].max(initial=0.0)
    first, second = weights[:, cases], weights[:, controls] * beside
    pairs = (first @ status.weight[cases]) * second.sum(axis=1)
    return ratio(((first @ wins) * second).sum(axis=1), pairs)


def _order(risk: Floats, other: Floats | None = None) -> Floats:
    """1 where the row's risk is above the column's, 0.5 where they tie, else 0."""
    difference = risk[:, None] - (risk if other is None else other)[None, :]
    order: Floats = np.where(np.abs(difference) <= _TIED, 0.5, difference > 0)
    return order
