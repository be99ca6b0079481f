"""Random fields: smooth grain of a given size, as texture, borders and noise are made of."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Single = NDArray[np.float32]
Shape = tuple[int, int, int]


def grain(shape: Shape, sigma: tuple[float, float, float] | float, rng: np.random.Generator) -> Single:
    """A Gaussian random field of mean 0 and standard deviation 1 that repeats beyond its borders.

    Args:
        shape: Voxels along each axis.
        sigma: Standard deviation in voxels of the Gaussian that smooths white noise, one for all axes or one each.
        rng: Advanced by as many draws as there are voxels.
    """
    field = smooth(rng.standard_normal(shape, np.float32), sigma)
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def smooth(field: Single, sigma: tuple[float, float, float] | float) -> Single:
    """Convolved with a Gaussian, around the borders."""
    widths = (sigma,) * 3 if isinstance(sigma, int | float) else sigma
    if not any(widths):
        return field
    spectrum = fft.rfftn(field)
    for axis, width in enumerate(widths):
        spectrum *= _response(field.shape[axis], axis, float(width), half=axis == 2)
    return np.asarray(fft.irfftn(spectrum, s=field.shape), np.float32)


@lru_cache(maxsize=256)
def _response(count: int, axis: int, sigma: float, *, half: bool) -> Single:
    frequency = fft.rfftfreq(count) if half else fft.fftfreq(count)
    response = np.exp(-2.0 * (np.pi * sigma * frequency) ** 2).astype(np.float32)
    return np.asarray(response.reshape([-1 if other == axis else 1 for other in range(3)]))
