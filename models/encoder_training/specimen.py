"""A lesion in its surroundings before any scanner saw it: shape and tissues on a fine cube."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from features.types import Mask
from models.encoder_training.grain import Single, grain
from models.encoder_training.traits import Traits

SIDE = 40
"""Voxels along the cube."""
_REACH = 2.3
"""Half the cube in radii of the ball of the same volume, beside `_MARGIN_MM`."""
_MARGIN_MM = 4.0
_SPIKES = 12
_SPIKE_SHARPNESS = 35.0
_BACKGROUNDS_HU = ((-850.0, 40.0), (-100.0, 15.0), (40.0, 20.0), (100.0, 20.0))
"""Lung, fat, soft tissue, enhanced liver: mean and standard deviation between patients."""


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """What is there, (SIDE, SIDE, SIDE) each."""

    traits: Traits
    voxel_mm: float
    intensity: Single
    """HU for CT; else in units of the lesion's own level."""
    share: Single
    """How much of each voxel is lesion, 0 to 1."""
    contrast: float
    """Of the lesion against a shell around it, -1 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class _Surface:
    """The lesion's inside as a height: above 0 within, 0 on the surface."""

    depth: Single
    inside: Mask
    share: Single


def make_specimen(traits: Traits, rng: np.random.Generator) -> Specimen:
    """Paints one lesion.

    Args:
        traits: What it is like.
        rng: Decides all else; spawned, so that one trait changes only its own part.
    """
    shape_rng, tissue_rng, around_rng = rng.spawn(3)
    half_mm = _REACH * traits.radius_mm + _MARGIN_MM
    voxel_mm = 2.0 * half_mm / SIDE
    radius = traits.radius_mm / voxel_mm
    surface = _surface(traits, radius, shape_rng)
    lesion, around = _tissue(traits, surface, radius, tissue_rng), _around(traits, radius, around_rng)
    intensity = around + surface.share * (lesion - around)
    return Specimen(traits, voxel_mm, intensity, surface.share, _contrast(traits.kind, intensity, surface))


def _axes() -> tuple[Single, Single, Single]:
    along = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
    return along[:, None, None], along[None, :, None], along[None, None, :]


def _cube() -> tuple[int, int, int]:
    return SIDE, SIDE, SIDE


def _surface(traits: Traits, radius: float, rng: np.random.Generator) -> _Surface:
    """An ellipsoid with lobes and spikes, cut at the height that gives exactly its volume."""
    stretch = np.exp(0.7 * traits.elongation * np.array([1.0, rng.uniform(-1.0, 1.0), -1.0]))
    half = radius * stretch / np.cbrt(np.prod(stretch))
    z, y, x = _axes()
    height = np.sqrt((z / half[0]) ** 2 + (y / half[1]) ** 2 + (x / half[2]) ** 2).astype(np.float32)
    lobes = np.clip(grain(_cube(), 0.45 * radius, rng), -1.8, 1.8)
    height *= 1.0 + np.float32(0.42 * traits.lobulation) * lobes
    distance = np.sqrt(z * z + y * y + x * x) + np.float32(1e-3)
    directions = rng.standard_normal((_SPIKES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    bumps = np.zeros(_cube(), np.float32)
    for (a, b, c), tall in zip(directions.astype(np.float32), rng.uniform(0.4, 1.0, _SPIKES), strict=True):
        cosine = (a * z + b * y + c * x) / distance
        bumps += np.float32(tall) * np.exp(np.float32(_SPIKE_SHARPNESS) * (cosine - np.float32(1.0)))
    height /= 1.0 + np.float32(0.85 * traits.spiculation) * bumps
    voxels = int(np.clip(4.0 / 3.0 * np.pi * radius**3, 8, SIDE**3 / 2))
    level = float(np.partition(height.ravel(), voxels)[voxels])
    parts, count = ndimage.label(height < level)
    inside = np.asarray(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])) if count > 1 else parts > 0)
    depth = np.where(inside | (height >= level), level - height, np.float32(-0.2)).astype(np.float32)
    width = 1.0 / radius + 0.4 * traits.softness
    share = np.clip(depth / np.float32(width) + np.float32(0.5), 0.0, 1.0)
    return _Surface(depth, inside, np.asarray(share, np.float32))


