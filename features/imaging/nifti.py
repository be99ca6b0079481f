"""NIfTI-1 and NIfTI-2 headers: single files only.

Source: nifti1.h and nifti2.h of the NIfTI Data Format Working Group. Which of the two
orientations counts follows ITK, so that values agree with tools that read through it.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import DamagedFile, DetachedHeader, UnsupportedImage
from features.imaging.header import (
    ORTHONORMAL_TOLERANCE,
    Header,
    Limits,
    checked_grid,
    largest_shear,
    split_axes,
    three_sizes,
)
from features.types import Floats

_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_REFUSED_TYPES = {
    1: "one bit a voxel", 32: "complex numbers", 128: "colour", 1536: "128-bit numbers", 1792: "complex numbers",
    2048: "complex numbers", 2304: "colour",
}  # fmt: skip
_MILLIMETRES = (0, 2)
"""Unit codes: unknown is taken as millimetres, as everybody does."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields that we use, the same for both versions."""

    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    pixdim: tuple[float, ...]
    vox_offset: float
    slope: float
    intercept: float
    units: int
    qform_code: int
    sform_code: int
    quaternion: tuple[float, ...]
    qoffset: tuple[float, ...]
    srow: tuple[float, ...]


def looks_like_nifti(start: bytes) -> bool:
    """Whether a file starts like a NIfTI header of either version, single or detached."""
    if start[344:348] in (b"n+1\0", b"ni1\0") or start[4:7] in (b"n+2", b"ni2"):
        return True
    return start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")


def parse_nifti(start: bytes, limits: Limits) -> Header:
    """The header of a NIfTI file.

    Args:
        start: The first bytes of the file, 544 or more where it is that long.
        limits: What it may claim.

    Raises:
        BadImage: One of its leaves; voxels were not touched.
    """
    endian, version = _endian_and_version(start)
    fields = _nifti1(start, endian) if version == 1 else _nifti2(start, endian)
    rank = fields.dim[0]
    if not 1 <= rank <= 7:
        raise DamagedFile(f"the header claims {rank} dimensions; wanted 3")
    pixel = _pixel(fields, endian)
    size = three_sizes(fields.dim[1 : rank + 1], pixel.itemsize, limits)
    header_bytes = 352 if version == 1 else 544
    offset = fields.vox_offset
    if not (header_bytes <= offset < 2**31) or offset != int(offset):
        raise DamagedFile(f"voxels start at byte {offset:g}; wanted a whole number, {header_bytes} or more")
    if fields.units & 7 not in _MILLIMETRES:
        raise UnsupportedImage(f"lengths are in unit {fields.units & 7} of NIfTI; wanted millimetres (2)")
    spacing = fields.pixdim[1:4]
    # What overflows here is refused by `checked_grid`.
    with np.errstate(over="ignore", invalid="ignore"):
        affine = _affine(fields)
    _, direction = split_axes(affine[:, :3].T.tolist())
    slope, intercept = _scaling(fields)
    return Header(
        grid=checked_grid(size, spacing, affine[:, 3].tolist(), direction),
        pixel=pixel,
        offset=int(offset),
        slope=slope,
        intercept=intercept,
    )


