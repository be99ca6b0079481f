"""The small parts that FHIR resources are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from radresponse.v1 import model_pb2, prediction_pb2
from service.results.concepts import IBSI, LEVEL, LOWER, ONE, OURS, UPPER, Concept, Scheme, Unit

Release = Literal["R4B", "R5"]
Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value] | None"
Element: TypeAlias = "dict[str, Value]"

UCUM = "http://unitsofmeasure.org"
SYSTEMS: Mapping[Scheme, str] = {scheme: f"urn:oid:{scheme.uid}" for scheme in (IBSI, OURS)}
MODELS = f"{SYSTEMS[OURS]}.1"
"""Names of models, with their versions; below our own identifier."""
SUBJECTS = f"{SYSTEMS[OURS]}.2"
"""Pseudonyms, as this caller gives them."""
URI = "urn:ietf:rfc:3986"

PRELIMINARY = "preliminary"
"""Of every resource: no person has seen it."""


def concept(of: Concept, text: str = "") -> Element:
    """A CodeableConcept."""
    return {
        "coding": [{"system": SYSTEMS[of.scheme], "code": of.code, "display": of.meaning}],
        "text": text or of.meaning,
    }


def words(text: str) -> Element:
    """A CodeableConcept that has no code."""
    return {"text": text}


def quantity(value: float, unit: Unit, *, beyond: bool = False) -> Element:
    """A Quantity; `beyond` where the true value is known to be above."""
    element: Element = {"value": _number(value)}
    if beyond:
        element["comparator"] = ">"
    element["unit"] = unit.name
    if unit.code:
        element |= {"system": UCUM, "code": unit.code}
    return element


def percent(probability: float) -> float:
    """A probability as FHIR has it, 0 to 100."""
    return _number(100.0 * probability)


def subject_of(subject: str) -> Element:
    """The patient, by nothing but the pseudonym."""
    return {"type": "Patient", "identifier": {"system": SUBJECTS, "value": subject}}


def method_of(model: model_pb2.ModelReference) -> Element:
    """The version that answered, as the method."""
    return {
        "coding": [{"system": MODELS, "version": model.version, "code": model.name}],
        "text": f"{model.name} version {model.version}, SHA-256 {model.digest}",
    }


def interval_components(interval: prediction_pb2.Interval, unit: Unit, scale: float = 1.0) -> list[Element]:
    """Both ends, as far as they are bounded, and how often such an interval is meant to hold."""
    ends: list[Element] = []
    for end, name in ((LOWER, "lower"), (UPPER, "upper")):
        if interval.HasField(name):
            ends.append({"code": concept(end), "valueQuantity": quantity(scale * getattr(interval, name), unit)})
    if ends:
        ends.append({"code": concept(LEVEL), "valueQuantity": quantity(interval.level, ONE)})
    return ends


def notes_of(sentences: Iterable[str]) -> list[Element]:
    """Annotations."""
    return [{"text": sentence} for sentence in sentences]


def without_empty(element: Element) -> Element:
    """FHIR has no empty lists."""
    return {key: value for key, value in element.items() if value not in ([], "")}


def _number(value: float) -> float:
    """Nine digits: what the arithmetic of doubles adds behind them tells nobody anything."""
    return float(f"{value:.9g}")
