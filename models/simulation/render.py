"""A simulated chest CT round one or two tumours: HU and labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from features.types import Labels, Mask
from models.simulation.scanner import Scanner
from models.simulation.shape import Shape, Single, draw_shape
from models.simulation.tumour import Tumour

_MARGIN = 0.35
"""Of the half extent, beside `_MARGIN_MM`."""
_MARGIN_MM = 7.0
_GAP_MM = 10.0
"""Between two tumours."""
_LUNG_HU = -850.0
_WALL_HU = 45.0
_VESSELS = 6
_NECROSIS_HU = 12.0
_LOWEST_HU, _HIGHEST_HU = -1024, 3071


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Voxels and labels on one grid, (z, y, x)."""

    hu: NDArray[np.int16]
    labels: Labels
    """Tumours by their order, from 1."""
    spacing_mm: tuple[float, float, float]
    """Along (x, y, z)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """Positions of the voxels' centres, each axis ready to broadcast over (z, y, x)."""

    x: Single
    y: Single
    z: Single
    step_mm: tuple[float, float, float]
    """Along (z, y, x)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.z.size, self.y.size, self.x.size


def render(tumours: Sequence[Tumour], scanner: Scanner, rng: np.random.Generator) -> Picture:
    """One CT of tumours side by side in lung, the first beside the chest wall where it is attached.

    Args:
        tumours: One or two, the first the largest.
        scanner: The protocol.
        rng: Seeds each part on its own, so that one factor changes only its own part.
    """
    streams = rng.spawn(3 + 2 * len(tumours))
    shapes = [draw_shape(tumour, streams[3 + 2 * n]) for n, tumour in enumerate(tumours)]
    centres = _centres(shapes)
    field = _field(shapes, centres, scanner)
    hu = _lung(field, streams[0])
    _place_wall(hu, field, tumours[0], shapes[0], streams[1])
    labels = np.zeros(field.shape, np.int32)
    for n, (tumour, shape, centre) in enumerate(zip(tumours, shapes, centres, strict=True)):
        share, core = _shares(shape, centre, field, tumour, scanner)
        inside = _living(field, tumour, streams[4 + 2 * n])
        inside += core * (np.float32(_NECROSIS_HU) - inside) * np.float32(0.85)
        hu += share * (inside - hu)
        labels[_drawn(share, scanner.reader_threshold, labels == 0)] = n + 1
    hu += _noise(field, scanner, streams[2])
    whole = np.clip(np.rint(hu), _LOWEST_HU, _HIGHEST_HU).astype(np.int16)
    return Picture(whole, labels, (scanner.pixel_mm, scanner.pixel_mm, scanner.slice_mm))


def _centres(shapes: Sequence[Shape]) -> list[tuple[float, float, float]]:
    """Positions (x, y, z) in mm, side by side along x."""
    centres, x, right = [], 0.0, 0.0
    for n, shape in enumerate(shapes):
        half = float(shape.extent_mm[0])
        x = 0.0 if n == 0 else right + _GAP_MM + half
        right = x + half
        centres.append((x, 0.0, 0.0))
    return centres


def _field(shapes: Sequence[Shape], centres: Sequence[tuple[float, float, float]], scanner: Scanner) -> _Field:
    step = (scanner.pixel_mm, scanner.pixel_mm, scanner.slice_mm)
    axes = []
    for axis in range(3):
        margin = [_MARGIN_MM + (1.0 + _MARGIN) * float(shape.extent_mm[axis]) for shape in shapes]
        low = min(centre[axis] - m for centre, m in zip(centres, margin, strict=True))
        high = max(centre[axis] + m for centre, m in zip(centres, margin, strict=True))
        count = math.ceil((high - low) / step[axis]) + 1
        axes.append((low + step[axis] * np.arange(count)).astype(np.float32))
    return _Field(axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None], step[::-1])


def _grain(field: _Field, sigma_mm: float, rng: np.random.Generator, *, in_plane: bool = False) -> Single:
    """A Gaussian random field of mean 0 and standard deviation 1."""
    sigma = [0.0 if in_plane and axis == 0 else sigma_mm / step for axis, step in enumerate(field.step_mm)]
    smooth = ndimage.gaussian_filter(rng.standard_normal(field.shape, np.float32), sigma, mode="wrap", truncate=3.0)
    return np.asarray(smooth / max(float(smooth.std()), 1e-6), np.float32)


def _lung(field: _Field, rng: np.random.Generator) -> Single:
    """Aerated lung with a few vessels."""
    hu = np.float32(_LUNG_HU + 25.0 * rng.standard_normal()) + np.float32(28.0) * _grain(field, 2.0, rng)
    spread = 0.5 * np.array([np.ptp(axis) for axis in (field.x, field.y, field.z)])
    middle = np.array([axis.mean() for axis in (field.x, field.y, field.z)])
    for _ in range(_VESSELS):
        through = (middle + rng.uniform(-1.0, 1.0, 3) * spread).astype(np.float32)
        along = rng.standard_normal(3)
        along = (along / np.linalg.norm(along)).astype(np.float32)
        width = np.float32(rng.uniform(0.7, 1.8))
        x, y, z = field.x - through[0], field.y - through[1], field.z - through[2]
        distance = x * x + y * y + z * z - (x * along[0] + y * along[1] + z * along[2]) ** 2
        hu += np.float32(700.0) * np.exp(-distance / (2.0 * width * width))
    return np.asarray(np.minimum(hu, np.float32(40.0)), np.float32)


def _place_wall(hu: Single, field: _Field, tumour: Tumour, shape: Shape, rng: np.random.Generator) -> None:
    """Soft tissue behind a slightly curved plane that touches the tumour, where it is attached."""
    angle, depth, curve = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(0.35, 0.85), rng.uniform(0.0, 0.004)
    grain = _grain(field, 2.5, rng)
    if not tumour.wall_attached:
        return
    across = field.x * np.float32(math.cos(angle)) + field.y * np.float32(math.sin(angle))
    along = field.y * np.float32(math.cos(angle)) - field.x * np.float32(math.sin(angle))
    distance = across + np.float32(curve) * along**2 - np.float32(depth * float(shape.extent_mm[:2].max()))
    share = np.clip(distance / np.float32(1.2) + np.float32(0.5), 0.0, 1.0)
    hu += share * (np.float32(_WALL_HU) + np.float32(12.0) * grain - hu)


def _shares(
    shape: Shape, centre: tuple[float, float, float], field: _Field, tumour: Tumour, scanner: Scanner
) -> tuple[Single, Single]:
    """How much of each voxel is tumour, and how much of the tumour there is necrotic core."""
    share = np.zeros(field.shape, np.float32)
    core = np.zeros(field.shape, np.float32)
    core_radius = np.float32(tumour.necrosis ** (1.0 / 3.0))
    reach = np.float32(1.05 * shape.farthest_mm + 1.0)
    for offset in (-0.25, 0.25):
        x, y = field.x - np.float32(centre[0]), field.y - np.float32(centre[1])
        z = field.z - np.float32(centre[2]) + np.float32(offset * scanner.slice_mm)
        r = np.sqrt(x * x + y * y + z * z) + np.float32(1e-3)
        near = np.nonzero(r < reach)
        r = r[near]
        surface = shape.radius_mm(x[0, 0, near[2]] / r, y[0, near[1], 0] / r, z[near[0], 0, 0] / r)
        share[near] += np.clip((surface - r) / np.float32(scanner.pixel_mm) + np.float32(0.5), 0.0, 1.0)
        core[near] += np.clip((core_radius * surface - r) / np.float32(2.0) + np.float32(0.5), 0.0, 1.0)
    sigma = scanner.blur_mm / scanner.pixel_mm
    blurred = ndimage.gaussian_filter(share * np.float32(0.5), (0.35, sigma, sigma), mode="nearest", truncate=3.0)
    return np.asarray(blurred, np.float32), core * np.float32(0.5)


def _living(field: _Field, tumour: Tumour, rng: np.random.Generator) -> Single:
    grain = _grain(field, tumour.texture_scale_mm, rng)
    return np.asarray(np.float32(tumour.density_hu) + np.float32(tumour.heterogeneity_hu) * grain, np.float32)


def _noise(field: _Field, scanner: Scanner, rng: np.random.Generator) -> Single:
    return np.float32(scanner.noise_hu) * _grain(field, scanner.noise_grain_mm, rng, in_plane=True)


def _drawn(share: Single, threshold: float, free: Mask) -> Mask:
    """What the reader draws: the largest connected part."""
    parts, count = ndimage.label((share > threshold) & free)
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:])) if count > 1 else 1
    return np.asarray(parts == largest)
