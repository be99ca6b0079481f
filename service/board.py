"""What a tumour board wants beside the numbers: pictures of the lesions, similar training patients."""

from collections.abc import Sequence

from features.case import Case
from features.opened import OpenedScan
from features.picture import Picture, draw
from models.answers import SimilarPatient
from models.version import Model
from radresponse.v1 import board_pb2
from service.answer import reference_of
from service.convert import within_case
from service.inputs import Inputs, Instruments, files_there
from service.tracing import span
from service.work import Check

MOST_PICTURES = 6
"""Of one scan."""


def pictures_of(case: Case, instruments: Instruments, check: Check) -> list[board_pb2.LesionPicture]:
    """A slice through each asked lesion of each scan, the largest lesions first.

    Raises:
        FeatureError: With `place` in the contract's words.
        ImageNotFound: An uploaded file was deleted since the case was opened.
        Cancelled: From `check`.
    """
    messages = []
    with span("pictures", scans=len(case.scans)), within_case(), files_there(case):
        for index, scan in enumerate(case.scans):
            check()
            lesions = OpenedScan(scan, f"scans[{index}]", instruments.limits).open()
            for lesion in sorted(lesions, key=lambda one: (-one.voxel_count, one.label))[:MOST_PICTURES]:
                check()
                picture = draw(lesion, scan.name.partition("_")[0])
                messages.append(picture_of(picture, index, scan.name, scan.day))
    return messages


def similar_patients_of(
    models: Sequence[Model], inputs: Sequence[Inputs], check: Check
) -> list[board_pb2.SimilarPatients]:
    """The training patients most like this one, of each model."""
    found = []
    for model, of_model in zip(models, inputs, strict=True):
        check()
        patients = model.similar(of_model.values, of_model.missing)
        found.append(
            board_pb2.SimilarPatients(model=reference_of(model), patients=[_patient(patient) for patient in patients])
        )
    return found


def picture_of(picture: Picture, scan: int, name: str, day: int) -> board_pb2.LesionPicture:
    """As a message."""
    return board_pb2.LesionPicture(
        scan=scan,
        scan_name=name,
        day=day,
        label=picture.label,
        png=picture.png,
        width=picture.width,
        height=picture.height,
        column_spacing_mm=picture.column_spacing_mm,
        row_spacing_mm=picture.row_spacing_mm,
        contours=[board_pb2.Contour(x=line[:, 0].tolist(), y=line[:, 1].tolist()) for line in picture.contours],
        slice=picture.slice,
        slices=picture.slices,
        black=picture.black,
        white=picture.white,
        left=picture.left,
        right=picture.right,
        top=picture.top,
        bottom=picture.bottom,
    )


def _patient(patient: SimilarPatient) -> board_pb2.SimilarPatient:
    message = board_pb2.SimilarPatient(distance=patient.distance, therapy=patient.therapy)
    if patient.responded is not None:
        message.responded = patient.responded
    elif patient.time_days is not None:
        message.progression.CopyFrom(board_pb2.FollowUp(time_days=patient.time_days, event=bool(patient.event)))
    return message
