"""Images derived from one image, computed for the lesion's box and the margin that each filter reaches.

Names and values are pyradiomics' (`imageoperations.get...Image`); what differs is that nothing is computed where no
feature looks. Each filter says how far it reaches, and cuts its input there; at the scan's own border the cut is the
border, so that the filter's boundary rule holds as on the whole scan.
"""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pywt
import SimpleITK as sitk
from numpy.typing import NDArray

from features.radiomics.bounds import Box
from features.radiomics.catalogue import image_names
from features.radiomics.fused.laplacian import REACH_SIGMAS, laplacian_of_gaussian
from features.radiomics.fused.patterns import patterns_in_slices
from features.radiomics.fused.pixels import Array, Pixels
from features.radiomics.settings import Value
from features.radiomics.sphere import SPLINE_REACH, sphere_patterns

_LEAKED = 1e-5
"""Of the whole image's greatest intensity: a Laplacian that varies less may be made of what a cut leaves out."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The image that others are derived from."""

    pixels: Pixels
    spacing_mm: tuple[float, float, float]
    """(x, y, z), as ITK has it."""
    box: Box
    """Of the lesion, in the image's indices, (z, y, x)."""
    inside: NDArray[np.bool_]
    """The lesion, within its box."""

    def wide(self, reach: tuple[int, int, int]) -> Box:
        """The box widened by `reach` voxels a side, as far as the image goes."""
        z, y, x = (
            slice(max(0, side.start - more), min(length, side.stop + more))
            for side, more, length in zip(self.box, reach, self.pixels.shape, strict=True)
        )
        return z, y, x

    def around(self, reach: tuple[int, int, int]) -> tuple[Array, Box]:
        """The widened box, and where the box lies in it."""
        wide = self.wide(reach)
        z, y, x = (
            slice(side.start - out.start, side.stop - out.start) for side, out in zip(self.box, wide, strict=True)
        )
        return self.pixels.cut(wide), (z, y, x)

    def in_box(self) -> Array:
        """The box alone."""
        return self.pixels.cut(self.box)

    def filled(self, values: Array, kind: "np.dtype[np.generic]") -> Array:
        """A box with the lesion's values in their places."""
        box = np.zeros(self.inside.shape, kind)
        box[self.inside] = values
        return box


Made = Iterator[tuple[str, Array]]


def derive(source: Source, image_type: str, wanted: Collection[str], arguments: dict[str, Value]) -> Made:
    """Yields name and voxels, within the lesion's box, of the wanted images of one type."""
    for name, voxels in _FILTERS[image_type](source, wanted, arguments):
        if name in wanted:
            yield name, voxels


def _original(source: Source, _: Collection[str], __: dict[str, Value]) -> Made:
    yield "original", source.in_box()


def _square(source: Source, _: Collection[str], __: dict[str, Value]) -> Made:
    scale = 1 / np.sqrt(source.pixels.greatest())
    yield "square", (scale * source.in_box().astype(np.float64)) ** 2


def _square_root(source: Source, _: Collection[str], __: dict[str, Value]) -> Made:
    voxels, scale = source.in_box().astype(np.float64), source.pixels.greatest()
    yield "squareroot", np.sign(voxels) * np.sqrt(np.abs(voxels) * scale)


def _logarithm(source: Source, _: Collection[str], __: dict[str, Value]) -> Made:
    voxels, greatest = source.in_box().astype(np.float64), source.pixels.greatest()
    yield "logarithm", np.sign(voxels) * np.log(np.abs(voxels) + 1) * (greatest / np.log(np.float64(greatest) + 1))


def _exponential(source: Source, _: Collection[str], __: dict[str, Value]) -> Made:
    voxels, greatest = source.in_box().astype(np.float64), source.pixels.greatest()
    yield "exponential", np.exp(np.log(greatest) / greatest * voxels)


def _gradient(source: Source, _: Collection[str], arguments: dict[str, Value]) -> Made:
    voxels, box = source.around((2, 2, 2))
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(source.spacing_mm)
    filtered = sitk.GradientMagnitudeImageFilter()
    filtered.SetUseImageSpacing(bool(arguments["gradientUseSpacing"]))
    yield "gradient", sitk.GetArrayFromImage(filtered.Execute(image))[box]


def _laplacian(source: Source, wanted: Collection[str], arguments: dict[str, Value]) -> Made:
    sigmas = arguments["sigma"]
    size, spacing = np.array(source.pixels.shape[::-1]), np.array(source.spacing_mm)
    if not isinstance(sigmas, tuple) or size.min() < 4:
        return
    for name, sigma in zip(image_names("LoG", arguments), sigmas, strict=True):
        if name not in wanted or (size < np.ceil(sigma / spacing) + 1).any():
            continue
        z, y, x = np.maximum(np.ceil(REACH_SIGMAS * sigma / spacing[::-1]).astype(int), 4)
        voxels, box = source.around((int(z), int(y), int(x)))
        found = laplacian_of_gaussian(voxels, box, source.spacing_mm, sigma)
        if voxels.shape != source.pixels.shape and np.ptp(found[source.inside]) < _LEAKED * source.pixels.greatest():
            whole = source.pixels.cut((slice(None),) * 3)
            found = laplacian_of_gaussian(whole, source.box, source.spacing_mm, sigma)
        yield name, found


