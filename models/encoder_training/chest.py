"""Another generator's lesions, to judge an encoder on: the simulated chest CTs that cohorts are made of."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from features.embedding.crop import CHANNELS, crop
from features.embedding.preprocessing import Preprocessing
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Mask
from models.encoder_training.pool import Done, Pool
from models.simulation.render import Picture, render
from models.simulation.scanner import draw_scanner
from models.simulation.tumour import SMALLEST_MM3, Tumour

CHEST_FACTORS = (
    "texture_scale",
    "heterogeneity",
    "necrosis",
    "spiculation",
    "lobulation",
    "density",
    "wall_attached",
    "volume",
)
_NEED_HU = ("heterogeneity", "density")
"""Not to be told from an image whose intensities have no fixed scale."""
_LARGEST_MM3 = 70_000.0
_OTHER_MODALITY = 0.3
_JITTERED = 0.3


def make_chest_pool(lesions: int, seed: tuple[int, ...], preprocessing: Preprocessing, progress: Done) -> Pool:
    """Draws lesions whose factors are independent of each other; none of them trains an encoder."""
    crops = np.empty((lesions, 1, CHANNELS, *[preprocessing.size] * 3), np.float16)
    factors = np.empty((lesions, len(CHEST_FACTORS)))
    device = torch.device("cpu")
    for index in range(lesions):
        rng = np.random.default_rng([*seed, index])
        tumour = _draw(rng)
        picture = render([tumour], draw_scanner(rng), rng)
        other = rng.random() < _OTHER_MODALITY
        lesion = _lesion(picture, rng, other_modality=other)
        crops[index, 0] = crop(lesion, "mr" if other else "ct", preprocessing, device).numpy()
        factors[index] = _factors(tumour)
        if other:
            factors[index, [CHEST_FACTORS.index(name) for name in _NEED_HU]] = np.nan
        progress(index + 1, lesions)
    return Pool(crops, factors)


def _draw(rng: np.random.Generator) -> Tumour:
    u = rng.random(8)
    return Tumour(
        volume_mm3=SMALLEST_MM3 * (_LARGEST_MM3 / SMALLEST_MM3) ** float(u[0]),
        texture_scale_mm=math.exp(math.log(5.0) * u[1]),
        heterogeneity_hu=float(4.0 + 71.0 * u[2]),
        necrosis=float(0.6 * u[3]),
        spiculation=float(u[4]),
        lobulation=float(u[5]),
        density_hu=float(-10.0 + 90.0 * u[6]),
        wall_attached=bool(u[7] < 0.45),
    )


def _factors(tumour: Tumour) -> list[float]:
    """In the order of `CHEST_FACTORS`, the uniform ones to mean 0 and standard deviation 1."""
    uniform = (
        math.log(tumour.texture_scale_mm) / math.log(5.0),
        (tumour.heterogeneity_hu - 4.0) / 71.0,
        tumour.necrosis / 0.6,
        tumour.spiculation,
        tumour.lobulation,
        (tumour.density_hu + 10.0) / 90.0,
        0.9 if tumour.wall_attached else 0.1,
        math.log(tumour.volume_mm3 / SMALLEST_MM3) / math.log(_LARGEST_MM3 / SMALLEST_MM3),
    )
    return [(value - 0.5) * math.sqrt(12.0) for value in uniform]


def _lesion(picture: Picture, rng: np.random.Generator, *, other_modality: bool) -> Lesion:
    """A lesion on its grid; now and then drawn a little too wide or too narrow."""
    voxels = picture.hu.astype(np.float32)
    if other_modality:
        voxels = _remapped(voxels, rng)
    mask = np.asarray(picture.labels == 1)
    if rng.random() < _JITTERED:
        mask = _redrawn(mask, wider=bool(rng.random() < 0.5))
    size = (mask.shape[2], mask.shape[1], mask.shape[0])
    grid = Grid(size, picture.spacing_mm, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    return Lesion(1, voxels, mask, grid)


def _redrawn(mask: Mask, *, wider: bool) -> Mask:
    cross = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)
    other = ndimage.binary_dilation(mask, cross) if wider else ndimage.binary_erosion(mask, cross)
    return np.asarray(other) if other.sum() >= 20 else mask


def _remapped(voxels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Intensities of no fixed scale, as in MR and PET: a curve through random points, perhaps falling."""
    hu = np.array([-1000.0, -850.0, -300.0, -60.0, 10.0, 60.0, 150.0])
    heights = np.cumsum(np.concatenate([[0.0], rng.uniform(0.05, 1.0, hu.size - 1) * (1.0, 1.5, 1.0, 1.5, 2.0, 1.0)]))
    if rng.random() < 0.3:
        heights = heights[-1] - heights
    return np.interp(voxels, hu, heights * rng.uniform(1.0, 400.0)).astype(np.float32)
