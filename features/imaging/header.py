"""What an image file says of itself before a voxel is read, and the limits that it must keep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from features.errors import DamagedFile, ImageTooLarge, UnsupportedImage
from features.imaging.volume import Grid

Encoding = Literal["raw", "deflated"]

ORTHONORMAL_TOLERANCE = 1e-3
"""On each product of two axis directions: 0.06 degrees of shear; headers in text are often rounded to four digits."""
SPACING_RANGE_MM = (1e-3, 1e3)
"""Outside stand units other than millimetres, and flipped bits."""
LARGEST_ORIGIN_MM = 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an image may be, as its header claims it."""

    max_bytes: int = 512 * 1024 * 1024
    """Bytes of voxels once decoded."""
    max_voxels: int = 512 * 512 * 512
    """Voxels: each costs 4 bytes in memory, whatever the file's type."""


@dataclass(frozen=True, slots=True)
class Header:
    """How to read the voxels of one file."""

    grid: Grid
    pixel: np.dtype[Any]
    """Type of one voxel in the file, with its byte order."""
    offset: int
    """Where the voxels start, in bytes from the start of the (unwrapped) file."""
    encoding: Encoding = "raw"
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def voxel_count(self) -> int:
        """Voxels that the header claims."""
        return math.prod(self.grid.size)

    @property
    def claimed_bytes(self) -> int:
        """Bytes of these voxels once decoded."""
        return self.voxel_count * self.pixel.itemsize

    @property
    def scaled(self) -> bool:
        """Whether intensities are the stored numbers times a slope plus an intercept."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def three_sizes(sizes: Sequence[int], itemsize: int, limits: Limits) -> tuple[int, int, int]:
    """Sizes along x, y and z, once they are known to be affordable.

    Raises:
        DamagedFile: A size below 1.
        ImageTooLarge: More voxels or bytes than the limits allow.
        UnsupportedImage: Fewer than three dimensions, or more than one volume.
    """
    if any(size < 1 for size in sizes):
        raise DamagedFile(f"the header claims sizes {_listed(sizes)}; wanted 1 or more", sizes=_listed(sizes))
    voxels = math.prod(sizes)
    if voxels * itemsize > limits.max_bytes or voxels > limits.max_voxels:
        raise ImageTooLarge(
            f"the header claims {_listed(sizes)} voxels, {voxels * itemsize:,} bytes; "
            f"wanted at most {limits.max_voxels:,} voxels and {limits.max_bytes:,} bytes",
            claimed_bytes=voxels * itemsize,
            max_bytes=limits.max_bytes,
            claimed_voxels=voxels,
            max_voxels=limits.max_voxels,
        )
    if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
        raise UnsupportedImage(f"the image has sizes {_listed(sizes)}; wanted one volume of three dimensions")
    return sizes[0], sizes[1], sizes[2]


def checked_grid(
    size: tuple[int, int, int],
    spacing_mm: Sequence[float],
    origin_mm: Sequence[float],
    direction: Sequence[float],
) -> Grid:
    """A grid whose spacing, origin and direction can be computed with.

    Args:
        size: Voxels along x, y, z.
        spacing_mm: Along x, y, z.
        origin_mm: Centre of the first voxel, LPS.
        direction: Cosines, row by row; column j is axis j.

    Raises:
        UnsupportedImage: Spacing or origin out of range, sheared or non-orthonormal axes.
    """
    low, high = SPACING_RANGE_MM
    if not all(low <= value <= high for value in spacing_mm):  # NaN fails too
        raise UnsupportedImage(f"spacing is {_listed(spacing_mm)} mm; wanted {low:g} to {high:g} mm along each axis")
    if not all(abs(value) <= LARGEST_ORIGIN_MM for value in origin_mm):
        raise UnsupportedImage(
            f"the origin is {_listed(origin_mm)} mm; wanted at most {LARGEST_ORIGIN_MM:g} mm along each axis"
        )
    shear = largest_shear(direction)
    if not shear <= ORTHONORMAL_TOLERANCE:
        raise UnsupportedImage(
            f"the axes are sheared or not of unit length: their products differ by {shear:.3g} from those of "
            f"orthonormal axes; wanted at most {ORTHONORMAL_TOLERANCE:g}",
            direction=_listed(direction),
        )
    x, y, z = (float(value) for value in spacing_mm)
    i, j, k = (float(value) for value in origin_mm)
    a, b, c, d, e, f, g, h, m = (float(value) for value in direction)
    return Grid(size, (x, y, z), (i, j, k), (a, b, c, d, e, f, g, h, m))


def largest_shear(direction: Sequence[float]) -> float:
    """How far nine cosines are from orthonormal; infinite where they are no numbers."""
    matrix = np.asarray(direction, dtype=np.float64).reshape(3, 3)
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 2:
        return math.inf
    return float(np.abs(matrix.T @ matrix - np.eye(3)).max())


def split_axes(axes: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Spacing and direction (row by row, column j is axis j) of three axis vectors in millimetres."""
    vectors = np.asarray(axes, dtype=np.float64)
    # What overflows here is refused by `checked_grid`.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        spacing = np.sqrt((vectors**2).sum(axis=1))
        direction = (vectors / spacing[:, None]).T
    return spacing.tolist(), direction.ravel().tolist()


def _listed(values: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
