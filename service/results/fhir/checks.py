"""Our own checks of what we write as FHIR: elements, code sets, invariants and references, for R4B and R5.

A closed table: an element that is not in it is none that we write, and is refused. fhir.resources reads the same
documents in the tests; it knows elements and types, but neither code sets nor invariants.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from features.radiomics.settings import words
from service.results.fhir.elements import UCUM, Element, Release, Value


class InvalidDocument(ValueError):
    """What we made is not valid FHIR: a bug of ours, never of a caller."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one element may hold."""

    kind: str
    """A primitive, a data type of `TYPES`, or `Resource`."""
    required: bool = False
    many: bool = False
    codes: frozenset[str] = frozenset()
    """All that a required binding allows."""
    only: str = ""
    """The one release that has it; empty for both."""


Shape = Mapping[str, Rule]

OBSERVATION_STATUS = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)
"""Also of a RiskAssessment; R5's `specimen-in-process` is left out, for nothing of ours is one."""
REPORT_STATUS = OBSERVATION_STATUS | {"partial", "appended"}
COMPARATORS = frozenset({"<", "<=", ">=", ">"})
NARRATIVE_STATUS = frozenset({"generated", "extensions", "additional", "empty"})
BUNDLE_TYPES = frozenset({"collection"})
UNITS = frozenset(
    words(
        "1 % d a mm mm2 mm3 /mm bit kg cm g [hnsf'U] [hnsf'U]2 [hnsf'U]2.mm3 g/ml{SUVbw} g2/ml2 g2/ml2.mm3 "
        "[arb'U] [arb'U]2 [arb'U]2.mm3"
    )
)
"""UCUM codes that we write."""
REFERENCED = frozenset({"Patient", "ImagingStudy"})
"""What is referred to by an identifier, outside of the Bundle; no Device is."""

_CODE_TEXT = r"[^\s]+(?: [^\s]+)*"
_PRIMITIVES = {
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "uri": r"\S+",
    "code": _CODE_TEXT,
    "string": r"(?s:.*\S.*)",
    "markdown": r"(?s:.*\S.*)",
    "xhtml": r'(?s:<div xmlns="http://www\.w3\.org/1999/xhtml">.*\S.*</div>)',
}

TYPES: Mapping[str, Shape] = {
    "Coding": {
        "system": Rule("uri"),
        "version": Rule("string"),
        "code": Rule("code", required=True),
        "display": Rule("string"),
    },
    "CodeableConcept": {"coding": Rule("Coding", many=True), "text": Rule("string")},
    "Identifier": {"system": Rule("uri"), "value": Rule("string", required=True)},
    "Reference": {
        "reference": Rule("string"),
        "type": Rule("uri", codes=REFERENCED),
        "identifier": Rule("Identifier"),
    },
    "Quantity": {
        "value": Rule("decimal", required=True),
        "comparator": Rule("code", codes=COMPARATORS),
        "unit": Rule("string"),
        "system": Rule("uri", codes=frozenset({UCUM})),
        "code": Rule("code", codes=UNITS),
    },
    "Range": {"low": Rule("Quantity"), "high": Rule("Quantity")},
    "Annotation": {"text": Rule("markdown", required=True)},
    "Narrative": {
        "status": Rule("code", required=True, codes=NARRATIVE_STATUS),
        "div": Rule("xhtml", required=True),
    },
    "Component": {
        "code": Rule("CodeableConcept", required=True),
        "valueQuantity": Rule("Quantity"),
        "valueCodeableConcept": Rule("CodeableConcept"),
    },
    "RiskPrediction": {
        "outcome": Rule("CodeableConcept"),
        "probabilityDecimal": Rule("decimal"),
        "whenRange": Rule("Range"),
        "rationale": Rule("string"),
    },
    "Entry": {"fullUrl": Rule("uri", required=True), "resource": Rule("Resource", required=True)},
    "Bundle": {
        "id": Rule("id"),
        "type": Rule("code", required=True, codes=BUNDLE_TYPES),
        "entry": Rule("Entry", many=True),
    },
    "Observation": {
        "id": Rule("id", required=True),
        "status": Rule("code", required=True, codes=OBSERVATION_STATUS),
        "category": Rule("CodeableConcept", many=True),
        "code": Rule("CodeableConcept", required=True),
        "subject": Rule("Reference", required=True),
        "valueQuantity": Rule("Quantity"),
        "note": Rule("Annotation", many=True),
        "method": Rule("CodeableConcept"),
        "derivedFrom": Rule("Reference", many=True),
        "component": Rule("Component", many=True),
    },
    "RiskAssessment": {
        "id": Rule("id", required=True),
        "identifier": Rule("Identifier", many=True),
        "parent": Rule("Reference"),
        "status": Rule("code", required=True, codes=OBSERVATION_STATUS),
        "method": Rule("CodeableConcept"),
        "code": Rule("CodeableConcept"),
        "subject": Rule("Reference", required=True),
        "basis": Rule("Reference", many=True),
        "prediction": Rule("RiskPrediction", many=True),
        "note": Rule("Annotation", many=True),
    },
    "DiagnosticReport": {
        "id": Rule("id", required=True),
        "text": Rule("Narrative"),
        "identifier": Rule("Identifier", many=True),
        "status": Rule("code", required=True, codes=REPORT_STATUS),
        "category": Rule("CodeableConcept", many=True),
        "code": Rule("CodeableConcept", required=True),
        "subject": Rule("Reference"),
        "result": Rule("Reference", many=True),
        "note": Rule("Annotation", many=True, only="R5"),
        "study": Rule("Reference", many=True, only="R5"),
        "imagingStudy": Rule("Reference", many=True, only="R4B"),
        "conclusion": Rule("markdown"),
    },
}
RESOURCES = frozenset({"Observation", "RiskAssessment", "DiagnosticReport"})


