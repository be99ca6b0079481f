"""The DiagnosticReport that holds the figures together, with a text for people."""

from collections.abc import Sequence
from html import escape

from radresponse.v1 import prediction_pb2
from service.results.answered import Answered
from service.results.concepts import REPORT
from service.results.fhir.elements import (
    PRELIMINARY,
    URI,
    Element,
    Release,
    concept,
    notes_of,
    subject_of,
    without_empty,
)
from service.results.fhir.observation import Resource
from service.results.identity import uuid_of

SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
DISCLAIMER = (
    "Preliminary: computed by software, not verified by any person. "
    "It supports a clinical decision and never makes one; it comes from no medical device."
)
_XHTML = "http://www.w3.org/1999/xhtml"


def identified(answered: Answered) -> str:
    """The report's identifier; everything else refers to it."""
    return str(uuid_of("DiagnosticReport", answered.digest))


def reported(answered: Answered, results: Sequence[Resource], studies: Sequence[str], release: Release) -> Resource:
    """The report of one answer.

    Args:
        answered: The answer.
        results: Its figures.
        studies: Study Instance UIDs of the images, where they came as DICOM.
        release: In which the images' studies and the notes are called otherwise.
    """
    uuid = identified(answered)
    told = answered.notes if release == "R4B" else ()  # which has no element for notes
    body: Element = {
        "resourceType": "DiagnosticReport",
        "id": uuid,
        "text": {"status": "generated", "div": _narrative(answered)},
        "identifier": [{"system": URI, "value": f"urn:uuid:{uuid}"}],
        "status": PRELIMINARY,
        "category": [{"coding": [{"system": SECTIONS, "code": "IMG", "display": "Diagnostic Imaging"}]}],
        "code": concept(REPORT),
        "subject": subject_of(answered.subject),
        "result": [one.reference for one in results],
        "imagingStudy" if release == "R4B" else "study": [study_of(uid) for uid in studies],
        "conclusion": " ".join([DISCLAIMER, *told]),
    }
    if release == "R5":
        body["note"] = notes_of(answered.notes)
    return Resource(uuid, without_empty(body))


def study_of(uid: str) -> Element:
    """Refers to a study by its DICOM identifier."""
    return {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}}


def _narrative(answered: Answered) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _row(prediction))}</tr>"
        for prediction in answered.predictions
    )
    models = "".join(
        f"<li>{escape(f'{model.name} version {model.version}, SHA-256 {model.digest}')}</li>"
        for model in answered.provenance.models
    )
    warned = "".join(f"<li>{escape(note)}</li>" for note in answered.notes)
    software = escape(f"RadResponse {answered.provenance.software_version}")
    return (
        f'<div xmlns="{_XHTML}"><p>{escape(DISCLAIMER)}</p>'
        "<table><tr><th>Model</th><th>Therapy</th><th>Prediction</th><th>Interval</th></tr>"
        f"{rows}</table>{f'<ul>{warned}</ul>' if warned else ''}<p>Made by {software} from:</p><ul>{models}</ul></div>"
    )


def _row(prediction: prediction_pb2.Prediction) -> tuple[str, str, str, str]:
    name = f"{prediction.model.name} version {prediction.model.version}"
    therapy = prediction.therapy or "any"
    if prediction.HasField("outcome"):
        outcome = prediction.outcome
        return (
            name,
            therapy,
            f"{outcome.endpoint}: {outcome.probability:.0%}",
            _interval(outcome.probability_interval, 100.0, " %"),
        )
    if prediction.HasField("progression"):
        told = prediction.progression
        median = (
            f"{told.median_days:.0f} days" if told.HasField("median_days") else f"beyond {told.horizon_days:.0f} days"
        )
        return name, therapy, f"{told.endpoint}: median {median}", _interval(told.median_days_interval, 1.0, " days")
    if prediction.HasField("risk"):
        risk = prediction.risk
        return name, therapy, f"{risk.endpoint}: log hazard ratio {risk.log_hazard_ratio:+.2f}, no time known", ""
    return name, therapy, "withheld", ""


def _interval(interval: prediction_pb2.Interval, scale: float, unit: str) -> str:
    ends = [
        f"{scale * getattr(interval, name):.0f}" if interval.HasField(name) else "not bounded"
        for name in ("lower", "upper")
    ]
    return f"{' to '.join(ends)}{unit} ({interval.level:.0%})" if interval.level else ""