def _tissue(traits: Traits, surface: _Surface, radius: float, rng: np.random.Generator) -> Single:
    """Texture at two scales, necrotic core, rim and calcification."""
    scale = 0.07 * (0.5 / 0.07) ** traits.coarseness * radius
    mix = rng.uniform(0.5, 1.0)
    texture = np.sqrt(mix) * grain(_cube(), scale, rng) + np.sqrt(1.0 - mix) * grain(_cube(), scale / 3.0, rng)
    rough = grain(_cube(), 0.25 * radius, rng)
    specks = grain(_cube(), max(0.6, 0.06 * radius), rng)
    core = _deepest(surface, rough, 0.6 * traits.necrosis)
    ring = traits.rim * np.exp(-(((surface.depth - 0.1) / 0.1) ** 2))
    stones = (specks > 3.4 - 1.3 * traits.calcification) if traits.calcification else np.zeros(_cube(), bool)
    if traits.kind == "ct":
        tissue = -10.0 + 110.0 * traits.density + (3.0 + 65.0 * traits.heterogeneity) * texture
        tissue += core * (rng.uniform(0.0, 25.0) - tissue) * 0.9 + 90.0 * ring
        tissue[stones] = rng.uniform(200.0, 900.0)
    else:
        dark = traits.kind == "pt" or rng.random() < 0.6
        fluid = 1.0 + (rng.uniform(-0.85, -0.45) if dark else rng.uniform(0.4, 1.0))
        tissue = 1.0 + (0.02 + 0.33 * traits.heterogeneity) * texture
        tissue += core * (fluid - tissue) * 0.9 + 0.7 * ring
        if traits.kind == "mr":
            tissue[stones] = 0.15
        tissue = np.maximum(tissue, 0.02)
    return np.asarray(tissue, np.float32)


def _deepest(surface: _Surface, rough: Single, share: float) -> Single:
    """The inner part of so much of the volume, with a ragged border, 0 to 1."""
    order = surface.depth + np.float32(0.12) * rough
    inside = order[surface.inside]
    kept = int(share * inside.size)
    if kept < 1:
        return np.zeros(_cube(), np.float32)
    level = np.partition(inside, inside.size - kept)[inside.size - kept]
    return np.asarray(np.clip((order - level) / np.float32(0.08) + np.float32(0.5), 0.0, 1.0), np.float32)


def _around(traits: Traits, radius: float, rng: np.random.Generator) -> Single:
    """Two tissues that meet along a wavy plane, with grain and vessels."""
    first, second = (_level(traits.kind, rng) for _ in range(2))
    normal = rng.standard_normal(3)
    normal /= np.linalg.norm(normal)
    z, y, x = _axes()
    offset = rng.uniform(-0.3, 2.2)
    wavy = (normal[0] * z + normal[1] * y + normal[2] * x) / radius - offset + 0.25 * grain(_cube(), 0.6 * radius, rng)
    beyond = np.clip(wavy / 0.12 + 0.5, 0.0, 1.0)
    around = first + (second - first) * beyond
    amount = rng.uniform(5.0, 35.0) if traits.kind == "ct" else rng.uniform(0.02, 0.2)
    around += amount * grain(_cube(), rng.uniform(0.8, 4.0), rng)
    # Where two smooth fields are both near 0 lie curves: vessels.
    near = grain(_cube(), 5.0, rng) ** 2 + grain(_cube(), 5.0, rng) ** 2
    vessels = np.exp(-near / np.float32(rng.uniform(0.005, 0.03))) * rng.uniform(0.0, 1.0)
    bright = 60.0 if traits.kind == "ct" else rng.uniform(0.2, 2.0)
    around += vessels * (bright - around)
    return np.asarray(around if traits.kind == "ct" else np.maximum(around, 0.02), np.float32)


def _level(kind: str, rng: np.random.Generator) -> float:
    if kind == "ct":
        mean, spread = _BACKGROUNDS_HU[int(rng.integers(len(_BACKGROUNDS_HU)))]
        return float(mean + spread * rng.standard_normal())
    if kind == "pt":
        return float(np.exp(rng.uniform(np.log(0.06), np.log(0.7))))
    return float(np.exp(rng.uniform(np.log(0.15), np.log(2.2))))


def _contrast(kind: str, intensity: Single, surface: _Surface) -> float:
    shell = (surface.depth < -0.15) & (surface.depth > -0.6)
    inside, outside = (float(intensity[part].mean()) for part in (surface.inside, shell))
    if kind == "ct":
        return float(np.clip((inside - outside) / 900.0 * 2.0 - 1.0, -1.0, 1.0))
    return float(np.clip(np.log(inside / outside) / np.log(6.0), -1.0, 1.0))
