"""What a simulated tumour is like: the factors that its image shows and its fate depends on."""

import math
from dataclasses import dataclass

import numpy as np

MEDIAN_VOLUME_MM3 = 8_000.0
"""Between the two real lung tumours of pyradiomics' archive: 1.4 and 48 cm3."""
SPREAD_LOG_VOLUME = 1.15
SMALLEST_MM3 = 500.0
LARGEST_MM3 = 110_000.0


@dataclass(frozen=True, slots=True)
class Tumour:
    """The factors of one tumour."""

    volume_mm3: float
    texture_scale_mm: float
    """Standard deviation of the Gaussian that smooths the texture: 1 (fine) to 5 (coarse)."""
    heterogeneity_hu: float
    """Standard deviation of the texture."""
    necrosis: float
    """Share of the volume that is a dark core, 0 to 0.6."""
    spiculation: float
    """Height of spikes, 0 (smooth) to 1."""
    lobulation: float
    """Height of lobes, 0 (round) to 1."""
    density_hu: float
    """Mean of the living part."""
    wall_attached: bool
    """Whether soft tissue of the chest wall lies against it."""


def draw_tumour(rng: np.random.Generator) -> Tumour:
    """One tumour. Texture and shape are independent of size; large ones are more often necrotic.

    Args:
        rng: Advanced by a fixed number of draws.
    """
    z_volume, z_necrosis, z_density = rng.standard_normal(3)
    scale, heterogeneity, spiculation, lobulation, wall = rng.random(5)
    volume = MEDIAN_VOLUME_MM3 * math.exp(SPREAD_LOG_VOLUME * z_volume)
    return Tumour(
        volume_mm3=float(np.clip(volume, SMALLEST_MM3, LARGEST_MM3)),
        texture_scale_mm=math.exp(math.log(5.0) * scale),
        heterogeneity_hu=6.0 + 59.0 * heterogeneity,
        necrosis=0.6 / (1.0 + math.exp(-(1.3 * z_necrosis + 0.7 * z_volume - 0.7))),
        spiculation=spiculation,
        lobulation=lobulation,
        density_hu=35.0 + 12.0 * z_density,
        wall_attached=bool(wall < 0.45),
    )
