"""How good predictions were, from what became of the patients: the measures of training, over the same draws."""

from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.evaluation import Estimate, area_under_curve, concordance, patient_draws
from models.families.target import Bools, OutcomeTarget, ProgressionTarget
from models.measures.calibration_curve import slope_and_intercept

FEWEST_PATIENTS = 20
FEWEST_EVENTS = 5
"""Of either class, or of events seen; below it only counts are told."""
_SEED = 0
_DRAWS = 500


@dataclass(frozen=True, slots=True)
class Live:
    """One model version, on the patients whose outcome was reported."""

    patients: int
    events: int
    """Responses, or progressions seen."""
    expected: float
    """As many as the model foresaw: the sum of probabilities, or of cumulative hazards up to each one's last day."""
    figures: tuple[tuple[str, Estimate], ...]
    """Name and value with 95 % interval; none where there are too few patients."""


def live_outcome(predicted: Floats, response: Floats) -> Live:
    """Of a model of response.

    Args:
        predicted: Probability of response under the therapy that was given, (n,).
        response: 1 where the tumour responded, 0 where not, (n,).
    """
    events = int(response.sum())
    if not _enough(response.size, min(events, response.size - events)):
        return Live(int(response.size), events, float(predicted.sum()), ())
    weights = patient_draws(response.size, _SEED, _DRAWS)
    log_odds = np.log(predicted) - np.log1p(-predicted)
    slope, intercept = slope_and_intercept(log_odds, response, weights)
    target = OutcomeTarget(response)
    return Live(
        int(response.size),
        events,
        float(predicted.sum()),
        _shown(
            auc=area_under_curve(log_odds, target.response > 0, weights),
            brier=weights @ (predicted - response) ** 2 / weights.sum(axis=1),
            observed_to_expected=(weights @ response) / (weights @ predicted),
            calibration_slope=slope,
            calibration_intercept=intercept,
        ),
    )


def live_progression(hazard: Floats, risk: Floats, time_days: Floats, event: Bools) -> Live:
    """Of a model of time to progression.

    Args:
        hazard: Cumulative hazard that the model foresaw up to each patient's last day, (n,).
        risk: Higher is worse, (n,).
        time_days: To progression, or to when it had not been seen, (n,).
        event: Whether it was seen, (n,).

    Source: expected events as the sum of cumulative hazards, Berry, Biometrics 39 (1983) 173.
    """
    events = int(event.sum())
    if not _enough(event.size, events):
        return Live(int(event.size), events, float(hazard.sum()), ())
    weights = patient_draws(event.size, _SEED, _DRAWS)
    return Live(
        int(event.size),
        events,
        float(hazard.sum()),
        _shown(
            concordance=concordance(ProgressionTarget(time_days, event), risk, weights),
            observed_to_expected=(weights @ event.astype(np.float64)) / np.maximum(weights @ hazard, 1e-12),
        ),
    )


def _enough(patients: int, fewest: int) -> bool:
    return patients >= FEWEST_PATIENTS and fewest >= FEWEST_EVENTS


def _shown(**draws: Floats) -> tuple[tuple[str, Estimate], ...]:
    return tuple((name, Estimate.of(values)) for name, values in draws.items() if np.isfinite(values[0]))
