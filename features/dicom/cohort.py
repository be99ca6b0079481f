"""A folder of DICOM to the rows of a manifest: images and masks without identity, dates as days from the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from features.case import Structures
from features.dicom.index import index
from features.dicom.pairs import LeftOut, Paired, paired
from features.dicom.parts import Part
from features.errors import StructureNotChosen
from features.files import files_in
from features.imaging.header import Limits
from features.imaging.write import write_image, write_segmentation
from features.pseudonyms import Pseudonyms

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was left out, as the table has it."""

    subject: str
    series: str
    kind: str
    files: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A series that is part of the cohort, as the table has it: what belongs together still does."""

    subject: str
    study: str
    """What stands for the study's UID."""
    series: str
    frame_of_reference: str
    scan: str
    when: str
    """baseline or latest."""
    image: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """A cohort, written but for its tables."""

    rows: tuple[Row, ...]
    """One a subject, by column of the manifest; paths relative to it."""
    taken: tuple["Taken", ...]
    left_out: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    """A scan on the disk; its voxels are not kept."""

    series: str
    study: str
    frame_of_reference: str
    scan: str
    ordinal: int
    """Of its day; 0 where the file told none."""
    image: str
    mask: str


def gathered(folder: Path, images: Path, structures: Structures, pseudonyms: Pseudonyms) -> Gathered:
    """Finds, reads and writes what can be part of a cohort.

    Args:
        folder: With DICOM files at any depth.
        images: Where images and masks go; made here.
        structures: Which structures are lesions.
        pseudonyms: What stands for patients and series.

    Raises:
        StructureNotChosen: None is asked.
    """
    if not structures:
        raise StructureNotChosen("nothing says which structures are lesions; wanted --structure or --structure-like")
    images.mkdir()
    limits = Limits()
    heap = index((Part(path.stat().st_size, path.read_bytes) for path in files_in(folder)), limits, identified=True)
    left_out = [Left("", "", "file", 1, error.reason, str(error)) for error in heap.damaged]
    if heap.strange:
        left_out.append(Left("", "", "file", heap.strange, "UNKNOWN_FORMAT", "files that are no DICOM files"))
    if heap.others:
        left_out.append(Left("", "", "object", heap.others, "NO_IMAGE", "DICOM objects of other kinds"))
    scans: dict[str, list[_Written]] = {}
    for number, one in enumerate(paired(heap, structures, limits)):
        if isinstance(one, LeftOut):
            left_out.append(_left(one, pseudonyms))
        elif not one.patient:
            left_out.append(_left_written(one, "NO_PATIENT", "the series names no patient", pseudonyms))
        else:
            subject = pseudonyms.patient(one.patient)
            scans.setdefault(subject, []).append(_written(one, subject, number, images))
    rows = []
    taken: list[Taken] = []
    for subject, written in sorted(scans.items()):
        row: Row = {"subject": subject}
        for chosen in _by_scan(written):
            row |= _cells(subject, chosen, left_out, images, pseudonyms)
            taken += _taken(subject, chosen, pseudonyms)
        if len(row) > 1:
            rows.append(row)
    return Gathered(tuple(rows), tuple(taken), tuple(left_out))


def _written(one: Paired, subject: str, number: int, images: Path) -> _Written:
    name = f"{subject}_{one.scan}_{number}"
    image, mask = f"{name}_image.nii.gz", f"{name}_mask.nii.gz"
    write_image(one.image, images / image)
    write_segmentation(one.segmentation, images / mask)
    reference = one.image.reference
    study, frame = (reference.study_uid, reference.frame_of_reference_uid) if reference else ("", "")
    return _Written(one.series, study, frame, one.scan, one.day.toordinal() if one.day else 0, image, mask)


def _by_scan(written: list[_Written]) -> Iterator[list[_Written]]:
    for scan in sorted({one.scan for one in written}):
        yield sorted((one for one in written if one.scan == scan), key=lambda one: one.ordinal)


def _cells(subject: str, written: list[_Written], left_out: list[Left], images: Path, pseudonyms: Pseudonyms) -> Row:
    """The columns of one modality: its first day is the baseline, its last the latest."""
    ordinals = [one.ordinal for one in written]
    for one in list(written):
        reason = message = ""
        if ordinals.count(one.ordinal) > 1:
            reason, message = "DUPLICATE_SCAN", "several series of the modality on one day; wanted one"
        elif not one.ordinal and len(written) > 1:
            reason, message = "BAD_SCAN_DATE", "one of several scans has no date"
        elif one.ordinal not in (min(ordinals), max(ordinals)):
            reason, message = "BETWEEN_SCANS", "between the first scan and the last"
        if reason:
            for file in (one.image, one.mask):
                (images / file).unlink()
            left_out.append(Left(subject, pseudonyms.uid(one.series), one.scan, 1, reason, message))
            written.remove(one)
    row: Row = {}
    for when, one in zip(("baseline", "latest"), written[:1] + written[1:][-1:], strict=False):
        row |= {f"{one.scan}.{when}.image": f"images/{one.image}", f"{one.scan}.{when}.mask": f"images/{one.mask}"}
        if when == "latest":
            row[f"{one.scan}.latest.day"] = str(one.ordinal - written[0].ordinal)
    return row


def _taken(subject: str, written: list[_Written], pseudonyms: Pseudonyms) -> Iterator[Taken]:
    """Those that `_cells` left."""
    for when, one in zip(("baseline", "latest"), written[:1] + written[1:][-1:], strict=False):
        study, series, frame = (
            pseudonyms.uid(uid) if uid else "" for uid in (one.study, one.series, one.frame_of_reference)
        )
        yield Taken(subject, study, series, frame, one.scan, when, f"images/{one.image}")


def _left(one: LeftOut, pseudonyms: Pseudonyms) -> Left:
    subject = pseudonyms.patient(one.patient) if one.patient else ""
    return Left(subject, pseudonyms.uid(one.series), one.kind, one.files, one.reason, one.message)


def _left_written(one: Paired, reason: str, message: str, pseudonyms: Pseudonyms) -> Left:
    return Left("", pseudonyms.uid(one.series), one.scan, 1, reason, message)
