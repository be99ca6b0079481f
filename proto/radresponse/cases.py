"""A case in a few lines: `case("p-17", [scan("ct", "ct.nii.gz", "mask.nii.gz")], age_years=64, sex="female")`."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path

from radresponse.v1 import case_pb2


@dataclass(frozen=True)
class Archived:
    """A DICOM series in a picture archive (PACS) that the service's operator has listed; the service fetches it."""

    pacs: str
    """The archive's name at the service; never an address."""
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)

    @property
    def source(self) -> case_pb2.ImageSource:
        """As the contract has it."""
        return case_pb2.ImageSource(
            archived=case_pb2.ArchivedSeries(pacs=self.pacs, study_uid=self.study_uid, series_uid=self.series_uid)
        )


ImageFile = str | Path | bytes | Archived
"""A path (of DICOM also a folder), the bytes of a file, the digest of one that was uploaded for the same subject, or a
series in an archive."""

MODALITIES = {
    "ct": case_pb2.MODALITY_CT,
    "pt": case_pb2.MODALITY_PT,
    "mr": case_pb2.MODALITY_MR,
    "cr": case_pb2.MODALITY_CR,
    "dx": case_pb2.MODALITY_DX,
    "mg": case_pb2.MODALITY_MG,
}


@dataclass(frozen=True)
class Scan:
    """One image at one date with its segmentation; what is on disk is sent when it is asked about."""

    message: case_pb2.Scan
    """All but the two files."""
    image: ImageFile = field(repr=False)
    segmentation: ImageFile = field(repr=False)


@dataclass(frozen=True)
class Case:
    """One patient, with files that may still have to be sent."""

    message: case_pb2.Case
    """All but the scans."""
    scans: tuple[Scan, ...]

    def files(self) -> Iterator[ImageFile]:
        """Images and segmentations, scan by scan."""
        for part in self.scans:
            yield part.image
            yield part.segmentation


def scan(
    modality: str,
    image: ImageFile,
    segmentation: ImageFile,
    *,
    day: int | None = None,
    date: datetime.date | None = None,
    labels: Sequence[int] = (),
    series: str = "",
    resample_segmentation: bool = False,
    structure: str | Sequence[str] = (),
) -> Scan:
    """One scan.

    Args:
        modality: "ct", "pt", "mr", "cr", "dx" or "mg", also with the series: "mr_t1".
        image: A path, the bytes of a file, or the digest of an uploaded one: NIfTI, NRRD or MetaImage, gzip allowed;
            a DICOM file, or a zip or folder with the DICOM files of one series. Or `Archived`, a series in a PACS.
        segmentation: The same, on the image's grid; of a DICOM series also an RTSTRUCT or SEG.
        day: Days since the baseline. Give a day to all scans or a date to all; neither when all are of one date.
        date: When it was taken.
        labels: Which labels are lesions; empty for all. Of an RTSTRUCT or SEG the numbers of structures.
        series: Tells several series of one modality apart, e.g. "t1".
        resample_segmentation: Whether a segmentation on another grid may be brought onto the image's.
        structure: Of an RTSTRUCT or SEG: the name of the structure that is the lesion, or several.

    Raises:
        ValueError: An unknown modality, or both a day and a date.
    """
    word, _, named = modality.partition("_")
    if word not in MODALITIES:
        raise ValueError(f"modality {modality!r} is not known; wanted one of {', '.join(MODALITIES)}")
    if day is not None and date is not None:
        raise ValueError("a scan has a day or a date, not both")
    message = case_pb2.Scan(
        modality=MODALITIES[word],
        series=series or named,
        labels=labels,
        resample_segmentation=resample_segmentation,
        structures=[structure] if isinstance(structure, str) else structure,
    )
    if day is not None:
        message.day = day
    if date is not None:
        midnight = datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.timezone.utc)
        message.date.FromDatetime(midnight)
    return Scan(message, image, segmentation)


def case(
    subject: str,
    scans: Sequence[Scan] = (),
    *,
    features: Mapping[str, float] | None = None,
    covariates: Mapping[str, float | str] | None = None,
    **more_covariates: float | str,
) -> Case:
    """One patient.

    Args:
        subject: A pseudonym; never a name, a record number or a date of birth.
        scans: Made by `scan`.
        features: What is already known, by full column name.
        covariates: By name without `clinical.`; numbers or categories.
        more_covariates: The same, as keywords: `age_years=64, sex="female"`.

    Raises:
        TypeError: A covariate that is neither a number nor a category.
    """
    given = {**(covariates or {}), **more_covariates}
    message = case_pb2.Case(
        subject=subject,
        features=features or {},
        covariates={name: _covariate(name, value) for name, value in given.items()},
    )
    return Case(message, tuple(scans))


def _covariate(name: str, value: float | str) -> case_pb2.Covariate:
    if isinstance(value, str):
        return case_pb2.Covariate(category=value)
    if isinstance(value, Real) and not isinstance(value, bool):
        return case_pb2.Covariate(number=float(value))
    raise TypeError(f"covariate {name} is a {type(value).__name__}; wanted a number or the name of a category")
