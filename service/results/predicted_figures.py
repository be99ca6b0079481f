"""What a model predicts, as plain figures: each with the ends of its interval as figures of their own."""

from collections.abc import Iterator

from radresponse.v1 import prediction_pb2
from service.results.concepts import (
    DAYS,
    DIFFERENCE,
    HORIZON,
    MEDIAN,
    MEDIAN_DIFFERENCE,
    ONE,
    PERCENT,
    PROBABILITY,
    RESTRICTED_MEAN,
    RESTRICTED_MEAN_DIFFERENCE,
    RISK,
    RISK_DIFFERENCE,
    Concept,
    Unit,
)
from service.results.lesion_figures import Figure

_ENDS = (("lower", "-LO", ", lower end of the interval"), ("upper", "-UP", ", upper end of the interval"))
_SHORT = {
    PROBABILITY: "Probability of response",
    DIFFERENCE: "Difference in probability",
    MEDIAN: "Median time",
    RESTRICTED_MEAN: "Restricted mean",
    RESTRICTED_MEAN_DIFFERENCE: "Difference in restricted mean",
}
"""Meanings that leave room for more: DICOM has 64 characters."""


def predicted_figures(prediction: prediction_pb2.Prediction) -> list[Figure]:
    """Of one model for one therapy; none where the prediction is withheld. Probabilities in percent."""
    if prediction.HasField("outcome"):
        told = prediction.outcome
        return list(_with_ends(PROBABILITY, PERCENT, told.probability, told.probability_interval, 100.0))
    if prediction.HasField("risk"):
        return [Figure(RISK, ONE, prediction.risk.log_hazard_ratio)]
    if not prediction.HasField("progression"):
        return []
    curve = prediction.progression
    figures: list[Figure] = []
    if curve.HasField("median_days"):
        figures += _with_ends(MEDIAN, DAYS, curve.median_days, curve.median_days_interval)
    figures += _with_ends(RESTRICTED_MEAN, DAYS, curve.restricted_mean_days, curve.restricted_mean_days_interval)
    return [*figures, Figure(HORIZON, DAYS, curve.horizon_days)]


def compared_figures(difference: prediction_pb2.Difference) -> list[Figure]:
    """Of one therapy minus the reference by one model; probabilities in percentage points."""
    figures: list[Figure] = []
    if difference.HasField("probability"):
        figures += _with_ends(DIFFERENCE, PERCENT, difference.probability, difference.probability_interval, 100.0)
    if difference.HasField("restricted_mean_days"):
        value, interval = difference.restricted_mean_days, difference.restricted_mean_days_interval
        figures += _with_ends(RESTRICTED_MEAN_DIFFERENCE, DAYS, value, interval)
    if difference.HasField("median_days"):
        figures.append(Figure(MEDIAN_DIFFERENCE, DAYS, difference.median_days))
    if difference.HasField("log_hazard_ratio"):
        figures.append(Figure(RISK_DIFFERENCE, ONE, difference.log_hazard_ratio))
    return figures


def _with_ends(
    concept: Concept, unit: Unit, value: float, interval: prediction_pb2.Interval, scale: float = 1.0
) -> Iterator[Figure]:
    yield Figure(concept, unit, scale * value)
    for name, suffix, words in _ENDS:
        if interval.HasField(name):
            end = Concept(concept.scheme, f"{concept.code}{suffix}", f"{_SHORT[concept]}{words}")
            yield Figure(end, unit, scale * float(getattr(interval, name)))
