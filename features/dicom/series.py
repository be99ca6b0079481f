"""A DICOM series to an image: CT in HU, MR as it is, PET in SUV, each slice by its own slope; or one projection."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from features.case import Source
from features.dicom.decoding import Patience
from features.dicom.instance import Frame, Instance
from features.dicom.parts import Part, parts_of
from features.dicom.pixels import Stored, stored_frames
from features.dicom.read_instance import FLAT, is_image, read_instance, require_affordable
from features.dicom.reference import Plane, SeriesReference
from features.dicom.stack import stacked
from features.dicom.suv import suv_factor
from features.dicom.walk import MAX_ELEMENTS, DicomFile, looks_like_dicom, take_apart
from features.errors import (
    DamagedFile,
    ImageTooLarge,
    MixedSlices,
    NoImage,
    NonFiniteVoxels,
    SeveralSeries,
    UnknownFormat,
    UnsupportedImage,
)
from features.imaging.header import Limits, checked_grid
from features.imaging.volume import Image
from features.types import Voxels

MAX_ALL_ELEMENTS = 3 * MAX_ELEMENTS
"""Of all files of a source: what is parsed in a minute; a slice has some hundred."""


def read_series(source: Source, limits: Limits) -> Image:
    """Reads the one image that some DICOM files hold; structures, segmentations and reports beside it are left aside.

    Args:
        source: One file, several, a folder or a zip.
        limits: What it may claim.

    Raises:
        BadImage: One of its leaves: what it is, or why it is no right volume.
    """
    return image_of(parts_of(source.content, limits), source.digest, limits)


def image_of(parts: Iterable[Part], digest: str, limits: Limits) -> Image:
    """As `read_series`, of files that are at hand one by one."""
    instances = _instances(parts, limits)
    first = instances[0]
    if first.sop_class in FLAT:
        return _projection(instances, digest)
    frames = [frame for one in instances for frame in one.frames]
    stack = stacked(frames, first.layout.rows, first.layout.columns)
    place = {frame: index for index, frame in enumerate(stack.order)}
    factor = suv_factor([one.pet for one in instances if one.pet is not None]) if first.modality == "PT" else 1.0
    voxels: Voxels = np.empty((len(frames), first.layout.rows, first.layout.columns), dtype=np.float32)
    done = 0
    patience = Patience.for_bytes(sum(one.layout.decoded_bytes for one in instances))
    for one in instances:
        for frame, stored in zip(one.frames, stored_frames(one.layout, one.pixels, patience), strict=True):
            _rescale(stored, frame, one, factor, voxels[place[done]])
            done += 1
    _require_finite(voxels)
    whole = factor == 1.0 and all(_whole(frame) for frame in frames)
    return Image(voxels, stack.grid, digest, _pixel_type(voxels, whole), _reference(instances, stack.order))


def dicom_files(parts: Iterable[Part], limits: Limits) -> list[DicomFile]:
    """All DICOM files among some; whatever else lies there is refused.

    Raises:
        BadImage: A damaged file, or one that is no DICOM.
    """
    found: list[DicomFile] = []
    strange = elements = 0
    for part in parts:
        content = part.read()
        if not looks_like_dicom(content[:132]):
            strange += 1
            continue
        found.append(take_apart(content, limits.max_bytes))
        elements += found[-1].elements
        if elements > MAX_ALL_ELEMENTS:
            raise ImageTooLarge(f"the files have more than {MAX_ALL_ELEMENTS:,} DICOM elements; wanted fewer")
    if strange:
        raise UnknownFormat(
            f"{strange} of {strange + len(found)} files are no DICOM files by their first bytes; "
            "wanted the files of one series and no others"
        )
    return found


def _instances(parts: Iterable[Part], limits: Limits) -> list[Instance]:
    instances: list[Instance] = []
    others = voxels = size = 0
    for file in dicom_files(parts, limits):
        if not is_image(file.storage):
            others += 1
            continue
        one = read_instance(file, limits)
        voxels, size = voxels + one.layout.pixels, size + one.layout.decoded_bytes
        require_affordable(voxels, size, limits)
        instances.append(one)
    if not instances:
        raise NoImage(f"none of {others} DICOM files is an image of CT, MR, PET, CR, DX or MG; wanted one series")
    _require_one_series(instances)
    return instances


def _require_one_series(instances: Sequence[Instance]) -> None:
    series = Counter(one.series_uid for one in instances)
    if len(series) > 1:
        kinds = Counter(next(one.modality for one in instances if one.series_uid == uid) for uid in series)
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        raise SeveralSeries(
            f"the files are of {len(series)} series ({listed}); wanted those of one", series=len(series)
        )
    for what, seen in (
        ("modality", {one.modality for one in instances}),
        ("size", {(one.layout.rows, one.layout.columns) for one in instances}),
        ("frame of reference", {one.frame_of_reference for one in instances}),
        ("kind of pixels", {one.layout.photometric for one in instances}),
    ):
        if len(seen) > 1:
            raise MixedSlices(f"the slices have {len(seen)} values of their {what}; wanted one for all")
    copies = len(instances) - len({one.uid for one in instances})
    if copies:
        raise MixedSlices(f"{copies} files are copies of others by their UID; wanted each once")


def _rescale(stored: Stored, frame: Frame, one: Instance, factor: float, into: Voxels) -> None:
    slope, intercept = frame.slope, frame.intercept
    if slope is None or intercept is None:
        if one.modality in ("CT", "PT") or (slope is None) != (intercept is None):
            raise DamagedFile(f"a slice of the {one.modality} has no rescale slope or intercept; wanted both")
        slope, intercept = 1.0, 0.0
    if slope == 0:
        raise DamagedFile("the rescale slope of a slice is 0; wanted another")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found as infinite
        into[:] = (stored.astype(np.float64) * slope + intercept) * factor


def _projection(instances: Sequence[Instance], digest: str) -> Image:
    """CR, DX, MG: one plane without a place in space, in its own pixels; white is more, as on MONOCHROME2."""
    if len(instances) != 1 or instances[0].layout.frames != 1:
        count = sum(one.layout.frames for one in instances)
        raise UnsupportedImage(f"the series has {count} projections; wanted one image", images=count)
    one, frame = instances[0], instances[0].frames[0]
    spacing = frame.spacing_mm or one.detector_spacing_mm
    if spacing is None:
        raise UnsupportedImage("the projection has no pixel spacing; wanted PixelSpacing or ImagerPixelSpacing")
    (stored,) = stored_frames(one.layout, one.pixels, Patience.for_bytes(one.layout.decoded_bytes))
    if one.layout.photometric == "MONOCHROME1":
        lowest = -(1 << (one.layout.bits_stored - 1)) if one.layout.signed else 0
        stored = 2 * lowest + (1 << one.layout.bits_stored) - 1 - stored.astype(np.int64)
    voxels: Voxels = np.empty((1, *stored.shape), dtype=np.float32)
    _rescale(stored, frame, one, 1.0, voxels[0])
    _require_finite(voxels)
    grid = checked_grid(
        (one.layout.columns, one.layout.rows, 1), (*spacing, 1.0), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1)
    )
    return Image(voxels, grid, digest, _pixel_type(voxels, _whole(frame)), _reference(instances, (0,)))


def _require_finite(voxels: Voxels) -> None:
    broken = voxels.size - int(np.count_nonzero(np.isfinite(voxels)))
    if broken:
        raise NonFiniteVoxels(f"{broken:,} of {voxels.size:,} voxels are NaN or infinite; wanted numbers", count=broken)


def _whole(frame: Frame) -> bool:
    return all(value is None or value == int(value) for value in (frame.slope, frame.intercept))


def _pixel_type(voxels: Voxels, whole: bool) -> str:
    """As a reader of DICOM keeps the intensities: whole numbers stay such where every slope is one."""
    if not whole:
        return "float32"
    return "int16" if voxels.min() >= -(2**15) and voxels.max() < 2**15 else "int32"


def _reference(instances: Sequence[Instance], order: Sequence[int]) -> SeriesReference:
    first = instances[0]
    planes = [
        Plane(one.uid, index + 1 if one.multi_frame else 0, frame.position_mm or (0.0, 0.0, 0.0))
        for one in instances
        for index, frame in enumerate(one.frames)
    ]
    return SeriesReference(
        study_uid=first.study_uid,
        series_uid=first.series_uid,
        frame_of_reference_uid=first.frame_of_reference,
        sop_class_uid=first.sop_class,
        modality=first.modality,
        planes=tuple(planes[index] for index in order),
    )
