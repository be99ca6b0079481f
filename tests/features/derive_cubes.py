"""Derives `features/radiomics/fused/cubes.json` from pyradiomics' mesh, one cube at a time.

`python tests/features/derive_cubes.py` prints the table; a test compares it with the file. It measures pyradiomics'
surface and volume of each of the 127 cubes and looks for triangles that have them for any spacing:

- on each face of the cube the outline joins the edges where inside meets outside (two ways where corners lie across);
- what the six faces draw are closed loops, and each loop can be cut into triangles in a few ways;
- the triangles whose areas add up to the measured surface for several spacings are those that pyradiomics draws.

A cube's volume is measured at the origin of coordinates, the sum of its normals by shifting it along each axis.
"""

import itertools
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, ...]
"""(z, y, x), in half voxels."""
Triangle = tuple[Point, Point, Point]
Segment = tuple[Point, Point]
Row = tuple[int, list[list[int]], int, list[int]]

CORNERS: tuple[Point, ...] = (
    *((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)),
    *((1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)),
)
SPACINGS = np.array([[1.7, 0.9, 2.3], [0.6, 2.9, 1.1], [2.1, 1.3, 0.7]])


def measured(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Surface and volume by pyradiomics."""
    from radiomics import cShape  # noqa: PLC0415  the only place that needs it

    surface, volume, _ = cShape.calculate_coefficients(np.ascontiguousarray(mask), spacing)
    return surface, volume


def cube(kind: int) -> NDArray[np.bool_]:
    mask = np.zeros((2, 2, 2), dtype=bool)
    for bit, corner in enumerate(CORNERS):
        mask[corner] = bool(kind >> bit & 1)
    return mask


def outlines(mask: NDArray[np.bool_]) -> Iterator[list[Segment]]:
    """Every way in which the six faces may be crossed."""
    faces: list[list[list[Segment]]] = []
    for axis, side in itertools.product(range(3), (0, 1)):
        ring = [np.insert(flat, axis, side) for flat in ((0, 0), (0, 1), (1, 1), (1, 0))]
        edges = [tuple((one + other).tolist()) for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)]
        inside = [bool(mask[tuple(corner)]) for corner in ring]
        crossed = [edges[i] for i in range(4) if inside[i] != inside[(i + 1) % 4]]
        if len(crossed) == 4:
            a, b, c, d = crossed
            faces.append([[(a, b), (c, d)], [(b, c), (d, a)]])
        else:
            faces.append([[(crossed[0], crossed[1])] if crossed else []])
    for chosen in itertools.product(*faces):
        yield [segment for face in chosen for segment in face]


def loops(segments: list[Segment]) -> list[list[Point]]:
    """The closed lines that segments make up."""
    left, found = list(segments), []
    while left:
        loop = list(left.pop(0))
        while loop[0] != loop[-1]:
            following = next(segment for segment in left if loop[-1] in segment)
            left.remove(following)
            loop.append(following[1] if following[0] == loop[-1] else following[0])
        found.append(loop[:-1])
    return found


def triangulations(loop: list[Point]) -> list[list[Triangle]]:
    """Every way to cut a loop into triangles of its own points."""
    if len(loop) < 3:
        return [[]]
    first, last = loop[0], loop[-1]
    return [
        [*left, *right, (first, loop[k], last)]
        for k in range(1, len(loop) - 1)
        for left in triangulations(loop[: k + 1])
        for right in triangulations(loop[k:])
    ]


def projections(cuts: list[list[Triangle]]) -> NDArray[np.int64]:
    """Twice the area of each triangle projected on (z, y, x), in half voxels; (cuts, triangles, 3)."""
    a, b, c = np.array(cuts).transpose(2, 0, 1, 3)
    return np.abs(np.cross(b - a, c - a))


def areas(projected: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each cut, for each spacing."""
    z, y, x = SPACINGS.T
    scaled = projected[:, :, None, :] * np.stack([y * x, z * x, z * y], axis=1)
    return np.asarray(np.linalg.norm(scaled, axis=3).sum(axis=1) / 8)


def triangles_of(kind: int) -> list[list[int]]:
    """The triangles that pyradiomics draws in a cube, by their projections."""
    wanted = np.array([measured(cube(kind), spacing)[0] for spacing in SPACINGS])
    for outline in outlines(cube(kind)):
        cuts = [projections(triangulations(loop)) for loop in loops(outline)]
        for chosen in itertools.product(*(zip(one, areas(one), strict=True) for one in cuts)):
            if np.abs(sum(area for _, area in chosen) - wanted).max() <= 1e-12:
                return sorted(np.concatenate([projected for projected, _ in chosen]).tolist())
    raise AssertionError(f"no triangles have the surface of cube {kind}")


def derive() -> Iterator[Row]:
    """One row a kind of cube whose eighth corner is outside."""
    unit = np.ones(3)
    volumes = [measured(cube(kind), unit)[1] for kind in range(256)]
    assert all(abs(volumes[kind] + volumes[255 - kind]) < 1e-12 for kind in range(256)), "opposites have opposite signs"
    for kind in range(1, 128):
        normals = []
        for axis in range(3):
            # With a plane of nothing before it the cube lies one voxel on, next to a cube of its first plane.
            first = np.take(cube(kind), [0], axis=axis)
            shifted = np.concatenate([np.zeros_like(first), cube(kind)], axis=axis)
            before = sum(1 << bit for bit, corner in enumerate(CORNERS) if shifted[corner])
            normals.append(measured(shifted, unit)[1] - volumes[before] - volumes[kind])
        exact = np.array([volumes[kind], *normals]) * 48
        assert np.allclose(exact, exact.round(), atol=1e-9)
        volume, *sums = exact.round().astype(int).tolist()
        yield kind, triangles_of(kind), volume, sums


def written(rows: list[Row]) -> str:
    """The file's text, a row a line."""
    return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n"


if __name__ == "__main__":
    print(written(list(derive())), end="")  # noqa: T201
