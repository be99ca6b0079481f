"""The greatest distance between two vertices of a mesh, in space or within planes, exactly and without comparing all.

A vertex between two others of the same grid line is never the furthest from anything. Of those left, the ones furthest
from the middle come first, and a pair whose distances from the middle add up to too little is not looked at, nor is
any after it.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.types import Floats

Vertices = NDArray[np.int64]
"""In half voxels, (n, dimensions), none negative."""

_SAFE = 1 - 1e-9
"""For the rounding of what a pair could reach at most."""


def widest(vertices: Vertices, spacing_mm: Floats) -> float:
    """The greatest distance in mm; 0 for fewer than two vertices."""
    ends = _ends_of_lines(vertices, range(vertices.shape[1]))
    return _widest(ends, np.zeros(len(ends), np.int64), spacing_mm)


def widest_in_plane(vertices: Vertices, spacing_mm: Floats, axis: int) -> float:
    """The greatest distance in mm between two vertices that share their coordinate on an axis."""
    ends = _ends_of_lines(vertices, [one for one in range(vertices.shape[1]) if one != axis])
    return _widest(ends, ends[:, axis], spacing_mm)


def _ends_of_lines(vertices: Vertices, axes: Collection[int]) -> Vertices:
    """The first and the last vertex of each line along the axes, one axis after the other."""
    size = vertices.max(axis=0) + 1
    for axis in axes:
        lines = np.zeros(len(vertices), np.int64)
        for other in range(vertices.shape[1]):
            if other != axis:
                lines = lines * size[other] + vertices[:, other]
        along = np.ascontiguousarray(vertices[:, axis])
        vertices = vertices[_first_or_last(lines, along, int(np.delete(size, axis).prod()))]
    return vertices


@compiled
def _first_or_last(lines: NDArray[np.int64], along: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which points are the first or the last of their line."""
    first, last = np.full(count, 2**31 - 1, np.int32), np.full(count, -1, np.int32)
    for point in range(lines.size):
        line = lines[point]
        first[line] = min(first[line], along[point])
        last[line] = max(last[line], along[point])
    found = np.empty(lines.size, np.bool_)
    for point in range(lines.size):
        line = lines[point]
        found[point] = along[point] == first[line] or along[point] == last[line]
    return found


def _widest(vertices: Vertices, groups: NDArray[np.int64], spacing_mm: Floats) -> float:
    """The greatest distance in mm within one group."""
    order = np.argsort(groups, kind="stable")
    groups, points = groups[order], vertices[order] * (spacing_mm / 2)
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    sizes = np.diff(starts, append=len(groups))
    middles = (np.minimum.reduceat(points, starts) + np.maximum.reduceat(points, starts)) / 2
    reach = np.sqrt(((points - np.repeat(middles, sizes, axis=0)) ** 2).sum(axis=1))
    order = np.lexsort((-reach, groups))
    return float(np.sqrt(_widest_squared(points[order], reach[order], np.append(starts, len(groups)))))


@compiled
def _widest_squared(points: Floats, reach: Floats, starts: NDArray[np.int64]) -> float:
    """The greatest squared distance between two points of one group; groups begin at `starts`, furthest out first."""
    greatest = 0.0
    for group in range(starts.size - 1):
        for one in range(starts[group], starts[group + 1]):
            for other in range(one + 1, starts[group + 1]):
                most = reach[one] + reach[other]
                if most * most <= greatest * _SAFE:
                    break
                distance = 0.0
                for axis in range(points.shape[1]):
                    apart = points[one, axis] - points[other, axis]
                    distance += apart * apart
                greatest = max(greatest, distance)
    return greatest
