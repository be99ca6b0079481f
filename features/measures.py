"""What a radiologist measures: volume, area and the two RECIST axes.

A lesion's outline in a slice runs half way between its voxels and their neighbours outside,
as pyradiomics' mesh has it. Voxel corners would make every axis too long by up to a diagonal,
voxel centres too short by one voxel. The long axis is never above pyradiomics'
`shape_Maximum2DDiameterSlice`, and mostly equal to it; that one also joins points of two
neighbouring slices, which no reader of one slice would measure.
Slices are those of acquisition, constant z, as RECIST 1.1 measures them.

Source: Eisenhauer et al., Eur J Cancer 45 (2009) 228 (RECIST 1.1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.lesion import Lesion
from features.modalities import is_projection
from features.names import ALL_QUANTITIES, LESION_QUANTITIES
from features.types import Floats, Mask

NO_VOLUME = "a projection has no depth, and so no volume"
"""Why `volume_mm3` is missing of CR, DX and MG."""
TIE = 1e-9
"""Axes whose relative difference is below are equally long."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measure, its unit and how it is defined."""

    name: str
    unit: str
    definition: str


QUANTITIES = (
    Quantity("volume_mm3", "mm3", "voxels inside times the volume of one; of all lesions: their sum"),
    Quantity("long_axis_mm", "mm", "longest distance between two points of the outline in one slice, of all slices"),
    Quantity(
        "short_axis_mm",
        "mm",
        "longest chord of the outline's convex hull perpendicular to the long axis, in the same slice",
    ),
    Quantity("area_mm2", "mm2", "pixels inside times the area of one, in the slice where that is largest"),
    Quantity("count", "lesions", "labels asked for, or all of the segmentation"),
    Quantity("sum_of_diameters_mm", "mm", "sum of the long axes of all lesions"),
)


def lesion_quantities(scan: str) -> tuple[str, ...]:
    """What is measured of each lesion of a scan unless something else is asked: of a projection its area, no volume."""
    return tuple(name for name in LESION_QUANTITIES if name != ("volume_mm3" if is_projection(scan) else "area_mm2"))


def all_quantities(scan: str) -> tuple[str, ...]:
    """The same of all lesions of a scan together."""
    return tuple(name for name in ALL_QUANTITIES if not (is_projection(scan) and name == "volume_mm3"))


def measure_lesion(lesion: Lesion) -> dict[str, float]:
    """Volume, axes and area of one lesion: volume_mm3, long_axis_mm, short_axis_mm, area_mm2.

    The volume is without meaning where the scan is a projection; see `NO_VOLUME`.
    """
    long_axis, short_axis = _axes(lesion)
    x_mm, y_mm, _ = lesion.grid.spacing_mm
    area = int(np.count_nonzero(lesion.mask, axis=(1, 2)).max()) * x_mm * y_mm
    return {"volume_mm3": lesion.volume_mm3, "long_axis_mm": long_axis, "short_axis_mm": short_axis, "area_mm2": area}


def measure_all(lesions: Sequence[Lesion]) -> dict[str, float]:
    """Measures of all lesions of a scan together: count, sum_of_diameters_mm, volume_mm3."""
    return {
        "count": float(len(lesions)),
        "sum_of_diameters_mm": float(sum(_axes(lesion)[0] for lesion in lesions)),
        "volume_mm3": float(sum(lesion.volume_mm3 for lesion in lesions)),
    }


def _axes(lesion: Lesion) -> tuple[float, float]:
    """Long and short axis in millimetres.

    Where several slices or directions share the longest diameter, the short axis is the longest
    of theirs, so that turning the image changes nothing.
    """
    from scipy.spatial.distance import pdist  # noqa: PLC0415  loads slowly, and radiomic features do without it

    x_mm, y_mm, _ = lesion.grid.spacing_mm
    longest, hulls = 0.0, []
    for plane in _planes(lesion.mask):
        hull = _hull(_outline(plane) * (x_mm, y_mm))
        length = float(pdist(hull).max())
        longest = max(longest, length)
        hulls.append((length, hull))
    perpendicular = 0.0
    for length, hull in hulls:
        if length >= longest * (1 - TIE):
            perpendicular = max(perpendicular, _perpendicular(hull, longest))
    return longest, perpendicular


def _planes(mask: Mask) -> Iterator[Mask]:
    """Slices that hold voxels, cut to their box."""
    for plane in mask[mask.any(axis=(1, 2))]:
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        yield plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _outline(plane: Mask) -> Floats:
    """The outermost outline points of each row and column, (n, 2) as (x, y) in voxels.

    All other points of the outline lie between them, so the convex hull is the same.
    """
    rows, columns = plane.shape
    y, x = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    left, right = plane.argmax(axis=1)[y], columns - 1 - plane[:, ::-1].argmax(axis=1)[y]
    top, bottom = plane.argmax(axis=0)[x], rows - 1 - plane[::-1].argmax(axis=0)[x]
    sides = [(left - 0.5, y), (right + 0.5, y), (x, top - 0.5), (x, bottom + 0.5)]
    return np.concatenate([np.column_stack(side) for side in sides]).astype(np.float64)


def _hull(points: Floats) -> Floats:
    """Corners of the convex hull, in order, (n, 2)."""
    from scipy.spatial import ConvexHull  # noqa: PLC0415

    corners: Floats = points[ConvexHull(points).vertices]
    return corners


def _perpendicular(hull: Floats, longest: float) -> float:
    """The longest chord of a convex outline perpendicular to its longest diameter."""
    from scipy.spatial.distance import pdist, squareform  # noqa: PLC0415

    apart = squareform(pdist(hull))
    ends = np.argwhere(np.triu(apart) >= longest * (1 - TIE))
    return max(_chord(hull, hull[b] - hull[a]) for a, b in ends)


def _chord(hull: Floats, axis: Floats) -> float:
    """The longest chord of a convex outline perpendicular to an axis.

    The chord's length along the axis is concave with its corners over those of the outline, so
    that the longest one starts at a corner.
    """
    along = hull @ axis / np.hypot(*axis)
    across = hull @ np.array([-axis[1], axis[0]]) / np.hypot(*axis)
    first, last = int(along.argmin()), int(along.argmax())
    one = _chain(first, last, len(hull))
    other = _chain(last, first, len(hull))[::-1]
    low = np.interp(along, along[one], across[one])
    high = np.interp(along, along[other], across[other])
    return float(np.abs(high - low).max())


def _chain(start: int, end: int, count: int) -> list[int]:
    """Corner numbers from one to another, round the outline."""
    return [(start + step) % count for step in range((end - start) % count + 1)]
