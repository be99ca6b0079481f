"""Closed planar contours to voxels: those whose centre lies inside an odd number of contours of the plane.

With this rule holes, nested contours and keyholes come out as drawn, and masks equal the reference masks of the IBSI's
soft-tissue-sarcoma cases voxel for voxel; filling outlines pixel by pixel makes them 2 to 62 % too large.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.errors import BadContours, EmptySegmentation, GridMismatch
from features.imaging.volume import Grid
from features.types import Floats, Mask

PLANE_TOLERANCE = 0.1
"""Of a slice's distance: how far from its plane a contour may lie."""
MAX_CROSSINGS = 5_000_000
"""Of one contour with the lines through its plane's rows; a drawn one has thousands."""
MAX_ALL_CROSSINGS = 100_000_000


def filled(contours: Sequence[Floats], grid: Grid) -> Mask:
    """Fills contours.

    Args:
        contours: Points in LPS millimetres, (n, 3) each, closed by themselves.
        grid: Of the image.

    Raises:
        BadContours: Not within one plane of the image, or more than can be filled in time.
        EmptySegmentation: No voxel's centre lies inside.
        GridMismatch: A contour lies outside the image.
    """
    width, height, depth = grid.size
    mask: Mask = np.zeros((depth, height, width), dtype=np.bool_)
    drawn: set[int] = set()
    left = MAX_ALL_CROSSINGS
    for points in contours:
        index = _index_of(points, grid)
        plane = _plane_of(index, grid)
        crossings = _crossings(index[:, 0], index[:, 1], min(left, MAX_CROSSINGS))
        left -= len(crossings)
        mask[plane] ^= _odd(crossings, height, width)
        drawn.add(plane)
    _require_neighbours(drawn)
    if not mask.any():
        raise EmptySegmentation("no voxel's centre lies inside the structure's contours; wanted one at least")
    return mask


def _crossings(x: Floats, y: Floats, most: int) -> Floats:
    """Where the sides of a contour cross the lines through the centres of the rows: row and place, (n, 2).

    Each side is followed upwards, so that the two ways along the neck of a keyhole cross at the very same places.
    """
    from_x, from_y, to_x, to_y = x, y, np.roll(x, -1), np.roll(y, -1)
    down = to_y < from_y
    from_x, to_x = np.where(down, to_x, from_x), np.where(down, from_x, to_x)
    from_y, to_y = np.where(down, to_y, from_y), np.where(down, from_y, to_y)
    first, after = np.ceil(from_y).astype(np.int64), np.ceil(to_y).astype(np.int64)
    count = after - first
    if int(count.sum()) > most:
        raise BadContours("the contours have more points than can be filled in time; wanted fewer")
    side = np.repeat(np.arange(len(x)), count)
    row = first[side] + np.arange(len(side)) - np.repeat(np.cumsum(count) - count, count)
    place = from_x[side] + (row - from_y[side]) * ((to_x - from_x)[side] / (to_y - from_y)[side])
    return np.stack([row.astype(np.float64), place], axis=1)


def _odd(crossings: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Voxels of one plane with an odd number of crossings to their left; one at the centre itself counts."""
    row = crossings[:, 0].astype(np.int64)
    column = np.clip(np.ceil(crossings[:, 1]), 0, width).astype(np.int64)
    seen = (row >= 0) & (row < height)
    turns = np.bincount(row[seen] * (width + 1) + column[seen], minlength=height * (width + 1))
    odd: NDArray[np.bool_] = (np.cumsum(turns.reshape(height, width + 1)[:, :width], axis=1) & 1).astype(np.bool_)
    return odd


def _index_of(points: Floats, grid: Grid) -> Floats:
    """Points in voxels, (x, y, z), (n, 3)."""
    axes = np.asarray(grid.direction, dtype=np.float64).reshape(3, 3)
    index: Floats = (points - np.asarray(grid.origin_mm)) @ axes / np.asarray(grid.spacing_mm)
    return index


def _plane_of(index: Floats, grid: Grid) -> int:
    along = index[:, 2]
    if float(np.ptp(along)) > 2 * PLANE_TOLERANCE:
        raise BadContours(
            f"a contour spans {float(np.ptp(along)):.3g} slices; wanted contours within the planes of the image"
        )
    middle = float(along.mean())
    plane = round(middle)
    if abs(middle - plane) > PLANE_TOLERANCE:
        raise BadContours(
            f"a contour lies {abs(middle - plane):.2f} slices beside the next plane of the image; wanted contours that "
            "were drawn on it"
        )
    size = np.asarray(grid.size)
    flat = index[:, :2]
    if not 0 <= plane < size[2] or np.any(flat < -1.0) or np.any(flat > size[:2]):
        raise GridMismatch("a contour lies outside the image; wanted contours within it", plane=plane)
    return plane


def _require_neighbours(planes: set[int]) -> None:
    """Contours on every other slice only would give half of the volume."""
    if len(planes) > 2 and not any(plane + 1 in planes for plane in planes):
        raise BadContours(
            f"contours stand on {len(planes)} slices and on no two that follow each other; "
            "wanted one on every slice of the structure"
        )
