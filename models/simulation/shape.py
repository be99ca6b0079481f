"""A star-shaped tumour surface: an ellipsoid with lobes and spikes, of exactly the wanted volume."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.tumour import Tumour

_LOBES = 7
_SPIKES = 14
_LOBE_SHARPNESS = 5.0
_SPIKE_SHARPNESS = 45.0
"""A spike falls to 1/e at about 12 degrees from its axis."""
_TALLEST_LOBE = 0.55
_TALLEST_SPIKE = 0.85

Single = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Radius by direction, in mm round the centre, axes (x, y, z)."""

    scale_mm: float
    axes: Single
    """Rows: principal directions divided by the half axes' lengths."""
    lobes: Single
    """Unit vectors, (n, 3)."""
    lobe_heights: Single
    spikes: Single
    spike_heights: Single

    def radius_mm(self, x: Single, y: Single, z: Single) -> Single:
        """How far the surface lies from the centre in the direction of unit vectors."""
        squares = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
        for a, b, c in self.axes:
            squares += (a * x + b * y + c * z) ** 2
        bumps = np.ones_like(squares)
        for sharpness, points, heights in (
            (_LOBE_SHARPNESS, self.lobes, self.lobe_heights),
            (_SPIKE_SHARPNESS, self.spikes, self.spike_heights),
        ):
            for (a, b, c), height in zip(points, heights, strict=True):
                bumps += height * np.exp(np.float32(sharpness) * (a * x + b * y + c * z - np.float32(1)))
        return np.asarray(np.float32(self.scale_mm) * bumps / np.sqrt(squares), np.float32)

    @property
    def extent_mm(self) -> NDArray[np.float64]:
        """Half extents along x, y and z, (3,)."""
        directions = _sphere(800)
        radius = self.radius_mm(*directions.T)
        return np.asarray(np.abs(directions * radius[:, None]).max(axis=0), np.float64)

    @property
    def farthest_mm(self) -> float:
        """How far the surface reaches from the centre."""
        return float(self.radius_mm(*_sphere(2_000).T).max())


def draw_shape(tumour: Tumour, rng: np.random.Generator) -> Shape:
    """A surface as lobulated and spiculated as the tumour says.

    Args:
        tumour: The factors.
        rng: Advanced by a fixed number of draws, whatever the factors are.
    """
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    half_axes = np.exp(rng.uniform(-0.18, 0.18, 3))
    lobes = _unit(rng.standard_normal((_LOBES, 3)))
    lobe_heights = rng.uniform(-0.4, 1.0, _LOBES) * tumour.lobulation * _TALLEST_LOBE
    spikes = _unit(rng.standard_normal((_SPIKES, 3)))
    spike_heights = rng.uniform(0.4, 1.0, _SPIKES) * tumour.spiculation * _TALLEST_SPIKE
    unscaled = Shape(
        1.0,
        (rotation.T / half_axes[:, None]).astype(np.float32),
        lobes.astype(np.float32),
        lobe_heights.astype(np.float32),
        spikes.astype(np.float32),
        spike_heights.astype(np.float32),
    )
    directions = _sphere(2_000)
    volume = 4.0 * math.pi / 3.0 * float(np.mean(unscaled.radius_mm(*directions.T).astype(np.float64) ** 3))
    scale = (tumour.volume_mm3 / volume) ** (1.0 / 3.0)
    return Shape(scale, unscaled.axes, unscaled.lobes, unscaled.lobe_heights, unscaled.spikes, unscaled.spike_heights)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _sphere(points: int) -> Single:
    """Directions spread evenly (Fibonacci's lattice), (points, 3)."""
    index = np.arange(points) + 0.5
    z = 1.0 - 2.0 * index / points
    angle = math.pi * (1.0 + math.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1).astype(np.float32)
