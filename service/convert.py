"""The protobuf door, inwards: a case as it came over the wire becomes features' own case, or is refused by field."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from features.case import Case, Scan, Source, Structures
from features.errors import BadScanDate, FeatureError
from radresponse.v1 import case_pb2
from service.errors import BadRequestField, PacsError, UnknownPacs
from service.pacs.archives import looks_like_uid

OpenImage = Callable[[str], Source]
"""Opens what this caller uploaded for this subject, by digest; raises ImageNotFound."""
OpenSeries = Callable[[case_pb2.ArchivedSeries], Source]
"""Fetches a series from an archive that this caller may name; raises PacsError."""


@dataclass(frozen=True, slots=True)
class _Openers:
    image: OpenImage
    series: OpenSeries


def _no_archive(series: case_pb2.ArchivedSeries) -> Source:
    raise UnknownPacs


MODALITY_WORDS = {
    case_pb2.MODALITY_CT: "ct",
    case_pb2.MODALITY_PT: "pt",
    case_pb2.MODALITY_MR: "mr",
    case_pb2.MODALITY_CR: "cr",
    case_pb2.MODALITY_DX: "dx",
    case_pb2.MODALITY_MG: "mg",
}
MAX_FILES = 8192
"""Of one series."""
MAX_STRUCTURES = 64
MAX_STRUCTURE_CHARACTERS = 64
MAX_SCANS = 32
"""Of one case; each may hold as much memory as the server's largest image."""

_SUBJECT = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SERIES = re.compile(r"[a-z0-9]{1,32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COVARIATE = re.compile(r"[^\W](?:[\w %+/().-]{0,126}[\w%+).])?")
"""As the grammar of columns has it, without control characters."""
_COLUMN = re.compile(r"[^\W](?:[\w %+/().-]{0,198}[\w%+).])?")


def case_of(message: case_pb2.Case, open_image: OpenImage, open_series: OpenSeries = _no_archive) -> Case:
    """Checks a whole case and takes it over.

    Args:
        message: As it came.
        open_image: Called for each image that is named by digest.
        open_series: Called for each series that is named by archive and identifiers.

    Raises:
        BadRequestField: A field is malformed; names the field in the contract's words, never its content
            where that could tell who the patient is.
        FeatureError: Scans that do not fit together, with `place`.
    """
    require_subject(message.subject, "case.subject")
    if len(message.scans) > MAX_SCANS:
        raise BadRequestField("case.scans", f"{len(message.scans)} scans; at most {MAX_SCANS} are taken")
    clinical = _covariates(message.covariates)
    given = _given(message.features)
    with within_case():
        days = _days(message.scans)
        scans = tuple(
            _scan(scan, day, f"case.scans[{index}]", _Openers(open_image, open_series))
            for index, (scan, day) in enumerate(zip(message.scans, days, strict=True))
        )
        return Case(scans=scans, clinical=clinical, given=given)


@contextmanager
def within_case() -> Iterator[None]:
    """Turns a place of `features` (`scans[0].image`) into one of the contract (`case.scans[0].image`)."""
    try:
        yield
    except FeatureError as error:
        if error.place.startswith("scans"):
            error.place = f"case.{error.place}"
        raise


def require_subject(subject: str, field: str) -> None:
    """Checks the form of a pseudonym; what came is not repeated, for it may be a name."""
    if not _SUBJECT.fullmatch(subject):
        seen = f"{len(subject)} characters of another form" if subject else "empty"
        raise BadRequestField(field, f"{seen}; wanted a pseudonym of 1 to 128 letters, digits, '.', '_' and '-'")


def require_digest(digest: str, field: str) -> None:
    """Checks the form of a digest."""
    if not _DIGEST.fullmatch(digest):
        raise BadRequestField(
            field, f"{len(digest)} characters that are no SHA-256; wanted 64 lower-case hexadecimal digits"
        )


