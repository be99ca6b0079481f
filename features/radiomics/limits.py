"""What a lesion may ask of the machine before it is refused by name."""

import math

import numpy as np

from features.errors import BadLesion
from features.lesion import Lesion
from features.radiomics.bounds import bounds_of
from features.radiomics.settings import Settings, Value
from features.types import Floats

MAX_GREY_LEVELS = 2048
"""pyradiomics counts 13 tables of levels x levels: 0.4 GiB at this many."""
MAX_RESAMPLED_VOXELS = 64_000_000


def require_grey_levels(values: Floats, arguments: dict[str, Value]) -> int:
    """How many grey levels a region falls into.

    Raises:
        BadLesion: More than can be counted, or intensities that are not finite.
    """
    lowest, highest = float(values.min()), float(values.max())
    if not math.isfinite(highest - lowest):
        raise BadLesion("intensities that are no finite numbers", lowest=lowest, highest=highest)
    count, width = arguments["binCount"], arguments["binWidth"]
    if isinstance(count, int):
        try:
            np.histogram_bin_edges(np.array([values.min(), values.max()]), count)
        except ValueError:
            raise BadLesion(
                f"intensities from {lowest!r} to {highest!r} lie too close together to be divided into {count} bins",
                lowest=lowest,
                highest=highest,
            ) from None
        return count if highest > lowest else 1
    assert isinstance(width, int | float)  # noqa: S101  the settings checked it
    levels = math.floor(highest / width) - math.floor(lowest / width) + 1
    if levels > MAX_GREY_LEVELS:
        raise BadLesion(
            f"intensities from {lowest:g} to {highest:g} fall into {levels} grey levels of binWidth {width:g}; "
            f"wanted at most {MAX_GREY_LEVELS}",
            grey_levels=levels,
            wanted=MAX_GREY_LEVELS,
        )
    return levels


def require_resampling(lesion: Lesion, settings: Settings) -> None:
    """Refuses what SimpleITK cannot resample, before anything is.

    Raises:
        BadLesion: The new grid would be too large; or ITK's B-spline would read beyond the memory of an image that is
            two voxels wide (it mirrors an index once, where three voxels beyond the end need twice).
    """
    require_resampled_size(lesion, settings)
    if settings.setting["interpolator"] == "sitkBSpline" and 2 in lesion.grid.size:
        raise BadLesion(
            f"an image of size {lesion.grid.size} cannot be resampled by sitkBSpline, which wants one voxel along an "
            "axis, or 3 and more; take another interpolator",
            size=lesion.grid.size,
        )


def require_resampled_size(lesion: Lesion, settings: Settings) -> None:
    """Refuses a grid that resampling would make too large, before it is made."""
    spacings = settings.setting["resampledPixelSpacing"]
    padding = settings.setting["padDistance"]
    if not isinstance(spacings, tuple) or not isinstance(padding, int):
        return
    first, last = bounds_of(lesion.mask)[::-1].T
    extent = (last - first + 1).tolist()
    voxels = 1.0
    for length, size, old, new in zip(extent, lesion.grid.size, lesion.grid.spacing_mm, spacings, strict=True):
        ratio = old / new if new > 0 and length > 1 else 1.0
        voxels *= min(length * ratio + 2 * padding + 2, size * ratio + 1)
    if voxels > MAX_RESAMPLED_VOXELS:
        raise BadLesion(
            f"resampled to {spacings} mm the lesion and its padding fill {voxels:.0f} voxels; "
            f"wanted at most {MAX_RESAMPLED_VOXELS}",
            voxels=int(voxels),
            wanted=MAX_RESAMPLED_VOXELS,
        )
