"""A lesion as a radiologist would look at it: one slice, windowed, with the lesion's outline."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.imaging.volume import Grid
from features.lesion import Lesion
from features.modalities import is_projection
from features.types import Floats, Mask, Voxels

MOST_PIXELS = 512
"""Along a side; a larger plane is thinned."""
_CONTEXT_MM = 40.0
"""Of surroundings on each side of the lesion."""
_RING_MM = 6.0
_LUNG = (-1350.0, 150.0)
_SOFT_TISSUE = (-160.0, 240.0)
"""Usual CT windows, HU."""
_AIR_FROM = -400.0
"""A CT lesion whose surroundings are darker than this lies in lung."""
_LEAST_PET_WHITE = 5.0
"""SUV."""
_ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Where the negative and the positive direction of each LPS axis point."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One slice through one lesion."""

    label: int
    png: bytes
    """8-bit grey."""
    width: int
    height: int
    column_spacing_mm: float
    row_spacing_mm: float
    contours: tuple[Floats, ...]
    """Closed lines, (points, 2): x and y in pixels from the upper left corner."""
    slice: int
    slices: int
    black: float
    white: float
    left: str
    right: str
    top: str
    bottom: str


def draw(lesion: Lesion, modality: str) -> Picture:
    """The image plane in which the lesion is largest, cropped round it, turned to the radiological convention.

    Axial: the patient's right on the left, anterior on top. Coronal: right on the left, head on top. Sagittal:
    anterior on the left, head on top.

    Args:
        lesion: Of any orientation; planes are those of the image's third axis.
        modality: `ct`, `pt`, `mr`, `cr`, `dx` or `mg`, which decides the window. A projection is shown as it is
            stored, and no end of it has a name: where it points in the patient is not known.
    """
    frame = Frame.of(lesion)
    ends = ("", "", "", "") if is_projection(modality) else frame.view.ends
    plane, mask, view, step = lesion.image[frame.index], lesion.mask[frame.index], frame.view, frame.step
    black, white = _window(plane, mask, lesion.grid, modality, (frame.rows, frame.columns))
    pixels, inside = frame.show(plane), frame.show(mask)
    height, width = pixels.shape
    return Picture(
        label=lesion.label,
        png=png_of(_grey(pixels, black, white)),
        width=width,
        height=height,
        column_spacing_mm=view.column_spacing_mm * step,
        row_spacing_mm=view.row_spacing_mm * step,
        contours=_contours(inside),
        slice=frame.index,
        slices=lesion.image.shape[0],
        black=black,
        white=white,
        left=ends[0],
        right=ends[1],
        top=ends[2],
        bottom=ends[3],
    )


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of grey values, (height, width), or of colours, (height, width, 4)."""
    from PIL import Image  # noqa: PLC0415  loads slowly

    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(written, format="PNG", optimize=True)
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class Frame:
    """Which part of a scan the picture of a lesion shows."""

    index: int
    """Of the slice, along the image's third axis."""
    rows: slice
    columns: slice
    view: "View"
    step: int
    """Every so many voxels are shown."""

    @classmethod
    def of(cls, lesion: Lesion) -> "Frame":
        """The plane in which the lesion is largest, cropped round it."""
        index = int(lesion.mask.sum(axis=(1, 2)).argmax())
        rows, columns = _crop(lesion.mask[index], lesion.grid)
        longest = max(rows.stop - rows.start, columns.stop - columns.start)
        return cls(index, rows, columns, View.of(lesion.grid), -(-longest // MOST_PIXELS))

    def show(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """Values of the slice, (y, x), as the picture has them, (height, width)."""
        return self.view.turn(plane[self.rows, self.columns])[:: self.step, :: self.step]


@dataclass(frozen=True, slots=True)
class View:
    """How a plane (y, x) is turned for show."""

    transposed: bool
    flip_rows: bool
    flip_columns: bool
    column_spacing_mm: float
    row_spacing_mm: float
    left: str
    right: str
    top: str
    bottom: str

    @property
    def ends(self) -> tuple[str, str, str, str]:
        """Where left, right, top and bottom point."""
        return self.left, self.right, self.top, self.bottom

    @classmethod
    def of(cls, grid: Grid) -> "View":
        """Turned to the radiological convention."""
        cosines = np.array(grid.direction).reshape(3, 3)
        axes = _nearest_axes(cosines)
        # Down the picture: towards the back in an axial plane, else towards the feet.
        down = 1 if axes[2] == 2 else 2
        transposed = axes[0] == down
        across_axis, down_axis = (1, 0) if transposed else (0, 1)
        wants_positive_down = down == 1
        positive_down = cosines[axes[down_axis], down_axis] > 0
        positive_across = cosines[axes[across_axis], across_axis] > 0  # towards L, or P in a sagittal plane
        left, right = _ENDS[axes[across_axis]]
        low, high = _ENDS[axes[down_axis]]
        return cls(
            transposed=transposed,
            flip_rows=positive_down != wants_positive_down,
            flip_columns=not positive_across,
            column_spacing_mm=grid.spacing_mm[across_axis],
            row_spacing_mm=grid.spacing_mm[down_axis],
            left=left,
            right=right,
            top=low if wants_positive_down else high,
            bottom=high if wants_positive_down else low,
        )

    def turn(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """As it is shown."""
        turned = plane.T if self.transposed else plane
        turned = turned[::-1] if self.flip_rows else turned
        return turned[:, ::-1] if self.flip_columns else turned


def _nearest_axes(cosines: Floats) -> tuple[int, int, int]:
    """The LPS axis that each image axis is nearest to, each taken once."""
    left = np.abs(cosines).copy()
    found = [0, 0, 0]
    for _ in range(3):
        patient, image = np.unravel_index(int(left.argmax()), left.shape)
        found[int(image)] = int(patient)
        left[patient, :] = -1.0
        left[:, image] = -1.0
    return found[0], found[1], found[2]


def _crop(mask: Mask, grid: Grid) -> tuple[slice, slice]:
    found = []
    for axis, spacing in ((1, grid.spacing_mm[1]), (0, grid.spacing_mm[0])):
        places = np.flatnonzero(mask.any(axis=axis))
        margin = round(_CONTEXT_MM / spacing)
        size = mask.shape[1 - axis]
        found.append(slice(max(0, int(places[0]) - margin), min(size, int(places[-1]) + 1 + margin)))
    return found[0], found[1]


def _window(plane: Voxels, mask: Mask, grid: Grid, modality: str, crop: tuple[slice, slice]) -> tuple[float, float]:
    """What is black and what is white."""
    if modality == "ct":
        return _LUNG if float(np.median(plane[_ring(mask, grid)])) < _AIR_FROM else _SOFT_TISSUE
    shown = plane[crop]
    if modality == "pt":
        return max(_LEAST_PET_WHITE, float(np.quantile(shown, 0.999))), 0.0
    low, high = (float(one) for one in np.quantile(shown, (0.01, 0.995)))
    return low, high if high > low else low + 1.0


def _ring(mask: Mask, grid: Grid) -> Mask:
    """Surroundings of the lesion in its plane; the lesion itself where it fills the plane."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  loads slowly

    away = distance_transform_edt(~mask, sampling=(grid.spacing_mm[1], grid.spacing_mm[0]))
    ring: Mask = (away > 0) & (away <= _RING_MM)
    return ring if ring.any() else mask


def _grey(pixels: NDArray[np.generic], black: float, white: float) -> NDArray[np.uint8]:
    share = (pixels.astype(np.float64) - black) / (white - black)
    return np.rint(np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)


def _contours(inside: NDArray[np.generic]) -> tuple[Floats, ...]:
    from skimage.measure import find_contours  # noqa: PLC0415  loads slowly

    padded = np.pad(inside.astype(np.float64), 1)
    lines = find_contours(padded, 0.5)  # type: ignore[no-untyped-call]
    # One pixel of padding off, half a pixel on: a pixel's centre lies at 0.5.
    return tuple(np.asarray(line[:, ::-1], dtype=np.float64) - 0.5 for line in lines)
