"""SEG: the asked segments on the image's grid; binary, fractional (half or more is inside) and label map.

Source: DICOM PS3.3 C.8.20 (segmentation image), C.8.20.4 (label map).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from features.case import Structures
from features.dicom.attributes import first_of, items_of, read_attributes, text_of, whole_of
from features.dicom.choice import Named, chosen, merge
from features.dicom.decoding import Patience
from features.dicom.instance import Frame
from features.dicom.pixels import Stored, stored_frames
from features.dicom.read_instance import frames_of, group_of, layout_of
from features.dicom.rtstruct import require_frame
from features.dicom.walk import DicomFile
from features.errors import DamagedFile, EmptySegmentation, GridMismatch, ReferenceMismatch, UnsupportedImage
from features.imaging.header import Limits
from features.imaging.volume import Grid, Image
from features.types import Floats, Labels, Mask

PLACE_TOLERANCE = 0.1
"""Of a voxel: how far a frame may lie beside the image's voxels."""
TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One frame: which segment it is of (0 for all), and where its first pixel lies in the image, (z, y, x)."""

    segment: int
    start: tuple[int, int, int]


def segments_in(data: Dataset) -> list[Named]:
    """All segments of a file; of a label map the background is none."""
    return [
        Named(number, text_of(item, "SegmentLabel"))
        for item in items_of(data, "SegmentSequence")
        if (number := whole_of(item, "SegmentNumber")) > 0
    ]


def read_segments(
    file: DicomFile, image: Image, numbers: tuple[int, ...], structures: Structures, limits: Limits
) -> Labels:
    """The asked segments, each with its number as label.

    Raises:
        BadSegmentation: One of its leaves.
        BadImage: What cannot be read.
    """
    data = read_attributes(file)
    asked = chosen(segments_in(data), numbers, structures)
    flat = image.reference is not None and image.reference.projection
    if flat:
        _require_drawn_on(data, image)
    else:
        require_frame({text_of(data, "FrameOfReferenceUID")}, image)
    kind = text_of(data, "SegmentationType")
    if kind not in TYPES:
        raise UnsupportedImage(f"the segmentation is of type {kind[:16]}; wanted {', '.join(TYPES)}")
    layout = layout_of(data, file, limits)
    if layout.bits_allocated not in ((1, 8) if kind == "BINARY" else (8, 16)):
        raise UnsupportedImage(f"a {kind} segmentation has {layout.bits_allocated} bits a pixel; wanted another")
    if flat and (layout.rows, layout.columns) != image.voxels.shape[1:]:
        raise GridMismatch(
            f"the segmentation has {layout.rows} x {layout.columns} pixels, the projection has "
            f"{image.grid.size[1]} x {image.grid.size[0]}; wanted one that was drawn on it"
        )
    masks: dict[int, Mask] = {one.number: np.zeros(image.voxels.shape, dtype=np.bool_) for one in asked.values()}
    half = 1 if kind == "BINARY" else whole_of(data, "MaximumFractionalValue", 255) / 2
    stored = file.data[file.pixels_at : file.pixels_at + file.pixels_bytes]
    frames = stored_frames(layout, stored, Patience.for_bytes(layout.decoded_bytes))
    for piece, pixels in zip(_pieces(data, layout.frames, kind, None if flat else image.grid), frames, strict=True):
        for number, mask in masks.items():
            if piece.segment in (0, number):
                _paste(mask, pixels == number if kind == "LABELMAP" else pixels >= half, piece.start)
    labels: Labels = np.zeros(image.voxels.shape, dtype=np.int32)
    for label, one in asked.items():
        if not masks[one.number].any():
            raise EmptySegmentation(f"segment {one.number} has no voxel; wanted one at least", number=one.number)
        merge(labels, masks[one.number], label)
    return labels


def _require_drawn_on(data: Dataset, image: Image) -> None:
    """Wants segments to name the very projection: it has no frame of reference that could say where they lie."""
    reference = image.reference
    assert reference is not None  # noqa: S101  asked before
    for series in items_of(data, "ReferencedSeriesSequence"):
        if text_of(series, "SeriesInstanceUID") == reference.series_uid:
            there = {text_of(one, "ReferencedSOPInstanceUID") for one in items_of(series, "ReferencedInstanceSequence")}
            if reference.planes[0].sop_instance_uid in there:
                return
    raise ReferenceMismatch(
        "the segments are drawn on another image than this projection; wanted a SEG that refers to it by its UID"
    )


def _pieces(data: Dataset, count: int, kind: str, grid: Grid | None) -> Iterator[_Piece]:
    """The frames; without a grid, those of a projection, which lie upon it."""
    per_frame = items_of(data, "PerFrameFunctionalGroupsSequence")
    shared = first_of(data, "SharedFunctionalGroupsSequence") or Dataset()
    if len(per_frame) != count:
        raise DamagedFile(f"{len(per_frame)} frames are described, {count} claimed; wanted as many")
    for own, frame in zip(per_frame, frames_of(data, count), strict=True):
        which = group_of(own, shared, "SegmentIdentificationSequence")
        segment = 0 if kind == "LABELMAP" else whole_of(which, "ReferencedSegmentNumber")
        yield _Piece(segment, (0, 0, 0) if grid is None else _place(frame, grid))


def _place(frame: Frame, grid: Grid) -> tuple[int, int, int]:
    """Where a frame's first pixel lies in the image; its axes and spacing must be the image's."""
    if frame.position_mm is None or frame.orientation is None or frame.spacing_mm is None:
        raise DamagedFile("a frame has no position, orientation or pixel spacing; wanted all three of each")
    axes: Floats = np.asarray(grid.direction, dtype=np.float64).reshape(3, 3)
    turned = float(np.abs(np.asarray(frame.orientation).reshape(2, 3) - axes[:, :2].T).max())
    apart = max(abs(a / b - 1) for a, b in zip(frame.spacing_mm, grid.spacing_mm[:2], strict=True))
    if not (turned <= 1e-3 and apart <= 1e-3):
        raise GridMismatch(
            f"the segmentation lies on another grid than the image: spacing {apart:.2%} apart, "
            f"a cosine differs by {turned:.3g}; wanted one that was drawn on this image"
        )
    index = (np.asarray(frame.position_mm) - grid.origin_mm) @ axes / np.asarray(grid.spacing_mm)
    nearest = np.rint(index)
    beside = float(np.abs(index - nearest).max())
    if beside > PLACE_TOLERANCE:
        raise GridMismatch(f"a frame lies {beside:.2f} voxels beside the image's; wanted one that was drawn on it")
    x, y, z = (int(one) for one in nearest)
    return z, y, x


def _paste(mask: Mask, inside: Stored, start: tuple[int, int, int]) -> None:
    """Sets a plane's voxels; what lies outside the image must be empty."""
    z, y, x = start
    if not inside.any():
        return
    rows, columns = np.nonzero(inside)
    depth, height, width = mask.shape
    if not (
        0 <= z < depth
        and rows.min() + y >= 0 and rows.max() + y < height
        and columns.min() + x >= 0 and columns.max() + x < width
    ):  # fmt: skip
        raise GridMismatch("the segment reaches outside the image; wanted it within")
    mask[z, rows + y, columns + x] = True
