"""What happens before the first feature: normalise, resample or crop, check, resegment, in pyradiomics' order.

The same steps as `features.radiomics.prepare` takes for the reference engine, without pyradiomics.
"""

from dataclasses import dataclass

import numpy as np

from features.lesion import Lesion
from features.radiomics.bounds import Bounds, bounds_of, measurable_bounds, slices_of
from features.radiomics.fused.pixels import Array, Pixels, normalised
from features.radiomics.fused.resampling import resampled
from features.radiomics.limits import require_resampling
from features.radiomics.reasons import too_few_left
from features.radiomics.settings import Settings
from features.radiomics.shared import Shared
from features.types import Mask


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A lesion ready for filters and features."""

    pixels: Pixels
    """All of the image, or as much as filters may see."""
    spacing_mm: tuple[float, float, float]
    """(x, y, z)."""
    bounds: Bounds
    inside: Mask
    """The region for intensities, within its bounds."""
    shape: Mask
    """The region for shape, within the same bounds (pyradiomics crops shape to them too)."""


def region_of(lesion: Lesion, settings: Settings, shared: Shared) -> Region:
    """Brings a lesion to where features can be taken.

    Raises:
        LesionTooSmall: Fewer voxels or dimensions than the settings want, at the start or after a step.
        BadLesion: It cannot be resampled.
    """
    setting = settings.setting
    mask, spacing = lesion.mask, lesion.grid.spacing_mm
    pixels = Pixels(lesion.image, np.dtype(lesion.pixel_type), shared)
    if setting["normalize"]:
        pixels = normalised(pixels, settings)
    padding = int(str(setting["padDistance"]))
    if setting["interpolator"] is not None and setting["resampledPixelSpacing"] is not None:
        require_resampling(lesion, settings)
        # Resampling can make a lesion larger: pyradiomics counts its voxels only afterwards.
        bounds = bounds_of(mask)
        made = resampled(pixels, lesion, bounds, settings)
        if made is None:
            pixels, mask = _cropped(pixels, mask, bounds, padding)
        else:
            pixels, mask, spacing = Pixels(made[0], made[0].dtype, Shared()), made[1], made[2]
        bounds = measurable_bounds(mask, settings, "left after resampling")
    else:
        bounds = measurable_bounds(mask, settings, "in the lesion")
        if setting["preCrop"]:
            pixels, mask = _cropped(pixels, mask, bounds, padding)
            bounds = bounds_of(mask)
    inside = shape = mask[slices_of(bounds)]
    if setting["resegmentRange"] is not None:
        kept = _resegmented(pixels.cut(slices_of(bounds)), inside, settings)
        inner = measurable_bounds(kept, settings, "left after resegmentation")
        shape = kept if setting["resegmentShape"] else inside
        inside, shape = kept[slices_of(inner)], shape[slices_of(inner)]
        bounds = inner + bounds[:, :1]
    return Region(pixels, spacing, bounds, inside, shape)


def _cropped(pixels: Pixels, mask: Mask, bounds: Bounds, padding: int) -> tuple[Pixels, Mask]:
    """The lesion's box with a border, as far as the image goes; filters then see nothing beyond."""
    low = np.maximum(bounds[:, 0] - padding, 0)
    high = np.minimum(bounds[:, 1] + padding, np.array(mask.shape) - 1)
    box = slices_of(np.stack([low, high], axis=1))
    return Pixels(pixels.stored[box], pixels.kind, Shared(), pixels.normalisation), mask[box]


def _resegmented(voxels: Array, inside: Mask, settings: Settings) -> Mask:
    """The voxels of a region whose intensity lies in a range, its ends included."""
    range_, mode = settings.setting["resegmentRange"], settings.setting["resegmentMode"]
    values = voxels[inside]
    ends = sorted(range_) if isinstance(range_, tuple) else []
    if mode == "relative":
        limits = [values.max() * end for end in ends]
    elif mode == "sigma":
        limits = [values.mean() + values.std() * end for end in ends]
    else:
        limits = list(ends)
    kept = inside.copy()
    kept[inside] = (values >= limits[0]) & (values <= limits[1] if len(limits) == 2 else True)
    if np.count_nonzero(kept) <= 1:
        raise too_few_left(settings)
    return kept
