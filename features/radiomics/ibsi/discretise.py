"""Grey levels by IBSI's rules, from which all textures are counted.

pyradiomics begins bins of a width at a multiple of that width; IBSI where the range of resegmentation begins.
Source: IBSI reference manual, 2.7 (fixed bin size Q3RU, fixed bin number K15C).
"""

import math

import numpy as np
from numpy.typing import NDArray

from features.errors import BadLesion
from features.radiomics.limits import MAX_GREY_LEVELS
from features.types import Floats


def ibsi_levels(values: Floats, bin_width: float, bin_count: int | None, lower: float | None) -> NDArray[np.int32]:
    """Level of each intensity, 1 or more.

    Args:
        values: Of the lesion's voxels.
        bin_width: In units of the image; acts where there is no count.
        bin_count: Bins that share the lesion's own range.
        lower: Where bins of a width begin; None for the lesion's least intensity.

    Raises:
        BadLesion: More levels than can be counted, or intensities that are not finite.
    """
    least, greatest = float(values.min()), float(values.max())
    if not math.isfinite(greatest - least):
        raise BadLesion("intensities that are no finite numbers", lowest=least, highest=greatest)
    if bin_count is not None:
        if greatest == least:
            return np.ones(values.shape, np.int32)
        shared: Floats = np.floor(bin_count * ((values - least) / (greatest - least))) + 1
        return np.minimum(shared, bin_count).astype(np.int32)
    begin = least if lower is None else lower
    count = (greatest - begin) / bin_width
    if count + 1 > MAX_GREY_LEVELS:
        raise BadLesion(
            f"intensities from {begin:g} to {greatest:g} fall into {count + 1:.0f} grey levels of binWidth "
            f"{bin_width:g}; wanted at most {MAX_GREY_LEVELS}",
            grey_levels=int(min(count + 1, 2**31)),
            wanted=MAX_GREY_LEVELS,
        )
    levels: NDArray[np.int32] = (np.floor((values - begin) / bin_width) + 1).astype(np.int32)
    return levels
