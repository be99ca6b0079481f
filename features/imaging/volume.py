"""Voxels on a known grid: an image, or a segmentation."""

from dataclasses import dataclass

from features.dicom.reference import SeriesReference
from features.types import Labels, Triple, Voxels


@dataclass(frozen=True, slots=True)
class Grid:
    """Where voxels lie, in LPS millimetres, axes in the order (x, y, z) as DICOM and ITK have them.

    Arrays on this grid are indexed (z, y, x).
    """

    size: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, float, float, float, float, float, float, float, float]
    """Cosines, row by row: column j is the direction of axis j."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Intensities of one scan."""

    voxels: Voxels
    grid: Grid
    digest: str
    """SHA-256 of the file as it came, lower-case hexadecimal."""
    pixel_type: str = "float32"
    """numpy's name of the type that the file holds, e.g. `int16`. pyradiomics resamples an
    integer image to integers and filters it in double precision: its values depend on it."""
    reference: SeriesReference | None = None
    """Of an image read from DICOM."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Labelled regions of one scan."""

    labels: Labels
    grid: Grid
    digest: str
    """SHA-256 of the file as it came, lower-case hexadecimal."""
