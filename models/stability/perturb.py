"""One scan with its lesions, a little different all at once: the chain of noise, position, size and outline."""

from collections.abc import Sequence

import numpy as np

from features.imaging.volume import Image, Segmentation
from features.lesion import Lesion
from features.types import Mask, Voxels
from models.stability.moved import moved, noisier
from models.stability.redrawn import redrawn, resized

_MARGIN_MM = 25.0
"""Around the lesions, that filters and encoders see; half the lesions' own extent where that is more."""


def perturb(image: Image, lesions: Sequence[Lesion], rng: np.random.Generator) -> tuple[Image, Segmentation]:
    """Changes the image round the lesions, and each lesion's outline.

    Args:
        image: The scan as it was read.
        lesions: Of this scan.
        rng: The same state gives the same scan.

    Source: Zwanenburg et al., Sci Rep 9 (2019) 614: perturbations in a chain tell most of what a second scan would.
    """
    spacing = image.grid.spacing_mm[::-1]
    box = _box(np.logical_or.reduce([lesion.mask for lesion in lesions]), spacing)
    region, masks = moved(noisier(image.voxels[box], rng), [lesion.mask[box] for lesion in lesions], spacing, rng)
    voxels = image.voxels.copy()
    voxels[box] = _as_kept(region, image.pixel_type)
    labels = np.zeros(image.voxels.shape, np.int32)
    for lesion, mask in zip(lesions, masks, strict=True):
        drawn = redrawn(region, resized(mask, spacing, rng), spacing, rng)
        free = labels[box] == 0
        labels[box][(drawn if (drawn & free).any() else mask) & free] = lesion.label
    return (
        Image(voxels, image.grid, image.digest, image.pixel_type),
        Segmentation(labels, image.grid, image.digest),
    )


def _box(mask: Mask, spacing: tuple[float, float, float]) -> tuple[slice, ...]:
    parts = []
    for axis, step in enumerate(spacing):
        along = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = int(along[0]), int(along[-1]) + 1
        more = max(round(_MARGIN_MM / step), (last - first) // 2)
        parts.append(slice(max(0, first - more), last + more))
    return tuple(parts)


def _as_kept(region: Voxels, pixel_type: str) -> Voxels:
    """In what its file can hold: whole numbers within their range where these were whole."""
    kind = np.dtype(pixel_type)
    if kind.kind not in "iu":
        return region
    limits = np.iinfo(kind)
    return np.asarray(np.clip(np.rint(region), limits.min, limits.max), np.float32)
