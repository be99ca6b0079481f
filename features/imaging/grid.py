"""Whether image and segmentation lie on one grid, and how a segmentation moves onto another."""

import math
from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk

from features.errors import EmptySegmentation, GridMismatch
from features.imaging.volume import Grid, Segmentation
from features.types import Labels

SPACING_TOLERANCE = 1e-3
"""Largest relative difference of a spacing."""
ORIGIN_TOLERANCE = 1e-2
"""Largest distance of the origins, as a part of the smallest spacing."""
DIRECTION_TOLERANCE = 1e-3
"""Largest difference of a cosine."""


def require_same_grid(image: Grid, mask: Grid) -> None:
    """Wants two grids to be one, up to the rounding of file formats.

    A hundredth of a voxel between origins, a thousandth of a spacing and 0.06 degrees of
    direction are rounding; across 512 voxels they shift nothing by as much as one voxel.

    Raises:
        GridMismatch: They differ; the message says in what and by how much.
    """
    differences = list(_differences(image, mask))
    if differences:
        raise GridMismatch(
            "the segmentation lies on another grid than the image: " + "; ".join(differences),
            image_size=image.size,
            segmentation_size=mask.size,
        )


def resample_onto(segmentation: Segmentation, grid: Grid) -> Segmentation:
    """The segmentation on another grid over the same space, by the nearest label.

    The segmentation must lie within the image: a labelled voxel whose centre falls outside
    would be lost.

    Raises:
        EmptySegmentation: All labelled voxels lie outside the image ("outside the image"), none is
            labelled, or the lesions fall between the voxels of the coarser grid.
        GridMismatch: A part of them lies outside, with how many, or a label falls between the voxels.
    """
    labels = segmentation.labels
    before = np.unique(labels[labels != 0])
    if not before.size:
        raise EmptySegmentation("no voxel of the segmentation is labelled; wanted a label above 0 in each lesion")
    outside, labelled = _outside(segmentation, grid)
    if outside == labelled:
        raise EmptySegmentation(
            f"mask outside the image: none of its {labelled:,} labelled voxels lies within; "
            "wanted a segmentation of this image",
            labelled=labelled,
        )
    if outside:
        raise GridMismatch(
            f"{outside:,} of {labelled:,} labelled voxels lie outside the image; wanted all of them within",
            outside=outside,
            labelled=labelled,
        )
    moved = _nearest(segmentation, grid)
    lost = sorted(set(before.tolist()) - set(np.unique(moved[moved != 0]).tolist()))
    if lost:
        raise GridMismatch(
            f"label{'s' if len(lost) > 1 else ''} {', '.join(str(label) for label in lost[:20])} would vanish on the "
            "image's grid: smaller than its voxels; wanted at least one voxel of each",
            labels=lost,
        )
    return Segmentation(moved, grid, segmentation.digest)


def _differences(image: Grid, mask: Grid) -> Iterator[str]:
    if image.size != mask.size:
        yield f"size {_shown(mask.size)} voxels, the image has {_shown(image.size)}"
    apart = max(abs(a - b) / a for a, b in zip(image.spacing_mm, mask.spacing_mm, strict=True))
    if not apart <= SPACING_TOLERANCE:
        yield f"spacing {_shown(mask.spacing_mm)} mm, the image has {_shown(image.spacing_mm)} ({apart:.2%} apart)"
    shift = math.dist(image.origin_mm, mask.origin_mm)
    if not shift <= ORIGIN_TOLERANCE * min(image.spacing_mm):
        yield f"origin {_shown(mask.origin_mm)} mm, the image has {_shown(image.origin_mm)} ({shift:.3g} mm apart)"
    turn = max(abs(a - b) for a, b in zip(image.direction, mask.direction, strict=True))
    if not turn <= DIRECTION_TOLERANCE:
        yield f"direction differs by up to {turn:.3g} in a cosine"


def _outside(segmentation: Segmentation, grid: Grid) -> tuple[int, int]:
    """How many labelled voxels have their centre outside a grid, and how many there are."""
    index = np.argwhere(segmentation.labels)[:, ::-1].astype(np.float64)
    own, other = segmentation.grid, grid
    points = (index * own.spacing_mm) @ _axes(own).T + own.origin_mm
    # The inverse, not the transpose: cosines may be off orthonormal by the reader's tolerance.
    inside = (points - other.origin_mm) @ np.linalg.inv(_axes(other)).T / other.spacing_mm
    slack = 1e-3
    within = np.all((inside >= -0.5 - slack) & (inside <= np.array(other.size) - 0.5 + slack), axis=1)
    return int(np.count_nonzero(~within)), len(index)


def _axes(grid: Grid) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(grid.direction, dtype=np.float64).reshape(3, 3)


def _nearest(segmentation: Segmentation, grid: Grid) -> Labels:
    source = _placed(sitk.GetImageFromArray(segmentation.labels), segmentation.grid)
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.size)
    resampler.SetOutputSpacing(grid.spacing_mm)
    resampler.SetOutputOrigin(grid.origin_mm)
    resampler.SetOutputDirection(grid.direction)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    resampler.SetDefaultPixelValue(0)
    resampler.SetNumberOfThreads(1)
    labels: Labels = sitk.GetArrayFromImage(resampler.Execute(source))
    return labels


def _placed(image: sitk.Image, grid: Grid) -> sitk.Image:
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image


def _shown(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)
