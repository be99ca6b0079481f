"""What a segmentation in an archive says of itself: whose it is, on which image it was drawn, its structures."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from features.dicom.attributes import text_of
from service.pacs.archive import Archive
from service.results.dicom.common import MAKER

KINDS = ("RTSTRUCT", "SEG")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One RTSTRUCT or SEG; UIDs, names and the patient stay in this process."""

    patient: str = field(repr=False)
    image_uid: str = field(repr=False)
    """Series that it was drawn on; empty where it does not say, or names several."""
    structures: tuple[tuple[int, str], ...] = field(repr=False)
    """Number and name of each."""
    moment: str
    """When it was drawn, YYYYMMDDHHMMSS; empty where it does not say."""
    ours: bool
    """Whether this service made it."""

    def holds(self, names: tuple[str, ...], numbers: tuple[int, ...]) -> bool:
        """Whether it has all of these structures."""
        numbered, named = {number for number, _ in self.structures}, {name for _, name in self.structures}
        return set(names) <= named and set(numbers) <= numbered


def describe(archive: Archive, study_uid: str, series_uid: str) -> Drawn | None:
    """Reads the header of a segmentation; None where the series holds none, or several.

    Raises:
        PacsError: The archive does not answer, refuses, or answers nonsense.
    """
    headers = archive.describe(study_uid, series_uid)
    if len(headers) != 1:
        return None
    (header,) = headers
    kind = text_of(header, "Modality")
    images = set(_drawn_on_by_rtstruct(header) if kind == "RTSTRUCT" else _drawn_on_by_seg(header))
    date, time = ("StructureSetDate", "StructureSetTime") if kind == "RTSTRUCT" else ("ContentDate", "ContentTime")
    return Drawn(
        patient=text_of(header, "PatientID"),
        image_uid=images.pop() if len(images) == 1 else "",
        structures=tuple(_regions(header) if kind == "RTSTRUCT" else _segments(header)),
        moment=text_of(header, date) + text_of(header, time).partition(".")[0],
        ours=text_of(header, "Manufacturer") == MAKER,
    )


def _drawn_on_by_rtstruct(header: Dataset) -> Iterator[str]:
    for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                yield text_of(series, "SeriesInstanceUID")


def _drawn_on_by_seg(header: Dataset) -> Iterator[str]:
    for series in header.get("ReferencedSeriesSequence") or ():
        yield text_of(series, "SeriesInstanceUID")


def _regions(header: Dataset) -> Iterator[tuple[int, str]]:
    for region in header.get("StructureSetROISequence") or ():
        yield int(text_of(region, "ROINumber") or 0), text_of(region, "ROIName")


def _segments(header: Dataset) -> Iterator[tuple[int, str]]:
    for segment in header.get("SegmentSequence") or ():
        yield int(text_of(segment, "SegmentNumber") or 0), text_of(segment, "SegmentLabel")
