"""What happens before the first feature, in pyradiomics' order: normalise, resample or crop, check, resegment.

The steps are pyradiomics' own functions, called as `RadiomicsFeatureExtractor.execute` calls them. What differs costs
time and changes no value: the bounding box is read off the mask by numpy, and where only the voxels of the lesion
matter the image is cropped first.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics import imageoperations

from features.lesion import Lesion
from features.radiomics.bounds import bounds_of, measurable_bounds, slices_of
from features.radiomics.limits import require_resampling
from features.radiomics.reasons import too_few_left
from features.radiomics.settings import Settings

Box = NDArray[np.int64]
"""Bounds as pyradiomics writes them, inclusive: (x low, x high, y low, y high, z low, z high)."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A lesion as pyradiomics' feature classes take it."""

    image: Any
    """SimpleITK image, all of it or as much as the derived images need."""
    mask: Any
    """The region for intensities; label 1."""
    shape_mask: Any
    """The region for shape: before resegmentation, unless `resegmentShape`."""
    box: Box
    """Of `mask`; shape too is cropped to it, as pyradiomics does."""


def prepare(lesion: Lesion, settings: Settings, image_types: Collection[str], check: Callable[[], None]) -> Prepared:
    """Brings a lesion to where features can be taken.

    Raises:
        LesionTooSmall: Fewer voxels or dimensions than the settings want, at the start or after a step.
        BadLesion: Resampling would make it too large.
    """
    setting = {**settings.setting, "label": 1}
    resampled = setting["interpolator"] is not None and setting["resampledPixelSpacing"] is not None
    if resampled:
        require_resampling(lesion, settings)
    region = _region(lesion, whole=resampled or _need_whole_image(settings, image_types))
    image, mask = _as_itk(lesion, region)
    if setting["normalize"]:
        image = imageoperations.normalizeImage(image, **setting)
    check()
    if resampled:
        image, mask = imageoperations.resampleImage(image, mask, **setting)
    elif setting["preCrop"]:
        image, mask = imageoperations.cropToTumorMask(image, mask, _box(mask, settings, "in the lesion"), **setting)
    check()
    box = _box(mask, settings, "left after resampling" if resampled else "in the lesion")
    if setting["resegmentRange"] is None:
        return Prepared(image, mask, mask, box)
    inside = _resegmented(image, mask, settings)
    box = _box(inside, settings, "left after resegmentation")
    return Prepared(image, inside, inside if setting["resegmentShape"] else mask, box)


def _need_whole_image(settings: Settings, image_types: Collection[str]) -> bool:
    return bool(settings.setting["normalize"]) or not set(image_types) <= {"Original"}


def _region(lesion: Lesion, whole: bool) -> tuple[slice, ...]:
    return (slice(None),) * 3 if whole else slices_of(bounds_of(lesion.mask))


def _as_itk(lesion: Lesion, region: tuple[slice, ...]) -> tuple[Any, Any]:
    image = sitk.GetImageFromArray(lesion.image[region].astype(lesion.pixel_type))
    mask = sitk.GetImageFromArray(lesion.mask[region].astype(np.uint32))
    for one in (image, mask):
        one.SetSpacing(lesion.grid.spacing_mm)
        one.SetOrigin(lesion.grid.origin_mm)
        one.SetDirection(lesion.grid.direction)
    return image, mask


def _box(mask: Any, settings: Settings, where: str) -> Box:  # noqa: ANN401  SimpleITK has no types
    bounds = measurable_bounds(sitk.GetArrayViewFromImage(mask) == 1, settings, where)
    return bounds[::-1].ravel()


def _resegmented(image: Any, mask: Any, settings: Settings) -> Any:  # noqa: ANN401  SimpleITK has no types
    try:
        return imageoperations.resegmentMask(image, mask, **settings.setting, label=1)
    except ValueError:
        raise too_few_left(settings) from None
