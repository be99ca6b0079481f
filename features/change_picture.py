"""A map of change over a lesion, drawn on the very pixels of the lesion's picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.embedding.placement import inside_indices
from features.lesion import Lesion
from features.picture import Frame, png_of
from features.types import Floats

NONE = 128
"""Grey of no change; full change is 127 from it."""
_RAISES, _LOWERS = (255, 157, 46), (77, 180, 255)
"""Orange and blue, which colour-blind people tell apart, bright enough for a dark scan."""
_MOST_OPAQUE = 200


@dataclass(frozen=True, slots=True, eq=False)
class ChangePicture:
    """A map on one slice."""

    png: bytes
    """8-bit grey: `NONE` plus 127 times change over `full_scale`; `NONE` outside the lesion."""
    overlay_png: bytes
    """RGBA: orange where a place raises the score, blue where it lowers it, the more opaque the more."""
    full_scale: float
    """The largest change anywhere in the lesion; 0 where there is none."""


def draw_change(lesion: Lesion, change: Callable[[Floats], Floats]) -> ChangePicture:
    """The slice that `draw` shows of the same lesion.

    Args:
        lesion: On its scan's grid.
        change: At indices (x, y, z) of the scan, (n, 3).
    """
    indices = inside_indices(lesion)
    values = change(indices)
    full_scale = float(np.abs(values).max())
    frame = Frame.of(lesion)
    plane = np.zeros(lesion.mask.shape[1:])
    here = indices[:, 2] == frame.index
    x, y = indices[here, :2].astype(np.intp).T
    plane[y, x] = values[here] / (full_scale or 1.0)
    share = frame.show(plane).astype(np.float64)
    overlay = np.zeros((*share.shape, 4), np.uint8)
    overlay[share > 0, :3], overlay[share < 0, :3] = _RAISES, _LOWERS
    overlay[..., 3] = np.rint(np.abs(share) * _MOST_OPAQUE)
    return ChangePicture(png_of(np.rint(NONE + 127.0 * share).astype(np.uint8)), png_of(overlay), full_scale)
