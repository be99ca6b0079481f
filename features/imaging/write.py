"""Images and labels to NIfTI, NRRD or MetaImage files, by the ending of the name."""

from pathlib import Path

import SimpleITK as sitk

from features.errors import UnknownFormat
from features.imaging.volume import Grid, Image, Segmentation

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def write_image(image: Image, path: Path) -> None:
    """Writes intensities, as whole numbers where they came as such."""
    _write(sitk.GetImageFromArray(image.voxels.astype(image.pixel_type)), image.grid, path)


def write_segmentation(segmentation: Segmentation, path: Path) -> None:
    """Writes labels, in as few bytes a voxel as the highest needs.

    Raises:
        UnknownFormat: Another ending.
    """
    highest = int(segmentation.labels.max(initial=0))
    kind = "uint8" if highest < 2**8 else "uint16" if highest < 2**16 else "int32"
    _write(sitk.GetImageFromArray(segmentation.labels.astype(kind)), segmentation.grid, path)


def require_ending(path: Path) -> None:
    """Raises UnknownFormat where a file's name ends otherwise than in one of `ENDINGS`."""
    if not path.name.endswith(ENDINGS):
        raise UnknownFormat(f"the file would end in {path.suffix!r:.20}; wanted {', '.join(ENDINGS)}")


def _write(image: sitk.Image, grid: Grid, path: Path) -> None:
    require_ending(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(2, "no such folder", str(path.parent))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    sitk.WriteImage(image, str(path), useCompression=not path.name.endswith(".nii"))