def require_valid(bundle: Element, release: Release) -> None:
    """Refuses a Bundle that breaks a rule of its release.

    Raises:
        InvalidDocument: Says where and which; never a value, which may be a patient's.
    """
    problems = list(_resource(bundle, "Bundle", release, frozenset({"Bundle"}))) or list(_references(bundle))
    if problems:
        raise InvalidDocument("; ".join(problems[:8]))


def _resource(value: Value, place: str, release: Release, kinds: frozenset[str]) -> Iterator[str]:
    kind = value.get("resourceType") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or kind not in kinds:
        yield f"{place}: no resource that we write"
        return
    yield from _shape({key: part for key, part in value.items() if key != "resourceType"}, str(kind), place, release)


def _shape(value: Mapping[str, Value], kind: str, place: str, release: Release) -> Iterator[str]:
    shape = TYPES[kind]
    if not value:
        yield f"{place}: empty (ele-1)"
    for key, part in value.items():
        rule = shape.get(key)
        if rule is None or rule.only not in ("", release):
            yield f"{place}.{key}: no element of it in {release}"
        elif rule.many != isinstance(part, list):
            yield f"{place}.{key}: {'wanted a list' if rule.many else 'wanted one'}"
        elif rule.many and not part:
            yield f"{place}.{key}: an empty list"
        else:
            for index, one in enumerate(part if isinstance(part, list) else [part]):
                where = f"{place}.{key}[{index}]" if rule.many else f"{place}.{key}"
                yield from _value(one, rule, where, release)
    for key, rule in shape.items():
        if rule.required and key not in value:
            yield f"{place}.{key}: required"
    yield from (f"{place}: {broken}" for broken in _broken(value, kind))


def _value(value: Value, rule: Rule, place: str, release: Release) -> Iterator[str]:
    if rule.kind == "Resource":
        yield from _resource(value, place, release, RESOURCES)
    elif rule.kind in TYPES:
        if isinstance(value, Mapping):
            yield from _shape(value, rule.kind, place, release)
        else:
            yield f"{place}: wanted {rule.kind}"
    elif rule.kind == "decimal":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield f"{place}: no decimal"
    elif not isinstance(value, str) or not re.fullmatch(_PRIMITIVES[rule.kind], value):
        yield f"{place}: no {rule.kind}"
    elif rule.codes and value not in rule.codes:
        yield f"{place}: not in its code set"


def _broken(value: Mapping[str, Value], kind: str) -> Iterator[str]:
    """The invariants, by their names in the standard."""
    match kind:
        case "Quantity" if "code" in value and "system" not in value:
            yield "a code without its system (qty-3)"
        case "Reference" if not {"reference", "identifier"} & value.keys():
            yield "neither reference nor identifier (ref-2)"
        case "Range" if _low(value) > _high(value):
            yield "low above high (rng-2)"
        case "RiskPrediction" if not 0 <= _float(value.get("probabilityDecimal", 0)) <= 100:
            yield "probabilityDecimal is a percent, 0 to 100 (ras-2)"
        case "Component" if len({"valueQuantity", "valueCodeableConcept"} & value.keys()) != 1:
            yield "wanted one value (obs-3)"
        case "Observation" if "valueQuantity" in value and _codes(value) & _component_codes(value):
            yield "a component has the observation's own code beside its value (obs-7)"
        case "Observation" if not {"valueQuantity", "component"} & value.keys():
            yield "nothing observed (obs-3)"


def _references(bundle: Element) -> Iterator[str]:
    """Every name once (bdl-7), and every reference to a resource that is there."""
    urls, referred = [], []
    for entry in _list(bundle.get("entry")):
        assert isinstance(entry, Mapping)  # noqa: S101 - its shape was checked
        urls.append(str(entry["fullUrl"]))
        resource = entry["resource"]
        if isinstance(resource, Mapping) and entry["fullUrl"] != f"urn:uuid:{resource.get('id')}":
            yield "Bundle.entry: fullUrl is not the resource's id"
        referred += list(_referred(resource))
    if len(set(urls)) != len(urls):
        yield "Bundle.entry: a fullUrl twice (bdl-7)"
    if missing := set(referred) - set(urls):
        yield f"Bundle: {len(missing)} references lead nowhere"


def _referred(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("reference"), str):
            yield reference
        for part in value.values():
            yield from _referred(part)
    elif isinstance(value, list):
        for part in value:
            yield from _referred(part)


def _codes(value: Mapping[str, Value]) -> set[tuple[str, str]]:
    concept = value.get("code")
    codings = _list(concept.get("coding")) if isinstance(concept, Mapping) else []
    return {(str(coding.get("system")), str(coding.get("code"))) for coding in codings if isinstance(coding, Mapping)}


def _component_codes(value: Mapping[str, Value]) -> set[tuple[str, str]]:
    parts = [part for part in _list(value.get("component")) if isinstance(part, Mapping)]
    return {code for part in parts for code in _codes(part)}


def _low(value: Mapping[str, Value]) -> float:
    return _end(value.get("low"), -math.inf)


def _high(value: Mapping[str, Value]) -> float:
    return _end(value.get("high"), math.inf)


def _end(quantity: Value, otherwise: float) -> float:
    return _float(quantity.get("value", otherwise)) if isinstance(quantity, Mapping) else otherwise


def _float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _list(value: Value) -> Sequence[Value]:
    return value if isinstance(value, list) else []
