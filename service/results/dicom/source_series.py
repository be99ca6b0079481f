"""The headers of the series that an image was made of: what objects that go back to it must repeat and point to.

Names and numbers of the patient are among it. They go from these objects into those made here and nowhere else: no log,
no error, no cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from features.case import Source
from features.dicom.attributes import read_attributes
from features.dicom.parts import parts_of
from features.dicom.reference import SeriesReference
from features.dicom.walk import looks_like_dicom, take_apart
from features.errors import UnsupportedImage
from features.imaging.header import Limits
from features.types import Labels
from service.results.dicom.common import take_identity

KEYWORDS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "InstanceNumber",
    # patient and study: repeated as they are
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
    # series, frame of reference, planes: pointed to
    "SeriesInstanceUID", "SeriesNumber", "FrameOfReferenceUID", "PositionReferenceIndicator",
    "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence", "DimensionOrganizationSequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """One series, as objects that point to it need it."""

    reference: SeriesReference
    headers: tuple[Dataset, ...] = field(repr=False)
    """One for each instance that planes of the image lie in: slices in the order of z, or one multi-frame instance.
    Whose they are is not in them."""
    identity: Dataset = field(repr=False)
    """Whose they are."""
    frames: tuple[int, ...]
    """For each plane z, which of all frames of these instances it is."""

    def in_frames(self, labels: Labels) -> Labels:
        """Labels (z, y, x) in the order of the instances' frames; empty where a frame is no plane of the image."""
        count = int(self.headers[0].get("NumberOfFrames", 1)) if len(self.headers) == 1 else len(self.headers)
        ordered: Labels = np.zeros((count, *labels.shape[1:]), dtype=labels.dtype)
        ordered[list(self.frames)] = labels
        return ordered

    @property
    def patient(self) -> tuple[str, str]:
        """Whose it is: number and who gave it."""
        return str(self.identity.get("PatientID", "")), str(self.identity.get("IssuerOfPatientID", ""))


def source_series(source: Source, reference: SeriesReference, limits: Limits) -> SourceSeries:
    """Reads the headers of a series, as much of them as is repeated or pointed to.

    Args:
        source: The same files that the image was read from.
        reference: As the reader of the image gave it.
        limits: What they may claim.

    Raises:
        BadImage: Files that changed since, or planes spread over several multi-frame instances.
    """
    wanted = {plane.sop_instance_uid for plane in reference.planes}
    headers = {uid: header for uid, header in _headers(source, limits) if uid in wanted}
    if len(headers) != len(wanted):
        raise UnsupportedImage("the series changed while it was read; wanted it as it was")
    identities = {uid: take_identity(header) for uid, header in headers.items()}
    first = reference.planes[0].sop_instance_uid
    if len(wanted) == 1:
        frames = tuple(max(0, plane.frame - 1) for plane in reference.planes)
        return SourceSeries(reference, (headers[first],), identities[first], frames)
    if any(plane.frame > 1 for plane in reference.planes):
        raise UnsupportedImage(
            "the planes are spread over several multi-frame instances; wanted one instance, or one for each plane"
        )
    ordered = tuple(headers[plane.sop_instance_uid] for plane in reference.planes)
    return SourceSeries(reference, ordered, identities[first], tuple(range(len(ordered))))


def _headers(source: Source, limits: Limits) -> Sequence[tuple[str, Dataset]]:
    found = []
    for part in parts_of(source.content, limits):
        content = part.read()
        if looks_like_dicom(content[:132]):
            header = read_attributes(take_apart(content, limits.max_bytes), KEYWORDS, ())
            found.append((str(header.get("SOPInstanceUID", "")), header))
    return found
