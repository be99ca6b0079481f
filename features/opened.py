"""A scan's lesions, decoded on first use and not before."""

import time
from dataclasses import dataclass, field

import numpy as np

from features.case import Scan
from features.errors import BadImage, FeatureError, ModalityMismatch
from features.imaging.grid import resample_onto
from features.imaging.read import Limits, read_image, read_segmentation
from features.imaging.volume import Image
from features.lesion import Lesion
from features.lesions import find_lesions
from features.modalities import is_projection, modality_of


@dataclass(slots=True)
class OpenedScan:
    """One scan under way.

    Attributes:
        place: The scan in the words of the contract, e.g. `scans[0]`; errors say which part of it.
        seconds: Spent on decoding so far.
    """

    scan: Scan
    place: str
    limits: Limits
    seconds: float = 0.0
    _lesions: tuple[Lesion, ...] = field(default=(), repr=False)
    _image: Image | None = field(default=None, repr=False)

    def open(self) -> tuple[Lesion, ...]:
        """The asked lesions, by label; decoded the first time.

        Raises:
            BadImage: The image cannot be used; `place` ends in `.image`.
            BadSegmentation: The segmentation cannot be used with it; `place` ends in `.segmentation`.
        """
        if not self._lesions:
            start = time.perf_counter()
            self._lesions = self._read()
            self.seconds += time.perf_counter() - start
        return self._lesions

    @property
    def image(self) -> Image:
        """The scan as a whole; opened the first time, as `open` does."""
        self.open()
        assert self._image is not None  # noqa: S101  open has read it
        return self._image

    def region(self, labels: tuple[int, ...]) -> Lesion:
        """One lesion, or several merged into one region (label 0)."""
        chosen = [lesion for lesion in self.open() if lesion.label in labels]
        if len(chosen) == 1:
            return chosen[0]
        mask = np.logical_or.reduce([lesion.mask for lesion in chosen])
        first = chosen[0]
        return Lesion(0, first.image, mask, first.grid, first.pixel_type)

    def _read(self) -> tuple[Lesion, ...]:
        part = "image"
        try:
            image = read_image(self.scan.image, self.limits)
            _require_modality(self.scan.name, image)
            self._image = image
            part = "segmentation"
            segmentation = read_segmentation(
                self.scan.segmentation,
                self.limits,
                image=image,
                numbers=self.scan.labels,
                structures=self.scan.structures,
            )
            if self.scan.resample_segmentation and segmentation.grid != image.grid:
                segmentation = resample_onto(segmentation, image.grid)
            part = ""
            # Structures asked by name are all that the labels hold; those asked by number are among them.
            return find_lesions(image, segmentation, () if self.scan.structures else self.scan.labels)
        except FeatureError as error:
            part = part or ("image" if isinstance(error, BadImage) else "segmentation")
            error.place = error.place or f"{self.place}.{part}"
            raise


def _require_modality(scan: str, image: Image) -> None:
    """Wants a DICOM series to be of the modality that was said, and a projection to be one plane."""
    if image.reference is not None and image.reference.modality.lower() != modality_of(scan):
        raise ModalityMismatch(
            f"the series is of modality {image.reference.modality}, "
            f"the scan is said to be {modality_of(scan).upper()}; wanted the same",
            seen=image.reference.modality,
        )
    if is_projection(scan) and image.grid.size[2] != 1:
        raise ModalityMismatch(
            f"the image has {image.grid.size[2]} planes, the scan is said to be {modality_of(scan).upper()}, which has "
            "one; wanted one plane",
            planes=image.grid.size[2],
        )