def require_different(names: Sequence[str], field: str) -> tuple[str, ...]:
    """Checks that a list of names (therapies, models, columns) holds none twice and none empty."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            raise BadRequestField(f"{field}[{index}]", "empty; wanted a name")
        if name in seen:
            raise BadRequestField(f"{field}[{index}]", "named twice; wanted each once")
        seen.add(name)
    return tuple(names)


def _scan(message: case_pb2.Scan, day: int, place: str, openers: _Openers) -> Scan:
    if (word := MODALITY_WORDS.get(message.modality)) is None:
        wanted = ", ".join(case_pb2.Modality.Name(value) for value in MODALITY_WORDS)
        raise BadRequestField(f"{place}.modality", f"not set or not known; wanted one of {wanted}")
    if message.series and not _SERIES.fullmatch(message.series):
        raise BadRequestField(f"{place}.series", "wanted 1 to 32 lower-case letters and digits, or nothing")
    for index, label in enumerate(message.labels):
        if label < 1:
            raise BadRequestField(f"{place}.labels[{index}]", f"label {label}; wanted 1 or more, for 0 is background")
    if len(set(message.labels)) != len(message.labels):
        raise BadRequestField(f"{place}.labels", "a label stands there twice; wanted each once")
    if len(message.structures) > MAX_STRUCTURES:
        raise BadRequestField(
            f"{place}.structures", f"{len(message.structures)} names; at most {MAX_STRUCTURES} are taken"
        )
    for index, name in enumerate(message.structures):
        if not 1 <= len(name) <= MAX_STRUCTURE_CHARACTERS:  # what came is not repeated, for it may be a name
            wanted = f"wanted 1 to {MAX_STRUCTURE_CHARACTERS}"
            raise BadRequestField(f"{place}.structures[{index}]", f"{len(name)} characters; {wanted}")
    return Scan(
        name=f"{word}_{message.series}" if message.series else word,
        day=day,
        image=_source(message.image, f"{place}.image", openers),
        segmentation=_source(message.segmentation, f"{place}.segmentation", openers),
        labels=tuple(message.labels),
        resample_segmentation=message.resample_segmentation,
        structures=Structures(names=tuple(message.structures)),
    )


def _source(message: case_pb2.ImageSource, place: str, openers: _Openers) -> Source:
    match message.WhichOneof("source"):
        case "inline" if message.inline:
            return Source.of(message.inline)
        case "digest":
            return _opened(message.digest, f"{place}.digest", openers.image)
        case "files" if message.files.digests:
            return _several(message.files.digests, f"{place}.files.digests", openers.image)
        case "archived":
            return _archived(message.archived, f"{place}.archived", openers.series)
        case _:
            raise BadRequestField(
                place, "no file; wanted its bytes inline, digests of uploaded ones, or a series in an archive"
            )


def _opened(digest: str, field: str, open_image: OpenImage) -> Source:
    require_digest(digest, field)
    try:
        return open_image(digest)
    except Exception as error:
        if getattr(error, "place", None) == "":
            error.place = field  # type: ignore[attr-defined]
        raise


def _archived(message: case_pb2.ArchivedSeries, place: str, open_series: OpenSeries) -> Source:
    for name in ("study_uid", "series_uid"):
        if not looks_like_uid(getattr(message, name)):  # what came is not repeated, for it leads to a patient
            raise BadRequestField(f"{place}.{name}", "no DICOM identifier; wanted digits and dots, at most 64")
    try:
        return open_series(message)
    except PacsError as error:
        error.place = error.place or (f"{place}.pacs" if isinstance(error, UnknownPacs) else place)
        raise


def _several(digests: Sequence[str], field: str, open_image: OpenImage) -> Source:
    """The files of one series."""
    if len(digests) > MAX_FILES:
        raise BadRequestField(field, f"{len(digests)} files; at most {MAX_FILES} are taken")
    if len(set(digests)) != len(digests):
        raise BadRequestField(field, "a digest stands there twice; wanted each once")
    found: dict[Path, str] = {}
    for index, digest in enumerate(digests):
        content = _opened(digest, f"{field}[{index}]", open_image).content
        assert isinstance(content, Path)  # noqa: S101 - uploads lie on the disk
        found[content] = digest
    return Source.of_files(found)


def _days(scans: Sequence[case_pb2.Scan]) -> list[int]:
    """Days since the first image, from dates, from days, or 0 for all where neither is told."""
    told = [scan.WhichOneof("taken") for scan in scans]
    kinds = set(told)
    if kinds <= {None}:
        return [0] * len(scans)
    if len(kinds) > 1:
        first = next(index for index, kind in enumerate(told) if kind != told[0])
        raise BadScanDate(
            f"one scan has {told[0] or 'neither date nor day'}, another {told[first] or 'neither date nor day'}; "
            "wanted a date for all or a day for all",
            place=f"scans[{first}].{told[first] or 'date'}",
        )
    if kinds == {"day"}:
        return _checked_days([scan.day for scan in scans])
    dates = [_date(scan, f"case.scans[{index}].date") for index, scan in enumerate(scans)]
    return [(taken - min(dates)).days for taken in dates]


def _checked_days(days: list[int]) -> list[int]:
    for index, day in enumerate(days):
        if day < 0:
            raise BadScanDate(f"day {day} lies before the baseline; wanted 0 or more", place=f"scans[{index}].day")
    if min(days) > 0:
        raise BadScanDate(
            f"the first image is of day {min(days)}; days count from the first image of the case, so wanted day 0",
            place=f"scans[{days.index(min(days))}].day",
        )
    return days


def _date(scan: case_pb2.Scan, field: str) -> date:
    """The day of the image in UTC: two images of one morning are of one date."""
    try:
        return datetime.fromtimestamp(scan.date.seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        raise BadRequestField(field, "outside the years 1 to 9999") from None


def _covariates(message: Mapping[str, case_pb2.Covariate]) -> dict[str, float | str]:
    clinical: dict[str, float | str] = {}
    for name in sorted(message):
        if not _COVARIATE.fullmatch(name):
            raise BadRequestField(
                "case.covariates", "a name of another form than wanted: 1 to 128 letters, digits, '_' and ' %+/().-'"
            )
        field = f"case.covariates.{name}"
        if name.startswith("clinical."):
            raise BadRequestField(field, f"wanted without the prefix: {name.removeprefix('clinical.')}")
        match message[name].WhichOneof("value"):
            case "number":
                clinical[name] = _finite(message[name].number, field)
            case "category" if message[name].category:
                clinical[name] = message[name].category
            case _:
                raise BadRequestField(field, "no value; wanted a number or a category")
    return clinical


def _given(message: Mapping[str, float]) -> dict[str, float]:
    names = sorted(message)  # a map of protobuf gives its items slowly
    for name in names:
        _require_feature(name)
    given = dict(zip(names, map(message.__getitem__, names), strict=True))
    if not all(map(math.isfinite, given.values())):
        for name, value in given.items():
            _finite(value, f"case.features.{name}")
    return given


@lru_cache(maxsize=16_384)
def _require_feature(name: str) -> None:
    """Checks a name; a caller gives the same hundreds with each case."""
    if not _COLUMN.fullmatch(name):
        raise BadRequestField(
            "case.features", "a name of another form than wanted: a column such as measure.ct.baseline.all.count"
        )
    if name.startswith("clinical.") or name == "therapy":
        raise BadRequestField(
            f"case.features.{name}", "not a feature; covariates go to case.covariates, therapies to the request"
        )


def _finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise BadRequestField(field, f"{value}; wanted a finite number")
    return value
