"""How a simulated CT was taken: voxel size, sharpness, noise."""

from dataclasses import dataclass

import numpy as np

_SLICES_MM = (2.5, 3.0, 3.0, 3.75, 5.0, 5.0)


@dataclass(frozen=True, slots=True)
class Scanner:
    """One protocol."""

    pixel_mm: float
    slice_mm: float
    blur_mm: float
    """Standard deviation of the in-plane point spread."""
    noise_hu: float
    noise_grain_mm: float
    """Standard deviation of the Gaussian that correlates the noise in plane."""
    reader_threshold: float
    """How much of a voxel must be tumour before the reader draws it inside."""


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """One protocol of those in use for chest CT."""
    return Scanner(
        pixel_mm=round(float(rng.uniform(0.6, 1.0)), 3),
        slice_mm=_SLICES_MM[int(rng.integers(len(_SLICES_MM)))],
        blur_mm=float(rng.uniform(0.4, 0.9)),
        noise_hu=float(rng.uniform(6.0, 22.0)),
        noise_grain_mm=float(rng.uniform(0.3, 0.7)),
        reader_threshold=float(rng.uniform(0.35, 0.65)),
    )
