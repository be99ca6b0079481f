"""Perimeter and surface of the outline that marching squares would draw through a flat mask."""

import numpy as np

from features.types import Floats, Mask


def contour(mask: Mask, spacing_mm: Floats) -> tuple[float, float]:
    """Perimeter in mm and surface in mm2; mask and spacing in the order (y, x), mask padded by 1.

    Corners of the outline lie halfway between two pixels. Two diagonal pixels are kept apart, as pyradiomics does.
    """
    y, x = spacing_mm
    corners = np.stack([mask[:-1, :-1], mask[:-1, 1:], mask[1:, 1:], mask[1:, :-1]]).astype(np.int8)
    inside = corners.sum(axis=0)
    across = (inside == 2) & (corners[0] == corners[2])
    straight = (inside == 2) & ~across
    level = straight & (corners[0] == corners[1])
    cut = np.count_nonzero((inside == 1) | (inside == 3)) + 2 * np.count_nonzero(across)
    perimeter = cut * np.hypot(y, x) / 2 + np.count_nonzero(level) * x + np.count_nonzero(straight & ~level) * y
    eighths = (
        np.count_nonzero(inside == 1)
        + 2 * np.count_nonzero(across)
        + 4 * np.count_nonzero(straight)
        + 7 * np.count_nonzero(inside == 3)
        + 8 * np.count_nonzero(inside == 4)
    )
    return float(perimeter), float(eighths * y * x / 8)
