"""RTSTRUCT: the asked structures on the image's grid, matched by frame of reference and position.

Instance UIDs of the planes are not asked: files that were made anonymous or copied carry others.
"""

from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from features.case import Structures
from features.dicom.attributes import decimals_of, items_of, read_attributes, text_of, whole_of
from features.dicom.choice import Named, chosen, merge
from features.dicom.contours import filled
from features.dicom.walk import DicomFile
from features.errors import BadContours, DamagedFile, EmptySegmentation, ReferenceMismatch
from features.imaging.volume import Image
from features.types import Floats, Labels

MAX_POINTS = 5_000_000
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, slots=True)
class Region:
    """A structure as the file lists it."""

    named: Named
    frame_of_reference: str = field(repr=False)


def structures_in(data: Dataset) -> list[Region]:
    """All structures of a file, in its order."""
    return [
        Region(
            Named(whole_of(item, "ROINumber"), text_of(item, "ROIName")), text_of(item, "ReferencedFrameOfReferenceUID")
        )
        for item in items_of(data, "StructureSetROISequence")
    ]


def series_drawn_on(data: Dataset) -> set[str]:
    """UIDs of the series that a file says its structures were drawn on; often none, or wrong."""
    return {
        text_of(series, "SeriesInstanceUID")
        for frame in items_of(data, "ReferencedFrameOfReferenceSequence")
        for study in items_of(frame, "RTReferencedStudySequence")
        for series in items_of(study, "RTReferencedSeriesSequence")
    }


def read_rtstruct(file: DicomFile, image: Image, numbers: tuple[int, ...], structures: Structures) -> Labels:
    """The asked structures, each with its number as label.

    Raises:
        BadSegmentation: One of its leaves.
        DamagedFile: What cannot be read.
    """
    if image.reference is not None and image.reference.projection:
        raise ReferenceMismatch(
            f"an RTSTRUCT draws in the patient's space, in which a projection ({image.reference.modality}) "
            "has no place; wanted a SEG that was drawn on it, or labels on its grid"
        )
    data = read_attributes(file)
    there = structures_in(data)
    asked = chosen([one.named for one in there], numbers, structures)
    require_frame({one.frame_of_reference for one in there if one.named in asked.values()}, image)
    contours = _contours(data, {one.number for one in asked.values()})
    labels: Labels = np.zeros(image.voxels.shape, dtype=np.int32)
    for label, one in asked.items():
        if not contours[one.number]:
            raise EmptySegmentation(f"structure {one.number} has no contour; wanted one at least", number=one.number)
        merge(labels, filled(contours[one.number], image.grid), label)
    return labels


def require_frame(seen: set[str], image: Image) -> None:
    """Wants structures to be drawn in the image's own frame of reference."""
    if image.reference is None:
        raise ReferenceMismatch("the image is no DICOM series, so where the structures lie on it is not known")
    wanted = image.reference.frame_of_reference_uid
    if seen != {wanted} or not wanted:
        raise ReferenceMismatch(
            "the structures are drawn in another frame of reference than the image's; wanted those of this image"
        )


def _contours(data: Dataset, numbers: set[int]) -> dict[int, list[Floats]]:
    contours: dict[int, list[Floats]] = {number: [] for number in numbers}
    left = MAX_POINTS
    for region in items_of(data, "ROIContourSequence"):
        number = whole_of(region, "ReferencedROINumber")
        if number not in numbers:
            continue
        for contour in items_of(region, "ContourSequence"):
            kind = text_of(contour, "ContourGeometricType")
            if kind not in CLOSED:
                raise BadContours(f"structure {number} has a contour of type {kind[:20]}; wanted closed planar ones")
            values = decimals_of(contour, "ContourData", 3 * left + 1)
            if values is None:
                raise BadContours(f"the structures have more than {MAX_POINTS:,} points; wanted fewer")
            left -= len(values) // 3
            contours[number].append(_points(values, number))
    return contours


def _points(values: Floats, number: int) -> Floats:
    if len(values) % 3 or len(values) < 9:
        raise DamagedFile(f"a contour of structure {number} has {len(values)} coordinates; wanted three or more points")
    return values.reshape(-1, 3)
