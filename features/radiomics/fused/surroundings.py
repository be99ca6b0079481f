"""Features of a voxel against those around it: dependence (GLDM) and difference of grey tone (NGTDM)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.fused.neighbours import LevelVolume, count_surroundings
from features.radiomics.fused.runs import Cells
from features.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """For each voxel of the lesion, in raster order."""

    levels: NDArray[np.int64]
    dependent: NDArray[np.int64]
    """Neighbours whose level differs by at most alpha."""
    total: NDArray[np.int64]
    """Sum of the neighbours' levels."""
    near: NDArray[np.int64]
    """Neighbours inside the lesion."""


def surroundings(volume: LevelVolume, offsets: NDArray[np.int64], alpha: int) -> Surroundings:
    """One pass for both classes; `offsets` go both ways."""
    count = volume.inside.size
    dependent, total, near = (np.empty(count, np.int64) for _ in range(3))
    steps = offsets @ np.asarray(volume.strides)
    count_surroundings(volume.levels, volume.inside, steps, alpha, dependent, total, near)
    return Surroundings(volume.levels[volume.inside].astype(np.int64), dependent, total, near)


def dependence_cells(around: Surroundings) -> Cells:
    """GLDM's table: level by number of dependent neighbours plus one."""
    widest = int(around.dependent.max()) + 1
    counts = np.bincount(around.levels * widest + around.dependent)
    keys = np.flatnonzero(counts)
    return keys // widest, keys % widest + 1, counts[keys].astype(np.float64)


def ngtdm_features(around: Surroundings) -> dict[str, float]:
    """All five features of NGTDM."""
    mean = around.total / np.maximum(around.near, 1)
    difference = np.where(around.near > 0, np.abs(around.levels - mean), 0.0)
    counts = np.bincount(around.levels)
    present = np.flatnonzero(counts)
    share = counts[present] / around.levels.size
    summed = np.bincount(around.levels, difference)[present].astype(np.float64)
    grey_levels, voxels = present.size, around.levels.size
    coarse = float((share * summed).sum())
    spread, busy, complexity, strength = _between_levels(present.astype(np.float64), share, summed)
    contrast = spread * summed.sum() / voxels
    return {
        "Coarseness": 1 / coarse if coarse != 0 else 1e6,
        "Contrast": float(contrast / (grey_levels * (grey_levels - 1))) if grey_levels > 1 else 0.0,
        "Busyness": coarse / busy if busy != 0 else 0.0,
        "Complexity": complexity / voxels,
        "Strength": float(strength / summed.sum()) if summed.sum() != 0 else 0.0,
    }


@compiled
def _between_levels(levels: Floats, shares: Floats, summed: Floats) -> tuple[float, float, float, float]:
    """Sums over all ordered pairs of levels: for contrast, busyness, complexity and strength."""
    spread = 0.0
    busy = 0.0
    complexity = 0.0
    strength = 0.0
    for one in range(levels.size):
        for other in range(levels.size):
            apart = levels[one] - levels[other]
            both = shares[one] + shares[other]
            spread += shares[one] * shares[other] * apart**2
            busy += abs(levels[one] * shares[one] - levels[other] * shares[other])
            complexity += abs(apart) * (shares[one] * summed[one] + shares[other] * summed[other]) / both
            strength += both * apart**2
    return spread, busy, complexity, strength
