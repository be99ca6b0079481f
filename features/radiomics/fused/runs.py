"""Runs of one grey level along a line (GLRLM), and zones of one grey level (GLSZM)."""

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.fused.neighbours import Indices, Levels, LevelVolume

Cells = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Occupied cells of a table of grey level by size: levels, sizes, counts."""


@compiled
def _count_runs(levels: Levels, inside: Indices, step: int, counts: NDArray[np.float64]) -> bool:
    """Adds to counts[level - 1, length - 1] for each run along step; gives whether two voxels ever touch."""
    touching = False
    for place in inside:
        level = levels[place]
        before = levels[place - step]
        if before > 0:
            touching = True
        if before == level:
            continue
        length = 1
        following = place + step
        while levels[following] == level:
            length += 1
            following += step
        counts[level - 1, length - 1] += 1
    return touching


@compiled
def _grow_zones(
    levels: Levels, inside: Indices, steps: Indices, zone_levels: Indices, zone_sizes: Indices, stack: Indices
) -> int:
    """Finds connected zones of one level, blanking `levels` as it goes; gives how many."""
    zones = 0
    for start in inside:
        level = levels[start]
        if level == 0:
            continue
        levels[start] = 0
        stack[0] = start
        top = 1
        size = 0
        while top > 0:
            top -= 1
            place = stack[top]
            size += 1
            for step in steps:
                other = place + step
                if levels[other] == level:
                    levels[other] = 0
                    stack[top] = other
                    top += 1
        zone_levels[zones] = level
        zone_sizes[zones] = size
        zones += 1
    return zones


def run_counts(volume: LevelVolume, offset: NDArray[np.int64]) -> NDArray[np.float64]:
    """Runs along one offset by level and length, (greatest level, longest box side).

    A direction in which no line holds two voxels of the lesion gives zeros, as pyradiomics has it: the lesion is flat
    there.
    """
    counts = np.zeros((volume.greatest, max(volume.size)))
    step = int(offset @ np.asarray(volume.strides))
    touching = _count_runs(volume.levels, volume.inside, step, counts)
    if not touching and not _two_on_a_line(volume, offset):
        counts[:] = 0
    return counts


def _two_on_a_line(volume: LevelVolume, offset: NDArray[np.int64]) -> bool:
    """Whether any line along the offset meets two voxels, gaps allowed."""
    height, width, _ = volume.strides
    places = np.stack([volume.inside // height, volume.inside % height // width, volume.inside % width])
    axis = int(np.flatnonzero(offset)[0])
    # Slide every voxel along the line to where its coordinate on that axis is 0: voxels of one line then coincide.
    lines = places - offset[:, None] * (places[axis] * offset[axis])
    return bool(np.unique(lines, axis=1).shape[1] < volume.inside.size)


def zones(volume: LevelVolume, offsets: NDArray[np.int64]) -> Cells:
    """Connected zones by level and number of voxels."""
    count = volume.inside.size
    steps = offsets @ np.asarray(volume.strides)
    found_levels, sizes, stack = (np.empty(count, np.int64) for _ in range(3))
    found = _grow_zones(volume.levels.copy(), volume.inside, steps, found_levels, sizes, stack)
    widest = int(sizes[:found].max()) + 1
    keys, counts = np.unique(found_levels[:found] * widest + sizes[:found], return_counts=True)
    return keys // widest, keys % widest, counts.astype(np.float64)


def run_cells(table: NDArray[np.float64]) -> Cells:
    """The occupied cells of a table of runs, (level, length), as `run_counts` gives it; counts may be weighted."""
    levels, lengths = np.nonzero(table)
    return levels + 1, lengths + 1, table[levels, lengths]
