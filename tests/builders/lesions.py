"""Small lesions with known shape, in memory."""

from typing import Literal

import numpy as np
from builders.images import grid

from features.imaging.volume import Grid, Image, Segmentation
from features.lesion import Lesion
from features.types import Mask

Shape = Literal["box", "ball"]


def lesion(
    side_mm: float = 8.0,
    *,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    margin_mm: float = 4.0,
    shape: Shape = "box",
    seed: int = 0,
    label: int = 1,
    flat: bool = False,
) -> Lesion:
    """A box (or a ball of that diameter) of textured intensities around 100 inside a background around 0.

    The same seed gives the same voxels. `flat` makes every voxel 100.
    """
    image, mask, on = _scene(side_mm, spacing_mm, margin_mm, shape, seed, flat)
    return Lesion(label=label, image=image, mask=mask, grid=on, pixel_type="float32")


def scene(side_mm: float = 8.0, *, label: int = 1, seed: int = 0, shape: Shape = "box") -> tuple[Image, Segmentation]:
    """An image and a segmentation of one lesion, as they come out of the reader."""
    image, mask, on = _scene(side_mm, (1.0, 1.0, 1.0), 4.0, shape, seed, False)
    return Image(image, on, f"{seed:064x}"), Segmentation(mask.astype(np.int32) * label, on, f"{seed + 1:064x}")


def _scene(
    side_mm: float, spacing_mm: tuple[float, float, float], margin_mm: float, shape: Shape, seed: int, flat: bool
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], Mask, Grid]:
    inside = [max(1, round(side_mm / spacing)) for spacing in spacing_mm]
    margin = [max(1, round(margin_mm / spacing)) for spacing in spacing_mm]
    size = (inside[0] + 2 * margin[0], inside[1] + 2 * margin[1], inside[2] + 2 * margin[2])
    on = grid(size, spacing_mm)
    distances = [
        (np.arange(count) - (count - 1) / 2) * spacing for count, spacing in zip(size, spacing_mm, strict=True)
    ]
    x, y, z = (distances[0][None, None, :], distances[1][None, :, None], distances[2][:, None, None])
    half = [count * spacing / 2 for count, spacing in zip(inside, spacing_mm, strict=True)]
    if shape == "box":
        mask = (np.abs(x) < half[0]) & (np.abs(y) < half[1]) & (np.abs(z) < half[2])
    else:
        mask = (x**2 + y**2 + z**2) < (side_mm / 2) ** 2
    random = np.random.default_rng(seed)
    image = random.normal(0.0, 10.0, mask.shape)
    image[mask] += 100.0
    if flat:
        image[:] = 100.0
    return image.astype(np.float32), mask, on
