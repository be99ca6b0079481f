"""Why a feature or a lesion has no value, in the same words whichever engine was asked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import LesionTooSmall
from features.radiomics.settings import Settings


def too_few_left(settings: Settings) -> LesionTooSmall:
    """The refusal of a lesion of which resegmentation leaves less than two voxels."""
    setting = settings.setting
    ends = setting["resegmentRange"]
    shown = list(ends) if isinstance(ends, tuple) else ends
    return LesionTooSmall(
        f"fewer than 2 voxels lie in resegmentRange {shown} ({setting['resegmentMode']}); wanted 2 or more", wanted=2
    )


def several_slices(slices: int) -> str:
    """Of shape2D."""
    return f"shape2D wants a lesion in one slice; this one lies in {slices}"


def not_finite(values: NDArray[Any]) -> str:
    """Of a feature that divides by what is zero, or overflows, for these intensities."""
    return f"no finite number for {values.size} voxels of {np.unique(values).size} different intensities"


def not_derived(image_type: str, size_xyz: tuple[int, ...]) -> str:
    """Of a filter that an image is too small for."""
    return f"{image_type} cannot be derived from an image of size {size_xyz}"


def no_neighbours(class_name: str, size_xyz: tuple[int, ...]) -> str:
    """Of a texture class whose settings pair no two voxels of the lesion's box; pyradiomics then fails altogether."""
    return f"{class_name}: a box of {size_xyz} voxels holds no two that are as far apart as the settings want"
