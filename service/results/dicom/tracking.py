"""By what a lesion is followed from one study to the next: its name, and an identifier of its own.

A SEG that already tracks its segments is followed. Otherwise the identifier is made from the patient and the exact name
of the structure: the same name in a later study of the same patient is the same lesion, which is what names are for.
"""

from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from features.case import Source
from features.dicom.attributes import items_of, read_attributes, text_of, whole_of
from features.dicom.clean_names import clean_name
from features.dicom.read_instance import RT_STRUCTURES
from features.dicom.segmentation import the_segmentation
from features.imaging.header import Limits
from service.results.identity import uid_of

KEYWORDS = ("StructureSetROISequence", "SegmentSequence")


@dataclass(frozen=True, slots=True)
class Tracked:
    """One lesion by what it is followed."""

    uid: str = field(repr=False)
    name: str = field(repr=False)
    """For people, with words that may be anybody's name masked."""


def tracked(segmentation: Source, limits: Limits, patient: tuple[str, str]) -> dict[int, Tracked]:
    """Every structure or segment of a DICOM segmentation, by its number.

    Raises:
        BadImage: It cannot be read.
    """
    file = the_segmentation(segmentation, limits)
    data = read_attributes(file, KEYWORDS, ())
    if file.storage == RT_STRUCTURES:
        named = {
            whole_of(item, "ROINumber"): (text_of(item, "ROIName"), "")
            for item in items_of(data, "StructureSetROISequence")
        }
    else:
        named = {whole_of(item, "SegmentNumber"): _of_segment(item) for item in items_of(data, "SegmentSequence")}
    return {number: _tracked(number, name, uid, patient) for number, (name, uid) in named.items()}


def by_number(label: int, patient: tuple[str, str]) -> Tracked:
    """A lesion of a segmentation that has no names."""
    return _tracked(label, "", "", patient)


def _of_segment(item: Dataset) -> tuple[str, str]:
    return text_of(item, "TrackingID") or text_of(item, "SegmentLabel"), text_of(item, "TrackingUID")


def _tracked(number: int, name: str, uid: str, patient: tuple[str, str]) -> Tracked:
    shown = clean_name(name).strip() or f"lesion {number}"
    return Tracked(uid or uid_of("lesion", *patient, name or f"#{number}"), shown)
