"""Decision curves: what acting on a prediction gains over acting on everybody or on nobody, threshold by threshold."""

from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.evaluation import Estimate
from models.families.target import OutcomeTarget, ProgressionTarget
from models.measures.horizon import status_at
from models.measures.weighted import ratio
from models.under_watch import progressed_by

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """One threshold of a decision curve; acting on nobody gains 0."""

    threshold: float
    """Probability at and above which one would act: it says how many needless acts one needed act is worth."""
    model: Estimate
    """Needed acts a patient, less the needless at the threshold's odds; at most the share with the event."""
    everybody: Estimate
    """The same where everybody is acted on."""


def outcome_decision_curve(target: OutcomeTarget, chance: Floats, weights: Floats) -> tuple[NetBenefit, ...]:
    """For a probability of response, (n,), over draws of patients, (draws, n).

    Source: Vickers and Elkin, Med Decis Making 26 (2006) 565.
    """
    response = target.response
    whole = weights.sum(axis=1)
    share = weights @ response / whole
    curve = []
    for threshold in THRESHOLDS:
        above = (chance >= threshold).astype(np.float64)
        needed, acted = weights @ (above * response) / whole, weights @ above / whole
        curve.append(_one(threshold, needed, acted, share))
    return tuple(curve)


def survival_decision_curve(
    target: ProgressionTarget, risk: Floats, weights: Floats, day: float
) -> tuple[NetBenefit, ...]:
    """For a probability of the event by a day, (n,), over draws of patients, (draws, n).

    How many of those acted on would have the event is read from their own Kaplan-Meier curve; where another end may
    come first, from Aalen and Johansen's. After late entry those seen are no fair part of all from day 0, nor those
    acted on of them: either is then weighted by the probability of being under watch.

    Source: Vickers et al., BMC Med Inform Decis Mak 8 (2008) 53.
    """
    if target.entry_days is not None:
        weights = weights * status_at(target, day).weight
    whole = weights.sum(axis=1)
    share = _share(target, weights, day)
    curve = []
    for threshold in THRESHOLDS:
        above = (risk >= threshold).astype(np.float64)
        acted = weights @ above / whole
        events = np.where(acted > 0, _share(target, weights * above, day), 0.0)
        curve.append(_one(threshold, acted * events, acted, share))
    return tuple(curve)


def survival_at(target: ProgressionTarget, weights: Floats, day: float) -> Floats:
    """Kaplan-Meier's survival at a day of each draw, (draws,); 1 in a draw of nobody."""
    times = np.unique(target.time_days[target.event & (target.time_days <= day)])
    if not times.size:
        return np.ones(len(weights))
    at_risk = weights @ (target.time_days[:, None] >= times[None, :]).astype(np.float64)
    events = weights @ ((target.time_days[:, None] == times[None, :]) & target.event[:, None]).astype(np.float64)
    steps = 1 - np.nan_to_num(ratio(events, at_risk))
    survival: Floats = steps.prod(axis=1)
    return survival


def _share(target: ProgressionTarget, weights: Floats, day: float) -> Floats:
    """Who progresses by a day, (draws,), among patients so weighted; 0 where there are none."""
    if target.entry_days is not None:
        progressed: Floats = np.nan_to_num(ratio(weights @ status_at(target, day).progressed, weights.sum(axis=1)))
        return progressed
    if target.plain:
        return 1 - survival_at(target, weights, day)
    return progressed_by(target, weights, np.array([day]))[:, 0]


def _one(threshold: float, needed: Floats, acted: Floats, share: Floats) -> NetBenefit:
    odds = threshold / (1 - threshold)
    return NetBenefit(
        threshold,
        Estimate.of(needed - (acted - needed) * odds),
        Estimate.of(share - (1 - share) * odds),
    )
