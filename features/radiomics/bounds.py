"""Where a region lies, and whether it is large enough to be measured, by pyradiomics' rules (`checkMask`)."""

import numpy as np
from numpy.typing import NDArray

from features.errors import LesionTooSmall
from features.radiomics.settings import Settings
from features.types import Mask

Bounds = NDArray[np.int64]
"""First and last index of a region, (3, 2), axes (z, y, x)."""
Box = tuple[slice, slice, slice]
"""The same as slices."""


def bounds_of(mask: Mask) -> Bounds:
    """Bounds of a mask that is not empty; plane by plane first, so that little is read where there is nothing."""
    planes = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1))
    rest: Mask = np.any(mask[planes[0] : planes[-1] + 1], axis=0)
    rows, columns = np.flatnonzero(rest.any(axis=1)), np.flatnonzero(rest.any(axis=0))
    return np.array([[ends[0], ends[-1]] for ends in (planes, rows, columns)])


def slices_of(bounds: Bounds) -> Box:
    """The box that bounds enclose."""
    z, y, x = (slice(int(first), int(last) + 1) for first, last in bounds)
    return z, y, x


def measurable_bounds(mask: Mask, settings: Settings, where: str) -> Bounds:
    """Bounds of a mask that is large enough.

    Args:
        mask: May be empty.
        settings: Say how many dimensions and voxels are wanted.
        where: For the refusal, e.g. `in the lesion`.

    Raises:
        LesionTooSmall: One voxel or none, or fewer dimensions or voxels than the settings want.
    """
    voxels = int(np.count_nonzero(mask))
    if voxels < 2:
        raise LesionTooSmall(f"{_counted(voxels)} {where}; wanted 2 or more", voxels=voxels, wanted=2)
    bounds = bounds_of(mask)
    dimensions = int(np.count_nonzero(bounds[:, 1] > bounds[:, 0]))
    wanted, smallest = settings.setting["minimumROIDimensions"], settings.setting["minimumROISize"]
    if isinstance(wanted, int) and dimensions < wanted:
        raise LesionTooSmall(
            f"the voxels {where} extend in {dimensions} dimension(s); wanted {wanted} (minimumROIDimensions)",
            dimensions=dimensions,
            wanted=wanted,
        )
    if isinstance(smallest, int) and voxels <= smallest:
        raise LesionTooSmall(
            f"{_counted(voxels)} {where}; wanted more than {smallest} (minimumROISize)", voxels=voxels, wanted=smallest
        )
    return bounds


def _counted(voxels: int) -> str:
    return "one voxel" if voxels == 1 else f"{voxels or 'no'} voxels"
