"""Small tumours made of numbers: round, flat, tiny, with texture from a seed."""

import numpy as np
from numpy.typing import NDArray

from features.case import Scan, Source
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Mask, Voxels

GRID_DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def grid_of(shape: tuple[int, ...], spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0)) -> Grid:
    """A grid for an array of a shape (z, y, x)."""
    return Grid((shape[2], shape[1], shape[0]), spacing_mm, (0.0, 0.0, 0.0), GRID_DIRECTION)


def texture(seed: int, shape: tuple[int, int, int] = (12, 24, 24)) -> Voxels:
    """Whole numbers around 100, like CT."""
    return np.random.default_rng(seed).normal(100, 40, shape).round().astype(np.float32)


def ball(shape: tuple[int, int, int] = (12, 24, 24), radius: float = 4.0, centre: tuple[float, ...] = ()) -> Mask:
    """Voxels within a radius of a centre (z, y, x), the middle by default."""
    middle = centre or tuple((size - 1) / 2 for size in shape)
    distance = sum((axis - at) ** 2 for axis, at in zip(np.indices(shape), middle, strict=True))
    inside: Mask = np.asarray(distance <= radius**2)
    return inside


def tumour(
    mask: Mask | None = None, *, seed: int = 7, image: Voxels | None = None, pixel_type: str = "int16"
) -> Lesion:
    """A textured ball, unless told otherwise."""
    mask = ball() if mask is None else mask
    voxels = texture(seed, mask.shape) if image is None else image
    return Lesion(1, voxels, mask, grid_of(mask.shape), pixel_type)


def nrrd(voxels: NDArray[np.generic], spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0)) -> bytes:
    """A file as a caller may send it."""
    sizes = " ".join(str(size) for size in voxels.shape[::-1])
    x, y, z = spacing_mm
    header = (
        f"NRRD0004\ntype: {voxels.dtype.name}\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
        f"space directions: ({x},0,0) (0,{y},0) (0,0,{z})\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    return header.encode() + np.ascontiguousarray(voxels).tobytes()


def labels_of(*masks: Mask) -> NDArray[np.int16]:
    """Label 1 for the first region, 2 for the second, and so on."""
    labels = np.zeros(masks[0].shape, dtype=np.int16)
    for label, mask in enumerate(masks, start=1):
        labels[mask] = label
    return labels


def scan(
    name: str = "ct",
    day: int = 0,
    *masks: Mask,
    seed: int = 7,
    voxels: NDArray[np.int16] | None = None,
    labels: tuple[int, ...] = (),
) -> Scan:
    """A scan with one lesion a mask, inline; a ball unless told otherwise."""
    masks = masks or (ball(),)
    image = texture(seed, masks[0].shape).astype(np.int16) if voxels is None else voxels
    return Scan(name, day, Source.of(nrrd(image)), Source.of(nrrd(labels_of(*masks))), labels)
