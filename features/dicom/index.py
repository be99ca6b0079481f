"""What a heap of files holds, object by object: series, structure sets, segmentations, the rest."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from features.dicom.attributes import IDENTITY, KEYWORDS, items_of, read_attributes, text_of
from features.dicom.choice import Named
from features.dicom.parts import Part
from features.dicom.read_instance import CAPTURES, FLAT, RT_STRUCTURES, SEGMENTATIONS, SLICED
from features.dicom.rtstruct import series_drawn_on, structures_in
from features.dicom.segments import segments_in
from features.dicom.walk import looks_like_dicom, take_apart
from features.errors import BadImage
from features.imaging.header import Limits


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that is a DICOM object of use."""

    part: Part
    kind: str
    """CT, MR, PT, CR, DX, MG, capture, RTSTRUCT, SEG."""
    series_uid: str = field(repr=False)
    frame_of_reference: str = field(repr=False)
    structures: tuple[Named, ...] = ()
    drawn_on: frozenset[str] = field(default=frozenset(), repr=False)
    """Series that a segmentation names."""
    patient: str = field(default="", repr=False)
    """As the hospital has it; empty unless asked for."""
    study_date: str = field(default="", repr=False)

    @property
    def image(self) -> bool:
        """Whether it has pixels that an image could be made of."""
        return self.kind not in ("RTSTRUCT", "SEG")


@dataclass(frozen=True, slots=True)
class Heap:
    """What was found."""

    entries: tuple[Entry, ...]
    others: int
    """DICOM objects of other kinds: reports, plans, directories."""
    strange: int
    """Files that are no DICOM."""
    damaged: tuple[BadImage, ...]

    def series(self) -> dict[str, list[Entry]]:
        """Images by series, in the order they were found."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.image:
                found.setdefault(entry.series_uid, []).append(entry)
        return found

    def segmentations(self) -> list[Entry]:
        """Structure sets and segmentations."""
        return [entry for entry in self.entries if not entry.image]


def index(parts: Iterable[Part], limits: Limits, *, identified: bool = False) -> Heap:
    """Looks at each file once; a damaged one is told and the others go on.

    Args:
        parts: The files.
        limits: What a file may inflate to.
        identified: Whether patient and date are read as well.
    """
    entries: list[Entry] = []
    damaged: list[BadImage] = []
    others = strange = 0
    for part in parts:
        try:
            found = _entry(part, limits, identified)
        except BadImage as error:
            damaged.append(error)
            continue
        if isinstance(found, Entry):
            entries.append(found)
        elif found:
            others += 1
        else:
            strange += 1
    return Heap(tuple(entries), others, strange, tuple(damaged))


def _entry(part: Part, limits: Limits, identified: bool) -> Entry | bool:
    """The object; else whether it is DICOM at all."""
    content = part.read()
    if not looks_like_dicom(content[:132]):
        return False
    file = take_apart(content, limits.max_bytes)
    kind = _KINDS.get(file.storage)
    if kind is None:
        return True
    data = read_attributes(file, (*KEYWORDS, *IDENTITY) if identified else KEYWORDS, ())
    structures: list[Named] = []
    drawn_on: set[str] = set()
    frame = text_of(data, "FrameOfReferenceUID")
    if kind == "RTSTRUCT":
        regions = structures_in(data)
        structures, drawn_on = [one.named for one in regions], series_drawn_on(data)
        frame = next((one.frame_of_reference for one in regions), "")
    elif kind == "SEG":
        structures = segments_in(data)
        drawn_on = {text_of(one, "SeriesInstanceUID") for one in items_of(data, "ReferencedSeriesSequence")}
    return Entry(
        part=part,
        kind=kind,
        series_uid=text_of(data, "SeriesInstanceUID"),
        frame_of_reference=frame,
        structures=tuple(structures),
        drawn_on=frozenset(drawn_on),
        patient=text_of(data, "PatientID") if identified else "",
        study_date=text_of(data, "StudyDate") if identified else "",
    )


_KINDS = {
    **SLICED,
    **FLAT,
    **dict.fromkeys(CAPTURES, "capture"),
    RT_STRUCTURES: "RTSTRUCT",
    **dict.fromkeys(SEGMENTATIONS, "SEG"),
}
