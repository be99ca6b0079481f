"""Results into an archive, once, and read back to be sure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from service.errors import NotStored
from service.pacs.archive import Archive

CONTENT = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID",
    "PixelData", "SegmentSequence", "PerFrameFunctionalGroupsSequence", "ContentSequence",
)  # fmt: skip
"""What must come back as it went; archives may set names, dates and descriptions right."""


@dataclass(frozen=True, slots=True)
class Deposited:
    """One object that the archive holds."""

    sop_class_uid: str
    sop_instance_uid: str = field(repr=False)
    already: bool
    """Whether it was there before."""


def deposit(archive: Archive, name: str, objects: Sequence[Dataset]) -> list[Deposited]:
    """Stores what is not there yet, and reads all of it back.

    Args:
        archive: Where to.
        name: The archive's, for errors.
        objects: In the order in which they are to be stored: what others point to first.

    Raises:
        NotStored: It did not take one, or gives another one back.
        PacsError: It does not answer, or refuses.
    """
    done = []
    for one in objects:
        study, uid = str(one.StudyInstanceUID), str(one.SOPInstanceUID)
        already = archive.holds(study, uid)
        if not already:
            archive.store([one])
        back = archive.retrieve(study, str(one.SeriesInstanceUID), uid)
        if differing := [keyword for keyword in CONTENT if _plain(one, keyword) != _plain(back, keyword)]:
            raise NotStored(name, f"what it gives back differs in {', '.join(differing)}")
        done.append(Deposited(str(one.SOPClassUID), uid, already))
    return done


def _plain(data: Dataset, keyword: str) -> object:
    """A value, whatever its representation became on the way."""
    value = data.get(keyword)
    return value if value is None or isinstance(value, bytes) else str(value)
