"""An image as another scan of the same patient might show it: noise once more, the patient lying a little otherwise.

Source: Zwanenburg et al., Sci Rep 9 (2019) 614; noise level by the median of the finest diagonal wavelet
coefficients: Donoho and Johnstone, Biometrika 81 (1994) 425.
"""

import numpy as np
import pywt
from scipy import ndimage

from features.types import Floats, Mask, Voxels

MOST_DEGREES = 10.0
"""Turn within the slice, to either side."""
MOST_VOXELS = 0.5
"""Shift along each axis, to either side."""
_SMOOTHEST = 2**24
"""Voxels up to which a cubic spline is paid for; above, lines between neighbours."""
_FEWEST = 8
"""Pixels across, below which a slice tells nothing of noise."""


def noise_level(voxels: Voxels) -> float:
    """Standard deviation of the noise in an image's own unit: the median over slices; 0 where none can be told.

    Args:
        voxels: (z, y, x). Exact zeros of the coefficients are background that was blanked out, and left aside.
    """
    if min(voxels.shape[1:]) < _FEWEST:
        return 0.0
    _, (_, _, diagonal) = pywt.dwt2(voxels.astype(np.float64), "db2", axes=(1, 2))
    seen = [np.median(np.abs(plane[plane != 0])) for plane in diagonal if plane.any()]
    return float(np.median(seen) / 0.6745) if seen else 0.0


def noisier(voxels: Voxels, rng: np.random.Generator) -> Voxels:
    """With Gaussian noise at the image's own level added, never below what the image had: air, or a magnitude's 0."""
    noisy = voxels + noise_level(voxels) * rng.standard_normal(voxels.shape)
    return np.asarray(np.maximum(noisy, voxels.min()), np.float32)


def moved(
    voxels: Voxels, masks: list[Mask], spacing: tuple[float, float, float], rng: np.random.Generator
) -> tuple[Voxels, list[Mask]]:
    """Turned within the slices about the lesions' middle, and shifted by a part of a voxel, image and masks together.

    Args:
        voxels: (z, y, x).
        masks: On the same grid; one that would vanish stays as it was.
        spacing: Millimetres along (z, y, x).
        rng: Decides how far.
    """
    turn = np.deg2rad(rng.uniform(-MOST_DEGREES, MOST_DEGREES))
    shift = rng.uniform(-MOST_VOXELS, MOST_VOXELS, 3) * (np.array(voxels.shape) > 1)
    matrix = _in_slices(turn, spacing)
    middle = np.array(ndimage.center_of_mass(np.logical_or.reduce(masks)))
    offset = middle + shift - matrix @ middle
    order = 3 if voxels.size <= _SMOOTHEST else 1
    smooth = ndimage.affine_transform(voxels, matrix, offset, order=order, mode="nearest")
    # A spline swings beyond what was measured beside a sharp edge.
    image = np.clip(smooth, voxels.min(), voxels.max()).astype(np.float32)
    share = [
        ndimage.affine_transform(mask.astype(np.float32), matrix, offset, order=1, mode="nearest") for mask in masks
    ]
    return image, [part >= 0.5 if (part >= 0.5).any() else mask for part, mask in zip(share, masks, strict=True)]


def _in_slices(turn: float, spacing: tuple[float, float, float]) -> Floats:
    """A rotation of millimetres, told in voxels."""
    across = spacing[2] / spacing[1]
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine * across], [0.0, sine / across, cosine]])
