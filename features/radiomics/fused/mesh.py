"""Surface, volume and vertices of the mesh that marching cubes would draw, without drawing it.

All vertices of a mask's mesh lie halfway between two voxels, so that a cube's share of surface and volume depends on
which of its eight corners are inside, and on the spacing, alone. Counting the 256 kinds of cube is therefore enough.
`cubes.json` holds, for the 127 kinds whose eighth corner is outside (the others are their opposites):

- the triangles, each as twice its area projected on (z, y, x), in half voxels;
- the volume between the triangles and the cube's first corner, in 1/48 voxel;
- the sum of the triangles' normals, which a shift of the cube is multiplied by, in 1/48 voxel.

Source: `tests/features/derive_cubes.py`, which measures pyradiomics' mesh cube by cube.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.types import Floats, Mask

_CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))


@dataclass(frozen=True, slots=True, eq=False)
class _Cubes:
    """`cubes.json`, by kind of cube, 0 to 127."""

    triangles: Floats
    """(128, 5, 3); zeros where a cube has fewer."""
    volumes: NDArray[np.int64]
    normals: NDArray[np.int64]


@cache
def _cubes() -> _Cubes:
    triangles, volumes, normals = np.zeros((128, 5, 3)), np.zeros(128, np.int64), np.zeros((128, 3), np.int64)
    for kind, projected, volume, normal in json.loads(Path(__file__).with_name("cubes.json").read_text()):
        triangles[kind, : len(projected)] = projected
        volumes[kind], normals[kind] = volume, normal
    return _Cubes(triangles, volumes, normals)


def surface_and_volume(mask: Mask, spacing_mm: Floats) -> tuple[float, float]:
    """Surface in mm2 and volume in mm3 of a mask's mesh; mask and spacing in the order (z, y, x), mask padded by 1."""
    cubes = _cubes()
    sizes = tuple(length - 1 for length in mask.shape)
    kinds = np.zeros(sizes, np.uint8)
    for bit, (z, y, x) in enumerate(_CORNERS):
        kinds |= mask[z : z + sizes[0], y : y + sizes[1], x : x + sizes[2]].astype(np.uint8) << np.uint8(bit)
    where = np.flatnonzero((kinds > 0) & (kinds < 255))
    found = kinds.ravel()[where]
    opposite = found >= 128
    kind = np.where(opposite, ~found, found).astype(np.int64)
    sign = np.where(opposite, -1, 1)
    places = np.stack(np.unravel_index(where, sizes), axis=1)
    volume = (sign * (cubes.volumes[kind] + (places * cubes.normals[kind]).sum(axis=1))).sum() / 48
    z, y, x = spacing_mm
    areas = np.sqrt(((cubes.triangles * (y * x, z * x, z * y)) ** 2).sum(axis=2)).sum(axis=1) / 8
    surface = (np.bincount(kind, minlength=128) * areas).sum()
    return float(surface), float(volume * z * y * x)


def vertices(mask: Mask) -> NDArray[np.int64]:
    """The mesh's vertices in half voxels, (n, dimensions); mask of any dimension, padded by 1."""
    found = []
    for axis in range(mask.ndim):
        step = np.argwhere(np.diff(mask, axis=axis)) * 2
        step[:, axis] += 1
        found.append(step)
    return np.concatenate(found)