def _wavelet(source: Source, _: Collection[str], arguments: dict[str, Value]) -> Made:
    """The undecimated transform, which treats the image (made even by repeating its first plane) as periodic."""
    start, levels = int(str(arguments["start_level"])), int(str(arguments["level"]))
    filters = pywt.Wavelet(str(arguments["wavelet"]))
    axes = [2, 1, 0]
    if arguments["force2D"]:
        axes.remove(int(str(arguments["force2Ddimension"])))
    data, box = _periodic_cut(source, filters.dec_len * (start + levels), axes)
    low = "a" * len(axes)
    for level in range(-start + 1, levels + 1):
        bands = pywt.swtn(data, filters, level=1, start_level=0, axes=axes)[0]
        data = bands[low]
        if level < 1:
            continue
        stem = f"wavelet{level if level > 1 else ''}-"
        for letters in product("ad", repeat=len(axes)):
            band = "".join(letters)
            if band != low or level == levels:
                yield stem + band.replace("a", "L").replace("d", "H"), bands[band][box]


def _periodic_cut(source: Source, reach: int, axes: Collection[int]) -> tuple[Array, Box]:
    """The box with `reach` voxels around it on the axes to be transformed, and where the box lies in it.

    An axis is cut only where the cut stays clear of the image's border, for there the transform adds up in another
    order. Otherwise it is whole, and made even by its first plane, as pyradiomics does.
    """
    wide, within, odd = [], [], []
    for axis, (side, length) in enumerate(zip(source.box, source.pixels.shape, strict=True)):
        first, last = (side.start - reach, side.stop + reach) if axis in axes else (side.start, side.stop)
        last += (last - first) % 2 if axis in axes else 0
        if axis in axes and (first < 0 or last > length):
            first, last = 0, length
            odd += [axis] if length % 2 else []
        wide.append(slice(first, last))
        within.append(slice(side.start - first, side.stop - first))
    cut = source.pixels.cut((wide[0], wide[1], wide[2]))
    for axis in odd:
        cut = np.concatenate([cut, np.take(cut, [0], axis=axis)], axis=axis)
    return cut, (within[0], within[1], within[2])


def _lbp2d(source: Source, _: Collection[str], arguments: dict[str, Value]) -> Made:
    """Slices are taken across `force2Ddimension` whether or not force2D is set, as pyradiomics does."""
    radius, across = _number(arguments["lbp2DRadius"]), int(_number(arguments["force2Ddimension"]))
    reach = [math.ceil(radius) + 1] * 3
    reach[across] = 0
    wide = source.wide((reach[0], reach[1], reach[2]))
    order = {0: (0, 1, 2), 1: (1, 0, 2), 2: (2, 1, 0)}[across]
    corner = np.array([side.start for side in wide])
    places = np.array(np.nonzero(source.inside)) + np.array([[side.start] for side in source.box]) - corner[:, None]
    values = patterns_in_slices(
        source.pixels.cut(wide).transpose(order),
        (int(corner[order[1]]), int(corner[order[2]])),
        places[list(order)],
        radius=radius,
        samples=int(_number(arguments["lbp2DSamples"])),
        method=str(arguments["lbp2DMethod"]),
    )
    # Into an image of the source's own type, as pyradiomics writes them: whole numbers stay whole numbers.
    yield "lbp-2D", source.filled(values, source.pixels.pixel_type)


def _lbp3d(source: Source, _: Collection[str], arguments: dict[str, Value]) -> Made:
    radius = _number(arguments["lbp3DIcosphereRadius"])
    reach = math.ceil(radius) + SPLINE_REACH
    wide = source.wide((reach, reach, reach))
    found, certain = _on_sphere(source, wide, arguments)
    if not certain:
        found = _on_sphere(source, (slice(None),) * 3, arguments)[0]
    for name, values in found:
        yield name, source.filled(values, np.dtype(np.float64))


def _on_sphere(source: Source, wide: Box, arguments: dict[str, Value]) -> tuple[list[tuple[str, Array]], bool]:
    corner = np.array([[side.start - (out.start or 0)] for side, out in zip(source.box, wide, strict=True)])
    return sphere_patterns(
        source.pixels.cut(wide),
        np.array(np.nonzero(source.inside)) + corner,
        radius=_number(arguments["lbp3DIcosphereRadius"]),
        subdivision=int(_number(arguments["lbp3DIcosphereSubdivision"])),
        levels=int(_number(arguments["lbp3DLevels"])),
    )


def _number(value: Value) -> float:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"a number was expected, not {value!r}")


_FILTERS: dict[str, Callable[[Source, Collection[str], dict[str, Value]], Made]] = {
    "Original": _original,
    "Square": _square,
    "SquareRoot": _square_root,
    "Logarithm": _logarithm,
    "Exponential": _exponential,
    "Gradient": _gradient,
    "LoG": _laplacian,
    "Wavelet": _wavelet,
    "LBP2D": _lbp2d,
    "LBP3D": _lbp3d,
}
"""By pyradiomics' names of image types."""
