"""Local binary patterns in a slice, of the voxels of a lesion alone, digit by digit as scikit-image computes them.

What lies between two voxels is interpolated at the voxel's place in the whole slice, for the rounding of a place
decides which of two equal intensities counts as the greater.

Source: Ojala et al., IEEE TPAMI 24 (2002) 971; scikit-image 0.26, `skimage/feature/_texture.pyx`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.fused.neighbours import Indices
from features.types import Floats

METHODS = {"default": 0, "ror": 1, "uniform": 2, "var": 3}


def patterns_in_slices(
    slices: NDArray[Any], first: tuple[int, int], places: NDArray[np.int64], *, radius: float, samples: int, method: str
) -> Floats:
    """The pattern of each voxel, (n_voxels,); NaN where `var` finds no variance.

    Args:
        slices: A cut of the image, (slice, row, column), which reaches the radius and one voxel further than the
            places, or to the image's border.
        first: Row and column of the cut's corner in the whole image.
        places: In the cut, (3, n_voxels).
        radius: Of the circle, in voxels.
        samples: On the circle.
        method: One of `METHODS`.
    """
    turn = 2 * np.pi * np.arange(samples, dtype=np.float64) / samples
    rows, columns = np.round(-radius * np.sin(turn), 5), np.round(radius * np.cos(turn), 5)
    out = np.empty(places.shape[1])
    corner = np.array(first, dtype=np.int64)
    # One form of the kernel serves all images, for what they hold is exact in double precision.
    voxels, places = np.ascontiguousarray(slices, np.float64), np.ascontiguousarray(places)
    _patterns(voxels, corner, places, rows, columns, METHODS[method], out)
    return out


@compiled
def _between(plane: Floats, first: Indices, row: float, column: float) -> float:
    """Bilinear interpolation at a place of the whole slice; 0 beyond its border."""
    top, left = int(np.floor(row)), int(np.floor(column))
    bottom, right = int(np.ceil(row)), int(np.ceil(column))
    down, along = row - top, column - left
    above = (1 - along) * _voxel(plane, first, top, left) + along * _voxel(plane, first, top, right)
    below = (1 - along) * _voxel(plane, first, bottom, left) + along * _voxel(plane, first, bottom, right)
    return (1 - down) * above + down * below


@compiled
def _voxel(plane: Floats, first: Indices, row: int, column: int) -> float:
    row -= first[0]
    column -= first[1]
    if row < 0 or row >= plane.shape[0] or column < 0 or column >= plane.shape[1]:
        return 0.0
    return float(plane[row, column])


@compiled
def _patterns(
    slices: Floats, first: Indices, places: Indices, rows: Floats, columns: Floats, method: int, out: Floats
) -> None:
    samples = rows.size
    around = np.empty(samples)
    for voxel in range(places.shape[1]):
        plane = slices[places[0, voxel]]
        row, column = places[1, voxel], places[2, voxel]
        own = plane[row, column]
        for one in range(samples):
            place = row + first[0] + rows[one], column + first[1] + columns[one]
            around[one] = _between(plane, first, place[0], place[1])
        if method == 3:
            out[voxel] = _variance(around)
        elif method == 2:
            out[voxel] = _uniform(around, own)
        else:
            code = 0
            for one in range(samples):
                code |= int(around[one] - own >= 0) << one
            out[voxel] = code if method == 0 else _least_turn(code, samples)


@compiled
def _variance(around: Floats) -> float:
    summed = 0.0
    squares = 0.0
    for value in around:
        summed += value
        squares += value * value
    found = (squares - (summed * summed) / around.size) / around.size
    return found if found != 0 else np.nan


@compiled
def _uniform(around: Floats, own: float) -> int:
    """How many lie above, where at most two changes go round; one more than all otherwise."""
    changes = 0
    above = 0
    for one in range(around.size):
        greater = around[one] - own >= 0
        above += int(greater)
        if one > 0 and greater != (around[one - 1] - own >= 0):
            changes += 1
    return above if changes <= 2 else around.size + 1


@compiled
def _least_turn(code: int, samples: int) -> int:
    """The least of all codes that turning the circle makes."""
    least = code
    for _ in range(samples - 1):
        code = (code >> 1) | ((code & 1) << (samples - 1))
        least = min(least, code)
    return least
