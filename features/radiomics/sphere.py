"""Local binary patterns on a sphere round each voxel of a lesion, as pyradiomics 3.0.1 defines them (LBP3D).

pyradiomics' own function imports `scipy.special.sph_harm`, which SciPy has removed, and then yields nothing without
a word. The steps here are its steps, with SciPy's present names. Both engines use them.

Source: Banerjee et al., ACCV 2012 Workshops, LNCS 7728; pyradiomics `imageoperations.getLBP3DImage`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.types import Floats

SPLINE_REACH = 40
"""Voxels after which a cubic spline's coefficients have forgotten the border (0.27 to that power is below 1e-22)."""
_CERTAIN = 1e-11
"""Of the greatest intensity: samples further from equality are as far from it whatever rounding does."""
_NUMBERS_AT_ONCE = 2_000_000
"""Complex, in the largest table of one step."""


def sphere_patterns(
    voxels: NDArray[Any], where: NDArray[np.int64], *, radius: float, subdivision: int, levels: int
) -> tuple[list[tuple[str, Floats]], bool]:
    """`lbp-3D-m1` and on, one a level of spherical harmonics, and the kurtosis `lbp-3D-k`, each (n_voxels,).

    Args:
        voxels: The image, or a cut of it with `SPLINE_REACH` voxels beyond the sphere.
        where: Indices of the lesion's voxels, (3, n_voxels).
        radius: Of the sphere, in voxels.
        subdivision: Of the icosahedron whose vertices are sampled.
        levels: Of the spherical harmonics.

    Returns:
        The patterns by name, and whether a cut may stand for the image: where a sample equals the voxel at the centre,
        rounding decides which is greater, and what is far away decides rounding.
    """
    # Only this filter needs them, and they load slowly.
    from scipy.ndimage import map_coordinates, spline_filter  # noqa: PLC0415
    from trimesh.creation import icosphere  # noqa: PLC0415

    sphere = np.array(icosphere(subdivision, radius).vertices)
    harmonics = _harmonics(sphere, radius, levels)
    splines = spline_filter(voxels, order=3, mode="constant")
    step = max(1, _NUMBERS_AT_ONCE // (len(sphere) * (2 * levels - 1)))
    centres = voxels[tuple(where)]
    limits = _limits(centres)
    margin = _CERTAIN * float(np.abs(voxels).max())
    powers, peakedness = np.empty((where.shape[1], levels)), np.empty(where.shape[1])
    certain = True
    for first in range(0, where.shape[1], step):
        part = slice(first, first + step)
        around = where[:, part].T[None, :, :] + sphere[:, None, :]
        samples = map_coordinates(splines, around.T, order=3, prefilter=False)
        certain = certain and bool((np.abs(samples - limits[part, None]) > margin).all())
        # Held in the image's own type, as pyradiomics has it: whole numbers are compared with whole numbers.
        held = _held(samples, voxels.dtype)
        above = (held >= centres[part, None]).astype(int)
        powers[part] = _powers(above, harmonics)
        peakedness[part] = _kurtosis(held)
    named = [(f"lbp-3D-m{level}", values) for level, values in enumerate(powers.T, start=1)]
    return [*named, ("lbp-3D-k", peakedness)], certain


def _held(samples: Floats, kind: np.dtype[Any]) -> NDArray[Any]:
    """Samples in another type; to whole numbers as `map_coordinates` does, half away from 0."""
    if kind.kind not in "iu":
        return samples.astype(kind)
    ends = np.iinfo(kind)
    return np.clip(np.trunc(samples + np.copysign(0.5, samples)), ends.min, ends.max).astype(kind)


def _limits(centres: NDArray[Any]) -> Floats:
    """The least sample that counts as the centre's equal, once held in the centre's type."""
    exact = centres.astype(np.float64)
    if centres.dtype.kind in "iu":
        return exact - 0.5
    return exact - np.abs(np.spacing(centres)).astype(np.float64) / 2 if centres.dtype == np.float32 else exact


def _harmonics(sphere: Floats, radius: float, levels: int) -> list[NDArray[np.complex128]]:
    """Spherical harmonics at the vertices, (vertices, 2 n + 1) for each level n.

    The two angles are given the way round that pyradiomics gives them (polar where SciPy wants azimuth).
    """
    from scipy.special import sph_harm_y  # noqa: PLC0415

    polar = np.arccos(np.true_divide(sphere[:, 2], radius))
    azimuth = np.arctan2(sphere[:, 1], sphere[:, 0])
    return [np.column_stack([sph_harm_y(n, m, azimuth, polar) for m in range(-n, n + 1)]) for n in range(levels)]


def _powers(above: NDArray[np.int_], harmonics: list[NDArray[np.complex128]]) -> Floats:
    """L2 norm over the sphere of what each level contributes, (voxels, levels)."""
    found = []
    for level in harmonics:
        # Summed in pyradiomics' order: patterns tie often, and a last bit would move a percentile.
        coefficients = (above[:, :, None] * level[None, :, :]).sum(axis=1)
        on_sphere = (coefficients[:, None, :] * level[None, :, :]).sum(axis=2)
        found.append(np.real(np.sqrt((on_sphere**2).sum(axis=1))))
    return np.stack(found, axis=1)


def _kurtosis(samples: NDArray[Any]) -> Floats:
    """Excess kurtosis of each voxel's samples; NaN where they are all one (scipy's own warns, for all threads)."""
    mean = samples.mean(axis=1, keepdims=True)
    squares = (samples - mean) ** 2
    second = squares.mean(axis=1)
    flat = second <= (np.finfo(second.dtype).eps * mean[:, 0]) ** 2
    found: Floats = np.where(flat, np.nan, (squares**2).mean(axis=1) / np.where(flat, 1.0, second) ** 2) - 3.0
    return found
