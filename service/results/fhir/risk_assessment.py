"""A RiskAssessment for each model and therapy: how likely an outcome is, in percent, and on what that rests."""

from collections.abc import Sequence

from radresponse.v1 import prediction_pb2
from service.results.answered import Answered, sentences
from service.results.concepts import DAYS, OUTCOME, PROGRESSION
from service.results.fhir.elements import (
    PRELIMINARY,
    URI,
    Element,
    concept,
    method_of,
    notes_of,
    percent,
    quantity,
    subject_of,
    without_empty,
    words,
)
from service.results.fhir.observation import Resource
from service.results.identity import uuid_of

EVERY_DAYS = 182.625
"""Half a year: how far apart the days are for which a curve is told."""


def assessed(
    answered: Answered, prediction: prediction_pb2.Prediction, basis: Sequence[Resource], part_of: Element
) -> Resource:
    """What one model says of one therapy.

    Args:
        answered: The whole answer.
        prediction: Of it; one that is withheld has an assessment without a figure, which says why.
        basis: What it was made from, and its figures with their intervals.
        part_of: Refers to the report.
    """
    uuid = str(uuid_of("RiskAssessment", answered.digest, prediction.model.digest, prediction.therapy))
    task = PROGRESSION if prediction.WhichOneof("predicted") in ("progression", "risk") else OUTCOME
    told_of = prediction.progression.endpoint or prediction.outcome.endpoint or prediction.risk.endpoint
    endpoint = told_of or "not predicted"
    told = f"{endpoint}, if given {prediction.therapy}" if prediction.therapy else endpoint
    body: Element = {
        "resourceType": "RiskAssessment",
        "id": uuid,
        "identifier": [{"system": URI, "value": f"urn:uuid:{uuid}"}],
        "parent": part_of,
        "status": PRELIMINARY,
        "method": method_of(prediction.model),
        "code": concept(task, told),
        "subject": subject_of(answered.subject),
        "basis": [one.reference for one in basis],
        "prediction": _predictions(prediction, endpoint),
        "note": notes_of(sentences(prediction)),
    }
    return Resource(uuid, without_empty(body))


def _predictions(prediction: prediction_pb2.Prediction, endpoint: str) -> list[Element]:
    match prediction.WhichOneof("predicted"):
        case "outcome":
            interval = prediction.outcome.probability_interval
            told: Element = {"outcome": words(endpoint), "probabilityDecimal": percent(prediction.outcome.probability)}
            if interval.HasField("lower") and interval.HasField("upper"):
                told["rationale"] = (
                    f"{interval.level:.0%} interval: {percent(interval.lower):.3g} % to {percent(interval.upper):.3g} %"
                )
            return [told]
        case "progression":
            return [_by_day(point, endpoint) for point in _half_years(prediction.progression)]
        case "risk":
            ratio = prediction.risk.log_hazard_ratio
            why = f"log hazard ratio {ratio:+.2f} to the model's own zero; it knows no time and no probability"
            return [{"outcome": words(endpoint), "rationale": why}]
        case _:
            why = " ".join(sentences(prediction)) or "No prediction is given."
            return [{"outcome": words(endpoint), "rationale": why}]


def _by_day(point: prediction_pb2.SurvivalPoint, endpoint: str) -> Element:
    within: Element = {"low": quantity(0.0, DAYS), "high": quantity(point.time_days, DAYS)}
    told: Element = {
        "outcome": words(endpoint),
        "probabilityDecimal": percent(1.0 - point.survival),
        "whenRange": within,
    }
    if point.HasField("lower") and point.HasField("upper"):
        told["rationale"] = f"interval: {percent(1 - point.upper):.3g} % to {percent(1 - point.lower):.3g} %"
    return told


def _half_years(progression: prediction_pb2.Progression) -> list[prediction_pb2.SurvivalPoint]:
    """The curve's own points nearest before each half year, and its last one."""
    chosen: dict[int, prediction_pb2.SurvivalPoint] = {}
    for point in progression.survival:
        if point.time_days > 0:
            chosen[int(point.time_days // EVERY_DAYS)] = point
    return list(chosen.values())
