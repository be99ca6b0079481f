"""Which DICOM objects an image was made of: what a report or a segmentation that goes back must point to."""

from dataclasses import dataclass, field

from features.modalities import is_projection
from features.types import Triple


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane of an image, where it came from."""

    sop_instance_uid: str = field(repr=False)
    frame: int
    """Within a multi-frame instance, from 1; 0 for an instance of a single frame."""
    position_mm: Triple
    """Centre of its first pixel, LPS."""


@dataclass(frozen=True, slots=True)
class SeriesReference:
    """The series behind an image. It stays in this process: UIDs lead back to a patient."""

    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    frame_of_reference_uid: str = field(repr=False)
    """Empty where the series names none."""
    sop_class_uid: str
    modality: str
    """DICOM's word: CT, PT, MR, CR, DX, MG."""
    planes: tuple[Plane, ...] = field(repr=False)
    """In the order of the image's first index, z."""

    @property
    def projection(self) -> bool:
        """Whether it is one plane that has no place in the patient."""
        return is_projection(self.modality.lower())
