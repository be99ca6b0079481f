"""An answer in the forms that its caller asked for."""

import io
from collections.abc import Callable, Iterator, Sequence

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from radresponse.v1 import result_pb2
from service.errors import BadRequestField
from service.results.answered import Answered
from service.results.dicom.objects import Objects
from service.results.fhir.bundle import MEDIA_TYPES, bundle_of, fhir_json
from service.results.fhir.elements import Release

Format = result_pb2.ResultFormat

SEG, SR = result_pb2.RESULT_FORMAT_DICOM_SEG, result_pb2.RESULT_FORMAT_DICOM_SR
DICOM = (SEG, SR)

_FHIR: dict[Format, Release] = {
    result_pb2.RESULT_FORMAT_FHIR_R4B: "R4B",
    result_pb2.RESULT_FORMAT_FHIR_R5: "R5",
}


def require_formats(formats: Sequence[Format]) -> tuple[Format, ...]:
    """Checks a request's list of formats.

    Raises:
        BadRequestField: One that is not known, or one twice.
    """
    for index, asked in enumerate(formats):
        if asked not in (*_FHIR, *DICOM):
            known = ", ".join(result_pb2.ResultFormat.Name(number) for number in (*_FHIR, *DICOM))
            raise BadRequestField(f"result_formats[{index}]", f"not set or not known; wanted one of {known}")
        if asked in formats[:index]:
            raise BadRequestField(f"result_formats[{index}]", "asked for twice; wanted each once")
    return tuple(formats)


def documents_of(
    answered: Answered, formats: Sequence[Format], objects: Callable[[], Objects], studies: Sequence[str] = ()
) -> Iterator[result_pb2.ResultDocument]:
    """The documents for each format, in the order asked.

    Args:
        answered: What was said.
        formats: Checked.
        objects: Makes the DICOM objects, where they are asked for; called once at most.
        studies: Study Instance UIDs of the images, where they came as DICOM.

    Raises:
        BadRequestField: DICOM is asked for and no scan came as such.
    """
    made = objects() if set(formats) & set(DICOM) else Objects((), None)
    for index, asked in enumerate(formats):
        if asked in _FHIR:
            release = _FHIR[asked]
            content = fhir_json(bundle_of(answered, release, studies))
            yield result_pb2.ResultDocument(format=asked, media_type=MEDIA_TYPES[release], content=content)
            continue
        if made.report is None:
            raise BadRequestField(f"result_formats[{index}]", "no scan of the case came as DICOM; wanted one that did")
        for one in made.segmentations if asked == SEG else (made.report,):
            yield result_pb2.ResultDocument(format=asked, media_type="application/dicom", content=file_of(one))


def file_of(one: Dataset) -> bytes:
    """A DICOM object as a file (PS3.10)."""
    out = io.BytesIO()
    dcmwrite(out, one, enforce_file_format=True)
    return out.getvalue()
