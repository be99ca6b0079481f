"""Observations: what was measured in the images, and what the models say of it with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from features.errors import UnknownColumn
from features.names import ClinicalColumn, RadiomicsColumn, parse
from features.radiomics.settings import Settings
from radresponse.v1 import model_pb2, prediction_pb2
from service.results.answered import Answered, sentences
from service.results.concepts import (
    APPLICABILITY,
    DAYS,
    DIFFERENCE,
    EVIDENCE,
    HORIZON,
    MEDIAN,
    MEDIAN_DIFFERENCE,
    ONE,
    PERCENT,
    PROBABILITY,
    REFERENCE,
    RESTRICTED_MEAN,
    RESTRICTED_MEAN_DIFFERENCE,
    RISK,
    RISK_DIFFERENCE,
    THERAPY,
    Concept,
    column_concept,
    column_unit,
)
from service.results.fhir.elements import (
    PRELIMINARY,
    Element,
    concept,
    interval_components,
    method_of,
    notes_of,
    quantity,
    subject_of,
    without_empty,
    words,
)
from service.results.identity import uuid_of

CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
LIKENESS = {
    prediction_pb2.APPLICABILITY_STATUS_INSIDE: "like the training cohort",
    prediction_pb2.APPLICABILITY_STATUS_OUTSIDE: "unlike the training cohort: an extrapolation",
}


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource with the identifier by which others refer to it."""

    uuid: str
    body: Element

    @property
    def url(self) -> str:
        """As the Bundle names it."""
        return f"urn:uuid:{self.uuid}"

    @property
    def reference(self) -> Element:
        """To this resource."""
        return {"reference": self.url}


def measured(answered: Answered) -> dict[str, Resource]:
    """What was taken from images or the record and moved a prediction, each once; by column.

    A column that two models take by different profiles, or that is a category, is told by the model's reasons alone.
    """
    found: dict[str, Resource] = {}
    for prediction in answered.predictions:
        for reason in prediction.contributions:
            if reason.HasField("value") and reason.feature not in found:
                found[reason.feature] = _measured(answered, prediction.model, reason)
    return found


def predicted(answered: Answered, prediction: prediction_pb2.Prediction, basis: Sequence[Resource]) -> list[Resource]:
    """What one model says of one therapy, each figure with its interval."""
    about = _About(answered, prediction.model, prediction.therapy)
    components: list[Element] = []
    if prediction.applicability.status in LIKENESS:
        likeness = words(LIKENESS[prediction.applicability.status])
        components.append({"code": concept(APPLICABILITY), "valueCodeableConcept": likeness})
    more: Element = {"derivedFrom": [one.reference for one in basis], "note": notes_of(sentences(prediction))}
    if prediction.HasField("outcome"):
        outcome = prediction.outcome
        value = quantity(100.0 * outcome.probability, PERCENT)
        ends = interval_components(outcome.probability_interval, PERCENT, 100.0)
        return [about.observation(PROBABILITY, outcome.endpoint, value, [*ends, *components], more)]
    if prediction.HasField("risk"):
        value = quantity(prediction.risk.log_hazard_ratio, ONE)
        return [about.observation(RISK, prediction.risk.endpoint, value, components, more)]
    if prediction.HasField("progression"):
        progression = prediction.progression
        horizon: Element = {"code": concept(HORIZON), "valueQuantity": quantity(progression.horizon_days, DAYS)}
        reached = progression.HasField("median_days")
        median = quantity(progression.median_days if reached else progression.horizon_days, DAYS, beyond=not reached)
        return [
            about.observation(
                MEDIAN,
                progression.endpoint,
                median,
                [*interval_components(progression.median_days_interval, DAYS), horizon, *components],
                more,
            ),
            about.observation(
                RESTRICTED_MEAN,
                progression.endpoint,
                quantity(progression.restricted_mean_days, DAYS),
                [*interval_components(progression.restricted_mean_days_interval, DAYS), horizon, *components],
                more,
            ),
        ]
    return []


def compared(answered: Answered, therapy: str, difference: prediction_pb2.Difference) -> list[Resource]:
    """One therapy minus the reference, by one model."""
    about = _About(answered, difference.model, therapy, difference.reference_therapy)
    told: list[Element] = []
    if difference.evidence:
        told.append({"code": concept(EVIDENCE), "valueCodeableConcept": words(difference.evidence)})
    more: Element = {"note": [{"text": "A difference between predictions is not by itself an effect of treatment."}]}
    found = []
    if difference.HasField("probability"):
        ends = interval_components(difference.probability_interval, PERCENT, 100.0)
        value = quantity(100.0 * difference.probability, PERCENT)
        found.append(about.observation(DIFFERENCE, "", value, [*ends, *told], more))
    if difference.HasField("restricted_mean_days"):
        ends = interval_components(difference.restricted_mean_days_interval, DAYS)
        value = quantity(difference.restricted_mean_days, DAYS)
        found.append(about.observation(RESTRICTED_MEAN_DIFFERENCE, "", value, [*ends, *told], more))
    if difference.HasField("median_days"):
        found.append(about.observation(MEDIAN_DIFFERENCE, "", quantity(difference.median_days, DAYS), told, more))
    if difference.HasField("log_hazard_ratio"):
        value = quantity(difference.log_hazard_ratio, ONE)
        found.append(about.observation(RISK_DIFFERENCE, "", value, told, more))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _About:
    """What the figures of one model for one therapy have in common."""

    answered: Answered
    model: model_pb2.ModelReference
    therapy: str
    reference: str = ""

    def observation(
        self, code: Concept, endpoint: str, value: Element, components: Iterable[Element], more: Element
    ) -> Resource:
        therapies = ((THERAPY, self.therapy), (REFERENCE, self.reference))
        named: list[Element] = [
            {"code": concept(role), "valueCodeableConcept": words(name)} for role, name in therapies if name
        ]
        text = code.meaning if not endpoint else f"{code.meaning}: {endpoint}"
        body: Element = {
            "code": concept(code, text),
            "valueQuantity": value,
            "method": method_of(self.model),
            "component": [*named, *components],
        }
        return _observation(self.answered, (self.model.digest, self.therapy, self.reference, code.code), body | more)


def _measured(answered: Answered, model: model_pb2.ModelReference, reason: prediction_pb2.Contribution) -> Resource:
    try:
        parsed = parse(reason.feature)
    except UnknownColumn:
        parsed = None
    settings: Settings | None = None
    if isinstance(parsed, RadiomicsColumn) and model.name in answered.profiles:
        settings = answered.profiles[model.name].for_modality(parsed.scan)
    body: Element = {
        "code": concept(column_concept(reason.feature, settings)),
        "valueQuantity": quantity(reason.value, column_unit(reason.feature, reason.unit)),
    }
    if not isinstance(parsed, ClinicalColumn):
        body["category"] = [{"coding": [{"system": CATEGORIES, "code": "imaging", "display": "Imaging"}]}]
    return _observation(answered, ("measured", reason.feature), body)


def _observation(answered: Answered, parts: tuple[str, ...], body: Element) -> Resource:
    uuid = str(uuid_of("Observation", answered.digest, *parts))
    head: Element = {"resourceType": "Observation", "id": uuid, "status": PRELIMINARY}
    return Resource(uuid, without_empty({**head, "subject": subject_of(answered.subject), **body}))
