"""A lesion made ready by IBSI's rules: interpolated, then resegmented for intensities and left whole for shape."""

from dataclasses import dataclass

import numpy as np

from features.lesion import Lesion
from features.radiomics.bounds import measurable_bounds
from features.radiomics.ibsi.interpolation import interpolated
from features.radiomics.ibsi.rules import ORDERS, Ibsi
from features.radiomics.limits import require_resampled_size
from features.radiomics.settings import Settings
from features.types import Floats, Mask


@dataclass(frozen=True, slots=True, eq=False)
class IbsiRegion:
    """One lesion's box."""

    voxels: Floats
    """(z, y, x)."""
    spacing_mm: Floats
    """(z, y, x)."""
    shape: Mask
    """The morphological mask (G5KJ)."""
    inside: Mask
    """The intensity mask (SEFI)."""


def ibsi_region(lesion: Lesion, settings: Settings, ibsi: Ibsi) -> IbsiRegion:
    """Brings a lesion to where features can be taken.

    Raises:
        LesionTooSmall: Fewer voxels or dimensions than the settings want, at the start or after a step.
        BadLesion: Interpolation would make it too large.
    """
    spacing = np.array(lesion.grid.spacing_mm[::-1])
    wanted, order = np.zeros(3), 1
    given, interpolator = settings.setting["resampledPixelSpacing"], settings.setting["interpolator"]
    if isinstance(given, tuple) and isinstance(interpolator, str):
        require_resampled_size(lesion, settings)
        wanted, order = np.array(given[::-1], dtype=float), ORDERS[interpolator]
    voxels, shape, new = interpolated(lesion.image, lesion.mask, spacing, wanted, order)
    resampled = new is not spacing
    measurable_bounds(shape, settings, "left after interpolation" if resampled else "in the lesion")
    if resampled and ibsi.whole_intensities:
        voxels = np.rint(voxels)
    inside = _resegmented(voxels, shape, settings, ibsi)
    measurable_bounds(inside, settings, "left after resegmentation")
    return IbsiRegion(voxels, new, shape, inside)


def _resegmented(voxels: Floats, shape: Mask, settings: Settings, ibsi: Ibsi) -> Mask:
    """Voxels within the range (USB3) that are no outliers (7ACA); both are taken of the whole lesion."""
    values = voxels[shape]
    kept = np.ones(values.shape, bool)
    range_ = settings.setting["resegmentRange"]
    if isinstance(range_, tuple):
        ends = sorted(range_)
        kept &= values >= ends[0]
        if len(ends) > 1:
            kept &= values <= ends[1]
    if ibsi.outliers_sigma is not None:
        kept &= np.abs(values - values.mean()) <= ibsi.outliers_sigma * values.std()
    inside = shape.copy()
    inside[shape] = kept
    return inside