def _endian_and_version(start: bytes) -> tuple[str, int]:
    version = 2 if start[4:7] in (b"n+2", b"ni2") or start[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else 1
    wanted = 348 if version == 1 else 540
    if len(start) < wanted:
        raise DamagedFile(f"the file ends in its header, after {len(start)} bytes; wanted {wanted} or more")
    magic = start[344:348] if version == 1 else start[4:12]
    if magic[:3] in (b"ni1", b"ni2"):
        raise DetachedHeader("the header keeps its voxels in another file (.hdr/.img); wanted one file (.nii)")
    if magic != (b"n+1\0" if version == 1 else b"n+2\0\r\n\x1a\n"):
        raise DamagedFile("the header has no NIfTI magic; wanted n+1 or n+2 (Analyze files are not read)")
    for endian in "<>":
        if struct.unpack_from(endian + "i", start)[0] == wanted:
            return endian, version
    raise DamagedFile(f"the header does not give its own size; wanted {wanted}")


def _nifti1(start: bytes, endian: str) -> _Fields:
    def at(form: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(endian + form, start, offset)

    return _Fields(
        dim=at("8h", 40), datatype=at("h", 70)[0], bitpix=at("h", 72)[0], pixdim=at("8f", 76),
        vox_offset=at("f", 108)[0], slope=at("f", 112)[0], intercept=at("f", 116)[0], units=start[123],
        qform_code=at("h", 252)[0], sform_code=at("h", 254)[0], quaternion=at("3f", 256), qoffset=at("3f", 268),
        srow=at("12f", 280),
    )  # fmt: skip


def _nifti2(start: bytes, endian: str) -> _Fields:
    def at(form: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(endian + form, start, offset)

    return _Fields(
        dim=at("8q", 16), datatype=at("h", 12)[0], bitpix=at("h", 14)[0], pixdim=at("8d", 104),
        vox_offset=at("q", 168)[0], slope=at("d", 176)[0], intercept=at("d", 184)[0], units=at("i", 500)[0],
        qform_code=at("i", 344)[0], sform_code=at("i", 348)[0], quaternion=at("3d", 352), qoffset=at("3d", 376),
        srow=at("12d", 400),
    )  # fmt: skip


def _pixel(fields: _Fields, endian: str) -> np.dtype[Any]:
    if fields.datatype in _REFUSED_TYPES:
        raise UnsupportedImage(f"voxels are {_REFUSED_TYPES[fields.datatype]}; wanted one real number a voxel")
    if fields.datatype not in _TYPES:
        raise DamagedFile(f"voxels have type {fields.datatype}, which NIfTI does not know")
    pixel = np.dtype(endian + _TYPES[fields.datatype])
    if fields.bitpix != 8 * pixel.itemsize:
        raise DamagedFile(f"voxels of type {fields.datatype} claim {fields.bitpix} bits; wanted {8 * pixel.itemsize}")
    return pixel


def _scaling(fields: _Fields) -> tuple[float, float]:
    """Slope and intercept; a slope of 0 means none (nifti1.h, SCALING)."""
    if fields.slope == 0 or not (math.isfinite(fields.slope) and math.isfinite(fields.intercept)):
        return 1.0, 0.0
    return float(fields.slope), float(fields.intercept)


def _affine(fields: _Fields) -> Floats:
    """Axis vectors and origin, LPS, (3, 4); of the two that a header may hold, the one that ITK takes.

    The sform counts where it is orthonormal and either stands alone, or names the scanner's
    own space, or says the same as the qform; else the qform. (ITK's own test of sameness lets
    swapped axes pass; ours does not.)
    """
    spacing = np.array(fields.pixdim[1:4], dtype=np.float64)
    if fields.sform_code <= 0 and fields.qform_code <= 0:
        return np.hstack([np.diag(spacing), np.zeros((3, 1))])
    sform = np.array(fields.srow, dtype=np.float64).reshape(3, 4)
    qform = _qform(fields) if fields.qform_code > 0 else None
    if fields.sform_code <= 0 and qform is not None:
        return _lps(qform)
    scales, direction = split_axes(sform[:, :3].T.tolist())
    usable = largest_shear(direction) <= ORTHONORMAL_TOLERANCE and np.allclose(scales, spacing, rtol=1e-3, atol=0)
    if qform is None:
        if not usable:
            raise UnsupportedImage(
                f"the sform's axes are {scales} mm long with shear {largest_shear(direction):.3g}, the spacing is "
                f"{spacing.tolist()} mm; wanted orthogonal axes of the same length"
            )
        return _lps(sform)
    alike = np.allclose(sform, qform, rtol=0, atol=1e-4)
    return _lps(sform if usable and (fields.sform_code == 1 or alike) else qform)


def _lps(ras: Floats) -> Floats:
    return np.diag([-1.0, -1.0, 1.0]) @ ras


def _qform(fields: _Fields) -> Floats:
    """RAS axis vectors and offset of the quaternion, (3, 4) (nifti1.h, METHOD 2)."""
    b, c, d = (float(value) for value in fields.quaternion)
    squared = b * b + c * c + d * d
    if not squared <= 1 + 1e-5:
        raise DamagedFile(f"the orientation quaternion has b^2 + c^2 + d^2 = {squared:g}; wanted 1 or less")
    a = math.sqrt(max(0.0, 1.0 - squared))
    if 1.0 - squared < 1e-7:  # half a turn, but for the rounding of the file (nifti1_io.c)
        a = 0.0
        b, c, d = (value / math.sqrt(squared) for value in (b, c, d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sign = -1.0 if fields.pixdim[0] < 0 else 1.0
    lengths = np.array(fields.pixdim[1:4], dtype=np.float64) * np.array([1.0, 1.0, sign])
    return np.hstack([turn * lengths, np.array(fields.qoffset, dtype=np.float64).reshape(3, 1)])
