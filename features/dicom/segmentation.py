"""A DICOM segmentation, RTSTRUCT or SEG, to labels on the grid of the image that it was drawn on."""

from features.case import Source, Structures
from features.dicom.parts import parts_of
from features.dicom.read_instance import RT_STRUCTURES, SEGMENTATIONS
from features.dicom.rtstruct import read_rtstruct
from features.dicom.segments import read_segments
from features.dicom.series import dicom_files
from features.dicom.walk import DicomFile
from features.errors import UnsupportedImage
from features.imaging.header import Limits
from features.imaging.volume import Image, Segmentation


def read_dicom_segmentation(
    source: Source, image: Image, numbers: tuple[int, ...], structures: Structures, limits: Limits
) -> Segmentation:
    """Reads the asked structures of the one RTSTRUCT or SEG among the files of a source.

    Args:
        source: One file, several, a folder or a zip; images beside the segmentation are left aside.
        image: What it was drawn on.
        numbers: Structures asked by number.
        structures: Structures asked by name or pattern.
        limits: What the files may claim.

    Raises:
        BadImage: A file that cannot be read, or not one segmentation.
        BadSegmentation: One of its leaves.
    """
    file = the_segmentation(source, limits)
    if file.storage == RT_STRUCTURES:
        labels = read_rtstruct(file, image, numbers, structures)
    else:
        labels = read_segments(file, image, numbers, structures, limits)
    return Segmentation(labels, image.grid, source.digest)


def the_segmentation(source: Source, limits: Limits) -> DicomFile:
    """The one RTSTRUCT or SEG among the files of a source.

    Raises:
        BadImage: A file that cannot be read, or not one segmentation.
    """
    found = [
        file
        for file in dicom_files(parts_of(source.content, limits), limits)
        if file.storage in (RT_STRUCTURES, *SEGMENTATIONS)
    ]
    if len(found) != 1:
        raise UnsupportedImage(
            f"{len(found)} of the DICOM files are an RTSTRUCT or SEG; wanted one segmentation", found=len(found)
        )
    return found[0]
