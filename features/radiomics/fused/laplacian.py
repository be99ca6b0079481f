"""The Laplacian of a Gaussian in a box, bit for bit as ITK computes it over the whole image.

ITK filters line by line: for each axis the second derivative along it, then the Gaussian along the two others, each
by a recursion of fourth order forth and back, in double precision, and each result is kept in single precision. Here
only those lines are gone through, and only as far, as the box can notice. A line is forgotten at e to the -1.37 for
each sigma: after `REACH_SIGMAS` a part in 10^12 is left, below the last bit of what is kept.

Sources: Deriche, INRIA RR-1893 (1993); Farnebäck & Westin, JMIV 26 (2006) 293; ITK 5.4,
`itkRecursiveGaussianImageFilter.hxx`, `itkRecursiveSeparableImageFilter.hxx`,
`itkLaplacianRecursiveGaussianImageFilter.hxx`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.bounds import Box
from features.types import Floats

Singles = NDArray[np.float32]

REACH_SIGMAS = 20

_LANES = 16
"""Lines side by side: as many as the processor's registers and nearest cache like."""


def laplacian_of_gaussian(
    voxels: NDArray[Any], box: Box, spacing_mm: tuple[float, float, float], sigma_mm: float
) -> Singles:
    """What `LaplacianRecursiveGaussianImageFilter`, normalised across scale, gives in a box.

    Args:
        voxels: (z, y, x), at least 4 voxels a side; the image, or a cut of it that reaches `REACH_SIGMAS` further than
            the box.
        box: Of the result, in the indices of `voxels`.
        spacing_mm: (x, y, z).
        sigma_mm: Width of the Gaussian.
    """
    total = np.zeros(tuple(side.stop - side.start for side in box), np.float32)
    source = np.ascontiguousarray(voxels, np.float64 if voxels.dtype == np.float64 else np.float32)
    for derived in (2, 1, 0):
        part = source
        for axis in (derived, *(one for one in (2, 1, 0) if one != derived)):
            own_mm = spacing_mm[2 - axis]
            made = _second_derivative(sigma_mm, own_mm) if axis == derived else _gaussian(sigma_mm, own_mm)
            part = _along(part, axis, box[axis], made)
        squared = spacing_mm[2 - derived] * spacing_mm[2 - derived]
        total = (total + part.astype(np.float64) * (1.0 / squared)).astype(np.float32)
    return total


def _along(voxels: NDArray[Any], axis: int, side: slice, coefficients: Floats) -> Singles:
    """Filters along one axis; of that axis the side alone is kept."""
    shape = list(voxels.shape)
    shape[axis] = side.stop - side.start
    out = np.empty(shape, np.float32)
    # Outer lines, the axis, and inner lines next to each other in memory (for x, lines one row apart).
    order = {0: (1, 0, 2), 1: (0, 1, 2), 2: (0, 2, 1)}[axis]
    _filter(voxels.transpose(order), side.start, side.stop, coefficients, out.transpose(order))
    return out


@compiled
def _filter(lines: NDArray[Any], first: int, last: int, coefficients: Floats, out: Singles) -> None:
    """Filters lines, (outer, along, inner); fills `out` with what lies from first to last."""
    length = lines.shape[1]
    values, forth, back = np.zeros((length, _LANES)), np.empty((length, _LANES)), np.empty((length, _LANES))
    for outer in range(lines.shape[0]):
        for inner in range(0, lines.shape[2], _LANES):
            lanes = min(_LANES, lines.shape[2] - inner)
            _take(lines[outer, :, inner : inner + lanes], values)
            _forth(values, last, coefficients, forth)
            _back(values, first, coefficients, back)
            for place in range(first, last):
                for lane in range(lanes):
                    out[outer, place - first, inner + lane] = forth[place, lane] + back[place, lane]


@compiled
def _take(lines: NDArray[Any], values: Floats) -> None:
    for place in range(lines.shape[0]):
        for lane in range(lines.shape[1]):
            values[place, lane] = lines[place, lane]


@compiled
def _forth(values: Floats, last: int, coefficients: Floats, out: Floats) -> None:
    """From the beginning to before `last`, as if the first value stood there for ever."""
    n, d, border = coefficients[0], coefficients[2], coefficients[3]
    for place in range(min(4, last)):
        for lane in range(_LANES):
            edge = values[0, lane]
            total = 0.0
            for back in range(4):
                total += (values[place - back, lane] if place >= back else edge) * n[back]
            less = 0.0
            for back in range(4):
                less += out[place - back - 1, lane] * d[back] if place > back else edge * border[back]
            out[place, lane] = total - less
    n0, n1, n2, n3 = n
    d1, d2, d3, d4 = d
    for place in range(4, last):
        for lane in range(_LANES):
            out[place, lane] = (
                values[place, lane] * n0
                + values[place - 1, lane] * n1
                + values[place - 2, lane] * n2
                + values[place - 3, lane] * n3
            ) - (
                out[place - 1, lane] * d1
                + out[place - 2, lane] * d2
                + out[place - 3, lane] * d3
                + out[place - 4, lane] * d4
            )


