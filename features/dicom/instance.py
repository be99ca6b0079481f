"""One DICOM image instance, as much of it as is used: where its frames lie and how their pixels are read."""

from dataclasses import dataclass, field

from features.dicom.suv import PetFacts
from features.types import Triple

Cosines = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of an instance are stored; the same for all frames."""

    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    transfer_syntax: str
    encapsulated: bool
    big_endian: bool

    @property
    def pixels(self) -> int:
        """Of all frames."""
        return self.rows * self.columns * self.frames

    @property
    def decoded_bytes(self) -> int:
        """Of all frames once decompressed; a bit a pixel where pixels are bits."""
        return -(-self.pixels * self.bits_allocated // 8)


@dataclass(frozen=True, slots=True)
class Frame:
    """One plane."""

    position_mm: Triple | None
    orientation: Cosines | None
    """Along a row, then along a column."""
    spacing_mm: tuple[float, float] | None
    """Between columns (x), between rows (y)."""
    slope: float | None
    intercept: float | None
    stack: str = ""
    """Which of several stacks of one instance."""


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One file's worth of image."""

    sop_class: str
    uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    frame_of_reference: str = field(repr=False)
    modality: str
    layout: Layout
    frames: tuple[Frame, ...]
    detector_spacing_mm: tuple[float, float] | None
    """Of a projection, at the detector: between columns (x), between rows (y)."""
    multi_frame: bool
    """Whether its kind has numbered frames, even where it is one."""
    pet: PetFacts | None
    pixels: bytes = field(repr=False)
    """As the file has them."""
