"""Where the voxels that a network sees lie on the grid of a scan, and the part of the scan they are taken from."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from features.lesion import Lesion
from features.types import Floats, Mask, Voxels

Counts = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A block of voxels along the patient's axes (LPS) on the grid of a scan."""

    counts: Counts
    """Voxels along L, P and S."""
    samples: int
    """Along each side of one voxel, which is their mean."""
    first: Floats
    """Index (x, y, z) of the first sample, (3,)."""
    steps: Floats
    """Column j: the change of index (x, y, z) for one sample along LPS axis j, (3, 3)."""
    side_mm: float
    """Length of the block along L."""

    @property
    def reach(self) -> Counts:
        """Samples along L, P and S."""
        return self.counts[0] * self.samples, self.counts[1] * self.samples, self.counts[2] * self.samples


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """As much of one scan as a placement touches, ready to go to a device; independent of any device."""

    image: Voxels
    """(z, y, x), contiguous."""
    mask: Mask
    placement: Placement
    """On the cutout's own indices."""
    inside: Floats
    """Lowest and highest index (x, y, z) that still lie in the scan, (2, 3)."""
    modality: str


def place(
    lesion: Lesion, middle: Floats, counts: Counts, voxel_mm: tuple[float, float, float], samples: int
) -> Placement:
    """A block round an index of the scan.

    It depends on where voxels lie in the patient, not on the order in which a file stores them. An image of one
    slice is taken as going on alike on both sides: what a projection shows has no depth.

    Args:
        lesion: On its scan's grid.
        middle: Index (x, y, z) of the block's middle, (3,).
        counts: Voxels along L, P and S.
        voxel_mm: Their size along L, P and S.
        samples: Along each side of one voxel.
    """
    steps = np.linalg.inv(index_to_mm(lesion)) * (np.array(voxel_mm) / samples)
    first = middle - steps @ ((np.array(counts) * samples - 1) / 2.0)
    for axis, size in enumerate(lesion.grid.size):
        if size == 1:
            steps[axis], first[axis] = 0.0, 0.0
    return Placement(counts, samples, first, steps, counts[0] * voxel_mm[0])


def cut(lesion: Lesion, placement: Placement, modality: str) -> Cutout:
    """The part of the scan that the block's samples touch."""
    low, high = _box(placement, lesion.grid.size)
    where = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
    return Cutout(
        np.ascontiguousarray(lesion.image[where], np.float32),
        np.ascontiguousarray(lesion.mask[where]),
        Placement(placement.counts, placement.samples, placement.first - low, placement.steps, placement.side_mm),
        np.stack([-0.5 - low, np.array(lesion.grid.size) - 0.5 - low]),
        modality,
    )


def index_to_mm(lesion: Lesion) -> Floats:
    """Column j: millimetres (L, P, S) for one step along storage axis j, (3, 3)."""
    return np.asarray(np.array(lesion.grid.direction).reshape(3, 3) * np.array(lesion.grid.spacing_mm))


def inside_indices(lesion: Lesion) -> Floats:
    """Indices (x, y, z) of the lesion's voxels, (n, 3)."""
    # Flat first: `argwhere` walks a whole scan voxel by voxel.
    z, y, x = np.unravel_index(np.flatnonzero(lesion.mask), lesion.mask.shape)
    return np.stack([x, y, z], axis=1).astype(np.float64)


def _box(placement: Placement, grid: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First index and one past the last, (x, y, z)."""
    ends = [(0, count - 1) for count in placement.reach]
    corners = placement.first + np.array(list(product(*ends))) @ placement.steps.T
    low = np.clip(np.floor(corners.min(axis=0)).astype(np.int64) - 1, 0, np.array(grid) - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(np.int64) + 2, low + 1, grid)
    return low, high
