"""All resources of one answer in one Bundle, as the bytes that go out."""

import json
from collections.abc import Sequence

from service.results.answered import Answered
from service.results.fhir.checks import require_valid
from service.results.fhir.diagnostic_report import identified, reported
from service.results.fhir.elements import Element, Release
from service.results.fhir.observation import Resource, compared, measured, predicted
from service.results.fhir.risk_assessment import assessed
from service.results.identity import uuid_of

MEDIA_TYPES: dict[Release, str] = {
    "R4B": "application/fhir+json; fhirVersion=4.3",
    "R5": "application/fhir+json; fhirVersion=5.0",
}


def bundle_of(answered: Answered, release: Release, studies: Sequence[str] = ()) -> Element:
    """A Bundle of type collection: the report first, then assessments, figures, and what was measured.

    The same answer gives the same Bundle, to the byte: it holds no moment of its making.

    Args:
        answered: The answer.
        release: Of FHIR.
        studies: Study Instance UIDs of the images, where they came as DICOM.

    Raises:
        InvalidDocument: It is not valid FHIR; a bug of ours.
    """
    inputs = measured(answered)
    part_of: Element = {"reference": f"urn:uuid:{identified(answered)}"}
    assessments, figures = [], []
    for prediction in answered.predictions:
        basis = [inputs[reason.feature] for reason in prediction.contributions if reason.HasField("value")]
        told = predicted(answered, prediction, basis)
        figures += told
        assessments.append(assessed(answered, prediction, [*told, *basis], part_of))
    for therapy, difference in answered.differences:
        figures += compared(answered, therapy, difference)
    report = reported(answered, [*figures, *inputs.values()], studies, release)
    bundle: Element = {
        "resourceType": "Bundle",
        "id": str(uuid_of("Bundle", answered.digest, release)),
        "type": "collection",
        "entry": [_entry(one) for one in (report, *assessments, *figures, *inputs.values())],
    }
    require_valid(bundle, release)
    return bundle


def fhir_json(bundle: Element) -> bytes:
    """FHIR's JSON form."""
    return json.dumps(bundle, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _entry(resource: Resource) -> Element:
    return {"fullUrl": resource.url, "resource": resource.body}
