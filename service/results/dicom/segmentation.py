"""A SEG of the lesions as they were understood, on the image's own planes, each with what it is followed by."""

import datetime
import hashlib
from collections.abc import Mapping

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from features.types import Labels
from service.results.dicom.coding import schemes
from service.results.dicom.common import MAKER, SERIAL, finished
from service.results.dicom.source_series import SourceSeries
from service.results.dicom.tracking import Tracked
from service.results.identity import uid_of
from service.version import VERSION

SERIES_NUMBER = 9601
MAX_SEGMENTS = 65_535


def segments_of(labels: Labels) -> dict[int, int]:
    """Numbers of segments, 1, 2, ..., by label."""
    return {int(label): index + 1 for index, label in enumerate(np.unique(labels[labels != 0]))}


def segmentation_of(
    series: SourceSeries, labels: Labels, lesions: Mapping[int, Tracked], moment: datetime.datetime
) -> Dataset:
    """One segment for each label.

    The identifiers are a function of series, voxels and lesions: the same segmentation twice is the same object.

    Args:
        series: Where it goes back to.
        labels: (z, y, x), on the image's grid; 0 is background.
        lesions: By label.
        moment: Of its making, in UTC.
    """
    segments = segments_of(labels)
    numbers = np.zeros(int(labels.max()) + 1, dtype=np.uint16 if len(segments) > 255 else np.uint8)
    for label, number in segments.items():
        numbers[label] = number
    pixels = numbers[series.in_frames(labels)]
    identity = _identity(series, labels, lesions)
    made = Segmentation(
        source_images=list(series.headers),
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(number, lesions[label]) for label, number in segments.items()],
        series_instance_uid=uid_of("SEG series", identity),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid_of("SEG", identity),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=VERSION,
        device_serial_number=SERIAL,
        content_label="LESIONS",
        content_description="Lesions as RadResponse understood them",
        series_description="RadResponse: lesions",
        omit_empty_frames=True,
        coding_schemes=schemes(),
    )
    # highdicom draws it by lot.
    dimensions = uid_of("SEG dimensions", identity)
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    return finished(made, series.identity, moment)


def _described(number: int, lesion: Tracked) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=lesion.name,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        # Others drew it, by whatever means; what is ours is which voxels lie inside.
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name="RadResponse voxels of a given segmentation",
            family=codes.cid7162.ManualProcessing,
            version=VERSION,
        ),
        tracking_uid=lesion.uid,
        tracking_id=lesion.name,
    )


def _identity(series: SourceSeries, labels: Labels, lesions: Mapping[int, Tracked]) -> str:
    hashed = hashlib.sha256()
    for plane in series.reference.planes:
        hashed.update(f"{plane.sop_instance_uid} {plane.frame}\n".encode())
    for label, number in segments_of(labels).items():
        hashed.update(f"{number} {lesions[label].uid} {lesions[label].name}\n".encode())
        hashed.update(np.packbits(labels == label).tobytes())
    return hashed.hexdigest()
