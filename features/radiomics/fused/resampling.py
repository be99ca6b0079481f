"""An image and a mask on another spacing, in the lesion's box with a border, by ITK's interpolators.

A B-spline first turns the whole image into coefficients, one axis after the other, by a recursion that forgets a voxel
at 0.27 a step: of a lesion far from the image's border, `SPLINE_REACH` voxels around what is asked are enough.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from features.imaging.volume import Grid
from features.lesion import Lesion
from features.radiomics.bounds import Bounds, slices_of
from features.radiomics.fused.pixels import Array, Pixels
from features.radiomics.settings import Settings
from features.types import Floats, Mask

SPLINE_REACH = 32
"""0.27 to that power is below 1e-18."""


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The new grid; arrays in the order (x, y, z)."""

    spacing: Floats
    first: Floats
    """Index of its first voxel on a grid of the new spacing that begins where the image begins."""
    size: list[int]
    start: Floats
    """Continuous index of its first voxel in the image."""
    ratio: Floats


def resampled(
    pixels: Pixels, lesion: Lesion, bounds: Bounds, settings: Settings
) -> tuple[Array, Mask, tuple[float, float, float]] | None:
    """Image, mask and spacing (x, y, z) on the new grid; None where the spacing is the old one.

    A voxel of the mask takes the nearest label.
    """
    target = _target(lesion, bounds, settings)
    if target is None:
        return None
    interpolator = str(settings.setting["interpolator"])
    label = _placed(lesion.mask.view(np.uint8), lesion.grid, (0, 0, 0))
    resample = sitk.ResampleImageFilter()
    resample.SetOutputSpacing(target.spacing.tolist())
    resample.SetOutputDirection(lesion.grid.direction)
    resample.SetSize(target.size)
    resample.SetOutputOrigin(label.TransformContinuousIndexToPhysicalPoint(target.start.tolist()))
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    resample.SetOutputPixelType(label.GetPixelID())
    mask = sitk.GetArrayFromImage(resample.Execute(label)) == 1
    cut = _needed(lesion, target) if interpolator == "sitkBSpline" else slices_of(_whole(pixels.shape))
    image = _placed(pixels.cut(cut), lesion.grid, tuple(side.start for side in cut[::-1]))
    resample.SetInterpolator(getattr(sitk, interpolator))
    resample.SetOutputPixelType(image.GetPixelID())
    x, y, z = target.spacing.tolist()
    return sitk.GetArrayFromImage(resample.Execute(image)), mask, (x, y, z)


def _target(lesion: Lesion, bounds: Bounds, settings: Settings) -> _Target | None:
    """The grid that pyradiomics would choose (`imageoperations.resampleImage`)."""
    padding = int(str(settings.setting["padDistance"]))
    old, size = np.array(lesion.grid.spacing_mm), np.array(lesion.grid.size)
    low, extent = bounds[::-1, 0], bounds[::-1, 1] - bounds[::-1, 0] + 1
    asked = np.array(settings.setting["resampledPixelSpacing"], dtype=float)
    new = np.where((asked == 0) | (extent == 1), old, asked)
    if np.allclose(old, new):
        return None
    ratio = old / new
    first = np.maximum(np.floor((low - 0.5) * ratio - padding), 0)
    last = np.minimum(np.ceil((low + extent - 0.5) * ratio + padding), np.ceil(size * ratio) - 1)
    start = 0.5 * (new - old) / old + first / ratio
    return _Target(new, first, (last - first + 1).astype(int).tolist(), start, ratio)


def _needed(lesion: Lesion, target: _Target) -> tuple[slice, slice, slice]:
    """What a B-spline must see of the image.

    An axis is cut only where the cut stays clear of the border, for there the last bit of a position can decide whether
    it lies in the image; and all three are cut or none where axes are oblique, for then positions mix.
    """
    size = np.array(lesion.grid.size)
    low = np.floor(target.start).astype(int) - SPLINE_REACH
    high = np.ceil(target.start + (np.array(target.size) - 1) / target.ratio).astype(int) + SPLINE_REACH
    clear = (low > 0) & (high < size - 1)
    direction = np.array(lesion.grid.direction).reshape(3, 3)
    if np.count_nonzero(direction) > 3 and not clear.all():
        clear[:] = False
    return slices_of(np.stack([np.where(clear, low, 0), np.where(clear, high, size - 1)], axis=1)[::-1])


def _whole(shape: tuple[int, int, int]) -> Bounds:
    return np.array([[0, length - 1] for length in shape])


def _placed(voxels: Array, grid: Grid, first: tuple[int, ...]) -> Any:  # noqa: ANN401  SimpleITK has no types
    """A cut of an image on the grid that begins at an index (x, y, z)."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    if any(first):
        image.SetOrigin(image.TransformIndexToPhysicalPoint(first))
    return image
