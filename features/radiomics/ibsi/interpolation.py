"""Image and mask on another spacing, the IBSI way: grids share their centre, the mask keeps what is half full.

pyradiomics lets the two grids share a corner and gives each mask voxel its nearest label.
Source: IBSI reference manual, 2.4 (grid 3WE3, size 026Q, position QCY4, rounding 68QD, partial volume E8H9).
"""

import math

import numpy as np
from scipy import ndimage

from features.radiomics.bounds import bounds_of, slices_of
from features.types import Floats, Mask, Voxels

_REACH = {0: 1, 1: 2, 3: 42}
"""Voxels around the lesion that can reach its values; 0.27 to the power 40, a spline's memory, is below 1e-22."""
_ALMOST = 1e-6
"""A grid that would be one voxel longer by less than this is not: 100 voxels of 0.6 mm are 200 of 0.3 mm."""


def interpolated(
    voxels: Voxels, mask: Mask, spacing_mm: Floats, wanted_mm: Floats, order: int
) -> tuple[Floats, Mask, Floats]:
    """The lesion's box on the new grid.

    Args:
        voxels: Of the whole image, (z, y, x).
        mask: On the same grid, not empty.
        spacing_mm: Of that grid, (z, y, x).
        wanted_mm: The new spacing, (z, y, x); 0 keeps an axis as it is.
        order: 0 nearest voxel, 1 linear, 3 cubic spline.

    Returns:
        Intensities and mask of the box, and its spacing; the mask may be empty.
    """
    spacing = np.where(wanted_mm == 0, spacing_mm, wanted_mm)
    if np.allclose(spacing, spacing_mm):
        box = slices_of(bounds_of(mask))
        return voxels[box].astype(np.float64), mask[box], spacing_mm
    cut, starts, steps, counts = [], [], [], []
    for axis, (least, greatest) in enumerate(bounds_of(mask)):
        length, step = mask.shape[axis], spacing[axis] / spacing_mm[axis]
        points = max(1, math.ceil(length / step - _ALMOST))
        first = (length - 1 - step * (points - 1)) / 2
        low = max(0, math.floor((least - 0.5 - first) / step))
        high = min(points - 1, math.ceil((greatest + 0.5 - first) / step))
        begin = max(0, math.floor(first + low * step) - _REACH[order])
        end = min(length, math.ceil(first + high * step) + _REACH[order] + 1)
        cut.append(slice(begin, end))
        starts.append(first + low * step - begin)
        steps.append(step)
        counts.append(high - low + 1)
    around = tuple(cut)

    def taken(field: Floats, degree: int) -> Floats:
        found: Floats = ndimage.affine_transform(
            field, np.array(steps), np.array(starts), tuple(counts), order=degree, mode="nearest"
        )
        return found

    inside = taken(mask[around].astype(np.float64), min(order, 1)) >= 0.5 - _ALMOST
    return taken(voxels[around].astype(np.float64), order), inside, spacing
