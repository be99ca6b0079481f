"""One tumour: its voxels, and the image around them."""

from dataclasses import dataclass

import numpy as np

from features.errors import EmptySegmentation, GridMismatch
from features.imaging.volume import Grid
from features.types import Mask, Voxels


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """One labelled region of one scan, on the scan's own grid."""

    label: int
    image: Voxels
    mask: Mask
    grid: Grid
    pixel_type: str = "float32"
    """Of the image's file, as `Image.pixel_type`."""

    def __post_init__(self) -> None:
        if self.image.shape != self.mask.shape or self.image.shape != self.grid.size[::-1]:
            raise GridMismatch(
                f"image {self.image.shape}, mask {self.mask.shape} and grid {self.grid.size[::-1]} differ",
                image=self.image.shape,
                mask=self.mask.shape,
            )
        if not self.mask.any():
            raise EmptySegmentation(f"label {self.label} has no voxel", label=self.label)

    @property
    def voxel_count(self) -> int:
        """Voxels inside."""
        return int(np.count_nonzero(self.mask))

    @property
    def volume_mm3(self) -> float:
        """Voxels times the volume of one."""
        return self.voxel_count * float(np.prod(self.grid.spacing_mm))
