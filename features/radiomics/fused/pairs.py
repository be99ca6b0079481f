"""Which levels neighbour which: the occupied cells of a co-occurrence matrix, one direction at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.fused.neighbours import Indices, Levels, LevelVolume, count_pairs, ranked
from features.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """One direction's matrix of the levels that occur, or several directions' weighted one."""

    rows: Indices
    """Rank of the first voxel's level, from 0, of each occupied cell; cells in raster order."""
    columns: Indices
    counts: Floats
    levels: int
    """How many occur in the lesion: the matrix' side."""

    def table(self) -> Floats:
        """The cells as a table, (levels, levels)."""
        table = np.zeros((self.levels, self.levels))
        table[self.rows, self.columns] = self.counts
        return table


@compiled
def _take_cells(pairs: Levels, rows: Indices, columns: Indices, counts: Floats) -> int:
    """Reads the occupied cells off and blanks the table; gives how many there were."""
    found = 0
    for row in range(pairs.shape[0]):
        for column in range(pairs.shape[1]):
            if pairs[row, column] > 0:
                rows[found] = row
                columns[found] = column
                counts[found] = pairs[row, column]
                pairs[row, column] = 0
                found += 1
    return found


def count_directions(volume: LevelVolume, offsets: NDArray[np.int64], symmetrical: bool) -> list[Pairs]:
    """The matrix of each direction, some perhaps without a pair."""
    levels = volume.present.size
    most = min(levels**2, 2 * volume.inside.size)
    rows, columns, counts = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    ranks = ranked(volume)
    pairs = np.zeros((levels, levels), np.int32)
    counted = []
    for step in offsets @ np.asarray(volume.strides):
        count_pairs(ranks, volume.inside, step, symmetrical, pairs)
        found = _take_cells(pairs, rows, columns, counts)
        counted.append(Pairs(rows[:found].copy(), columns[:found].copy(), counts[:found].copy(), levels))
    return counted


def weighted(counted: Sequence[Pairs], weights: Floats) -> Pairs:
    """The sum of all directions, each times its weight."""
    levels = counted[0].levels
    summed = np.zeros((levels, levels))
    for pairs, weight in zip(counted, weights, strict=True):
        summed[pairs.rows, pairs.columns] += pairs.counts * weight
    cells = np.flatnonzero(summed)
    return Pairs(cells // levels, cells % levels, summed.ravel()[cells], levels)
