"""Which segmentation belongs to which series of a heap: drawn in its frame of reference, on it where it says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from features.case import Structures
from features.dicom.index import Entry, Heap
from features.dicom.read_instance import RT_STRUCTURES
from features.dicom.rtstruct import read_rtstruct
from features.dicom.segments import read_segments
from features.dicom.series import image_of
from features.dicom.walk import take_apart
from features.errors import FeatureError
from features.imaging.header import Limits
from features.imaging.volume import Image, Segmentation
from features.modalities import MODALITIES, is_projection

WORDS = {word.upper(): word for word in MODALITIES}


@dataclass(frozen=True, slots=True)
class Paired:
    """A series that is a right volume, with the asked structures of its segmentation."""

    series: str = field(repr=False)
    patient: str = field(repr=False)
    scan: str
    """Its modality word."""
    day: date | None = field(repr=False)
    image: Image
    segmentation: Segmentation


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A series that is not part of the cohort."""

    series: str = field(repr=False)
    patient: str = field(repr=False)
    kind: str
    files: int
    reason: str
    """As errors have it."""
    message: str


def paired(heap: Heap, structures: Structures, limits: Limits) -> Iterator[Paired | LeftOut]:
    """Looks at each series, and reads those that have a segmentation with the asked structures.

    Args:
        heap: Indexed with patients and dates.
        structures: Which are lesions.
        limits: What an image may claim.
    """
    for uid, entries in heap.series().items():
        first = entries[0]

        def left(reason: str, message: str, first: Entry = first, uid: str = uid, count: int = len(entries)) -> LeftOut:
            return LeftOut(uid, first.patient, first.kind, count, reason, message)

        if len({entry.patient for entry in entries}) > 1:
            yield left("SEVERAL_PATIENTS", "the files of one series are of several patients")
            continue
        candidates = _candidates(first, heap)
        if first.kind in WORDS and not candidates:
            where = "on it" if is_projection(WORDS[first.kind]) else "in its frame of reference"
            yield left("NO_SEGMENTATION", f"no RTSTRUCT or SEG of the patient is drawn {where}")
            continue
        try:
            image = image_of([entry.part for entry in entries], "", limits)
        except FeatureError as error:
            yield left(error.reason, str(error))
            continue
        found, errors = _read(candidates, image, structures, limits)
        if len(found) == 1:
            yield Paired(uid, first.patient, WORDS[first.kind], _date(first.study_date), image, found[0])
        elif found:
            yield left("SEVERAL_SEGMENTATIONS", f"{len(found)} segmentations have the structure; wanted one")
        else:
            yield left(errors[0].reason, str(errors[0]))


def _candidates(first: Entry, heap: Heap) -> list[Entry]:
    """Those drawn on the very series; else all of its frame of reference that do not name another one there is.

    A projection has those alone that were drawn on its series.
    """
    if is_projection(WORDS.get(first.kind, "")):
        return [
            entry
            for entry in heap.segmentations()
            if entry.patient == first.patient and first.series_uid in entry.drawn_on
        ]
    same = [
        entry
        for entry in heap.segmentations()
        if entry.patient == first.patient
        and entry.frame_of_reference == first.frame_of_reference
        and first.frame_of_reference
    ]
    own = [entry for entry in same if first.series_uid in entry.drawn_on]
    present = set(heap.series())
    return own or [entry for entry in same if not entry.drawn_on & present]


def _read(
    candidates: Sequence[Entry], image: Image, structures: Structures, limits: Limits
) -> tuple[list[Segmentation], list[FeatureError]]:
    found: list[Segmentation] = []
    errors: list[FeatureError] = []
    for entry in candidates:
        try:
            file = take_apart(entry.part.read(), limits.max_bytes)
            if file.storage == RT_STRUCTURES:
                labels = read_rtstruct(file, image, (), structures)
            else:
                labels = read_segments(file, image, (), structures, limits)
        except FeatureError as error:
            errors.append(error)
        else:
            found.append(Segmentation(labels, image.grid, ""))
    return found, errors


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
