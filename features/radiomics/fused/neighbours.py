"""Pairs of neighbouring voxels: which offsets count as neighbours, and the passes that count them.

Volumes of grey levels are padded by the largest distance with 0, which is also what lies outside the lesion, so that a
neighbour is one addition to a flat index and no bound is ever checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled

Levels = NDArray[np.int32]
"""Grey levels, flat, padded; 0 outside the lesion."""
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LevelVolume:
    """Grey levels of one lesion, ready for the passes."""

    levels: Levels
    inside: Indices
    """Flat indices of the lesion's voxels, in raster order."""
    strides: tuple[int, int, int]
    """What one step along (z, y, x) adds to a flat index."""
    size: tuple[int, int, int]
    """Of the lesion's box, unpadded, (z, y, x)."""
    greatest: int
    """The highest level."""
    present: NDArray[np.int64]
    """Levels that occur, ascending."""


def level_volume(levels: NDArray[np.int32], padding: int) -> LevelVolume:
    """Pads a box of grey levels, (z, y, x), 0 outside the lesion."""
    z, y, x = levels.shape
    padded = np.zeros((z + 2 * padding, y + 2 * padding, x + 2 * padding), np.int32)
    padded[padding : padding + z, padding : padding + y, padding : padding + x] = levels
    flat = padded.ravel()
    inside = np.flatnonzero(flat)
    present = np.flatnonzero(np.bincount(flat[inside]))
    strides = (padded.shape[1] * padded.shape[2], padded.shape[2], 1)
    return LevelVolume(flat, inside, strides, (z, y, x), int(present[-1]), present)


def ranked(volume: LevelVolume) -> Levels:
    """The volume with each level replaced by its rank among those that occur, 1 at the lowest."""
    ranks = np.zeros(int(volume.present[-1]) + 1, np.int32)
    ranks[volume.present] = np.arange(1, volume.present.size + 1)
    return ranks[volume.levels]


def neighbour_offsets(
    size: Sequence[int], distances: Sequence[int], flat_axis: int | None, both_ways: bool
) -> NDArray[np.int64]:
    """Offsets (z, y, x) whose largest component is one of the distances, in pyradiomics' order.

    Args:
        size: Of the lesion's box, (z, y, x); longer offsets do not exist.
        distances: Chebyshev norms, in voxels. A distance that stands twice adds its count of offsets twice; as
            pyradiomics has it, these come from the beginning of the list again.
        flat_axis: Axis along which no offset goes (`force2D`), or None.
        both_ways: Whether an offset and its opposite both count.

    Returns:
        (n_offsets, 3).
    """
    return _offsets(tuple(size), tuple(distances), flat_axis, both_ways)


@lru_cache(maxsize=256)
def _offsets(
    size: tuple[int, ...], distances: tuple[int, ...], flat_axis: int | None, both_ways: bool
) -> NDArray[np.int64]:
    furthest = max(distances)
    along = np.arange(furthest, -furthest - 1, -1)
    offsets = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    kept = (np.abs(offsets) < np.asarray(size)).all(axis=1)
    if flat_axis is not None:
        kept &= offsets[:, flat_axis] == 0
    counts = np.bincount(np.abs(offsets[kept]).max(axis=1), minlength=furthest + 1)
    count = int(counts[list(distances)].sum()) // (1 if both_ways else 2)
    offsets = offsets[kept & np.isin(np.abs(offsets).max(axis=1), distances)]
    offsets = np.resize(offsets, (count, 3)) if len(offsets) else offsets
    offsets.flags.writeable = False
    return offsets


@compiled
def count_pairs(ranks: Levels, inside: Indices, step: int, symmetrical: bool, pairs: Levels) -> None:
    """Adds to pairs[i - 1, j - 1] for each voxel of rank i whose neighbour one step away has rank j.

    Symmetrical: to pairs[j - 1, i - 1] too.
    """
    for place in inside:
        other = ranks[place + step]
        if other > 0:
            rank = ranks[place]
            pairs[rank - 1, other - 1] += 1
            if symmetrical:
                pairs[other - 1, rank - 1] += 1


@compiled
def count_surroundings(
    levels: Levels,
    inside: Indices,
    steps: Indices,
    alpha: int,
    dependent: Indices,
    total: Indices,
    near: Indices,
) -> None:
    """For each voxel: dependent neighbours (levels at most alpha apart), sum of neighbours' levels, neighbours.

    `steps` go both ways.
    """
    for voxel in range(inside.size):
        place = inside[voxel]
        level = levels[place]
        alike = 0
        summed = 0
        count = 0
        for step in steps:
            other = levels[place + step]
            if other > 0:
                count += 1
                summed += other
                if abs(level - other) <= alpha:
                    alike += 1
        dependent[voxel] = alike
        total[voxel] = summed
        near[voxel] = count