@compiled
def _back(values: Floats, first: int, coefficients: Floats, out: Floats) -> None:
    """From the end down to `first`, as if the last value stood there for ever."""
    m, d, border = coefficients[1], coefficients[2], coefficients[4]
    end = len(values) - 1
    for place in range(end, max(end - 4, first - 1), -1):
        for lane in range(_LANES):
            edge = values[end, lane]
            total = 0.0
            for on in range(1, 5):
                total += (values[place + on, lane] if place + on <= end else edge) * m[on - 1]
            less = 0.0
            for on in range(1, 5):
                less += out[place + on, lane] * d[on - 1] if place + on <= end else edge * border[on - 1]
            out[place, lane] = total - less
    m1, m2, m3, m4 = m
    d1, d2, d3, d4 = d
    for place in range(end - 4, first - 1, -1):
        for lane in range(_LANES):
            out[place, lane] = (
                values[place + 1, lane] * m1
                + values[place + 2, lane] * m2
                + values[place + 3, lane] * m3
                + values[place + 4, lane] * m4
            ) - (
                out[place + 1, lane] * d1
                + out[place + 2, lane] * d2
                + out[place + 3, lane] * d3
                + out[place + 4, lane] * d4
            )


_W1, _L1, _W2, _L2 = 0.6681, -1.3932, 2.0787, -1.3732
_VALUE = (1.3530, 1.8151, -0.3531, 0.0902)
_SECOND = (-1.3563, 5.2318, 0.3446, -2.2355)
"""Deriche's series for the Gaussian and its second derivative: A1, B1, A2, B2."""


def _gaussian(sigma_mm: float, spacing_mm: float) -> Floats:
    """Coefficients N, M, D and those at both borders, (5, 4), of the Gaussian."""
    width = sigma_mm / spacing_mm
    d, (sd, _, _) = _denominator(width)
    n, (sn, _, _) = _numerator(width, _VALUE)
    return _complete([one * (1.0 / (2 * sn / sd - n[0])) for one in n], d)


def _second_derivative(sigma_mm: float, spacing_mm: float) -> Floats:
    """The same of its second derivative, times sigma squared."""
    width = sigma_mm / spacing_mm
    d, (sd, dd, ed) = _denominator(width)
    n0, of_value = _numerator(width, _VALUE)
    n2, of_second = _numerator(width, _SECOND)
    beta = -(2 * of_second[0] - sd * n2[0]) / (2 * of_value[0] - sd * n0[0])
    n = [second + beta * value for second, value in zip(n2, n0, strict=True)]
    sn, dn, en = (second + beta * value for second, value in zip(of_second, of_value, strict=True))
    alpha = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
    alpha /= sd * sd * sd
    return _complete([one * (sigma_mm * sigma_mm / alpha) for one in n], d)


def _numerator(width: float, series: tuple[float, ...]) -> tuple[list[float], tuple[float, float, float]]:
    """N0 to N3, and their sums weighted by 1, their order and its square. Operations in ITK's order."""
    a1, b1, a2, b2 = series
    sin1, sin2, cos1, cos2, exp1, exp2 = _waves(width)
    n0 = a1 + a2
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return [n0, n1, n2, n3], (n0 + n1 + n2 + n3, n1 + 2 * n2 + 3 * n3, n1 + 4 * n2 + 9 * n3)


def _denominator(width: float) -> tuple[list[float], tuple[float, float, float]]:
    """D1 to D4, and the same sums with the leading 1."""
    _, _, cos1, cos2, exp1, exp2 = _waves(width)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    d1 = -2 * (exp2 * cos2 + exp1 * cos1)
    sums = (1.0 + d1 + d2 + d3 + d4, d1 + 2 * d2 + 3 * d3 + 4 * d4, d1 + 4 * d2 + 9 * d3 + 16 * d4)
    return [d1, d2, d3, d4], sums


def _waves(width: float) -> tuple[float, float, float, float, float, float]:
    one, two = _W1 / width, _W2 / width
    exp1, exp2 = math.exp(_L1 / width), math.exp(_L2 / width)
    return math.sin(one), math.sin(two), math.cos(one), math.cos(two), exp1, exp2


def _complete(n: list[float], d: list[float]) -> Floats:
    m = [n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]]
    sn, sm = n[0] + n[1] + n[2] + n[3], m[0] + m[1] + m[2] + m[3]
    sd = 1.0 + d[0] + d[1] + d[2] + d[3]
    return np.array([n, m, d, [one * sn / sd for one in d], [one * sm / sd for one in d]])
