"""A lesion as another reader might outline it: a little larger or smaller, and along other edges.

Source: Zwanenburg et al., Sci Rep 9 (2019) 614; supervoxels: Achanta et al., IEEE TPAMI 34 (2012) 2274.
"""

import numpy as np
from scipy import ndimage

from features.types import Floats, Mask, Voxels

MOST_VOLUME = 0.15
"""Of a lesion's volume, grown or shrunk."""
SURELY_IN, SURELY_OUT = 0.9, 0.2
"""Share of a supervoxel inside the outline, from which it always is, and below which it never is."""
_SUPERVOXEL_MM3 = 250.0
_IN_A_LESION = 25
"""Supervoxels in a small lesion, so that one is not all of it."""
_FEWEST_VOXELS = 8
"""Of a supervoxel."""
_MARGIN_MM = 10.0
_COMPACTNESS = 0.2
"""Borders follow an edge of the image, whose range is 0 to 1, and where there is none supervoxels are round.

With 0.05 those of small lesions were threads that were merged across the sharpest edge.
"""
_ROUNDS = 3
"""Of clustering; further ones move few borders and take most of the time."""


def resized(mask: Mask, spacing: tuple[float, float, float], rng: np.random.Generator) -> Mask:
    """Grown or shrunk along its border by at most `MOST_VOLUME`; the nearest voxels come or go first."""
    box = _around(mask, spacing)
    inside = np.pad(mask[box], 1)  # so that there is an outside to measure from
    share = rng.uniform(-MOST_VOLUME, MOST_VOLUME)
    away = ndimage.distance_transform_edt(~inside, spacing) - ndimage.distance_transform_edt(inside, spacing)
    away = away[1:-1, 1:-1, 1:-1] + rng.random(mask[box].shape) * 1e-3 * min(spacing)  # of equally near, chance chooses
    wanted = int(np.clip(round(np.count_nonzero(inside) * (1.0 + share)), 1, away.size))
    drawn = np.zeros_like(mask)
    drawn[box] = away <= np.partition(away, wanted - 1, axis=None)[wanted - 1]
    return drawn


def redrawn(voxels: Voxels, mask: Mask, spacing: tuple[float, float, float], rng: np.random.Generator) -> Mask:
    """Its border runs along other supervoxels: each is inside as likely as it was covered.

    Args:
        voxels: The image, (z, y, x).
        mask: The lesion; stays as it is where nothing would be left of it.
        spacing: Millimetres along (z, y, x).
        rng: Decides of each supervoxel.
    """
    from skimage.segmentation import slic  # noqa: PLC0415  loads slowly

    box = _around(mask, spacing)
    inside, image = mask[box], voxels[box].astype(np.float64)
    voxel_mm3 = float(np.prod(spacing))
    small = np.count_nonzero(inside) * voxel_mm3 / _IN_A_LESION
    each = max(_FEWEST_VOXELS, min(_SUPERVOXEL_MM3, small) / voxel_mm3)
    part = slic(
        _from_0_to_1(image, inside),
        n_segments=max(2, round(inside.size / each)),
        compactness=_COMPACTNESS,
        max_num_iter=_ROUNDS,
        sigma=0.0,
        spacing=np.array(spacing) / min(spacing),
        channel_axis=None,
        start_label=0,
    )
    covered = np.bincount(part.ravel(), inside.ravel()) / np.bincount(part.ravel())
    chosen = (rng.random(covered.size) < covered) & (covered >= SURELY_OUT) | (covered >= SURELY_IN)
    border = ndimage.binary_closing(np.pad(chosen[part], 1))[1:-1, 1:-1, 1:-1]
    if not border.any():
        return mask
    drawn = np.zeros_like(mask)
    drawn[box] = border
    return drawn


def _around(mask: Mask, spacing: tuple[float, float, float]) -> tuple[slice, ...]:
    margin = [max(1, round(_MARGIN_MM / step)) for step in spacing]
    return tuple(
        slice(max(0, part.start - more), part.stop + more)
        for part, more in zip(ndimage.find_objects(mask.astype(np.int8))[0], margin, strict=True)
    )


def _from_0_to_1(image: Floats, inside: Mask) -> Floats:
    """What lies within three standard deviations of the lesion; beyond, all is one."""
    within = image[inside]
    reach = 3.0 * float(within.std())
    low, high = float(within.min()) - reach, float(within.max()) + reach
    return np.asarray((np.clip(image, low, high) - low) / max(high - low, 1e-12))
