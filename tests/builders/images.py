"""Small image files in memory: NIfTI, NRRD and MetaImage written by hand, apart from the reader."""

import gzip
import struct
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.imaging.volume import Grid

Array = NDArray[Any]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

_NIFTI_TYPES = {
    "uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256,
    "uint16": 512, "uint32": 768, "int64": 1024, "uint64": 1280,
}  # fmt: skip
_NRRD_TYPES = {
    "uint8": "uchar", "int16": "short", "int32": "int", "float32": "float", "float64": "double", "int8": "signed char",
    "uint16": "unsigned short", "uint32": "unsigned int", "int64": "longlong", "uint64": "ulonglong",
}  # fmt: skip
_META_TYPES = {
    "uint8": "MET_UCHAR", "int16": "MET_SHORT", "int32": "MET_INT", "float32": "MET_FLOAT", "float64": "MET_DOUBLE",
    "int8": "MET_CHAR", "uint16": "MET_USHORT", "uint32": "MET_UINT", "int64": "MET_LONG_LONG",
    "uint64": "MET_ULONG_LONG",
}  # fmt: skip


def grid(
    size: tuple[int, int, int] = (12, 11, 10),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    direction: tuple[float, ...] = IDENTITY,
) -> Grid:
    """A grid; `size` in the order (x, y, z)."""
    a, b, c, d, e, f, g, h, i = direction
    return Grid(size, spacing_mm, origin_mm, (a, b, c, d, e, f, g, h, i))


def _grid_of(array: Array, on: Grid | None) -> Grid:
    return on or grid((array.shape[2], array.shape[1], array.shape[0]))


def _matrix(on: Grid) -> NDArray[np.float64]:
    """LPS affine, (4, 4), from voxel index (x, y, z) to millimetres."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(on.direction).reshape(3, 3) * np.array(on.spacing_mm)
    affine[:3, 3] = on.origin_mm
    return affine


def nifti_header(
    dim: Sequence[int],
    *,
    pixdim: Sequence[float] = (1.0, 1.0, 1.0),
    affine_ras: Array | None = None,
    datatype: int = 4,
    bitpix: int = 16,
    slope: float = 0.0,
    intercept: float = 0.0,
    magic: bytes = b"n+1\0",
    units: int = 2,
    qform: tuple[int, Sequence[float], Sequence[float], float] = (0, (0, 0, 0), (0, 0, 0), 1.0),
    sform_code: int = 1,
    endian: str = "<",
) -> bytes:
    """352 bytes of a NIfTI-1 header; `dim` are the sizes, (x, y, z, ...); `qform` is code, bcd, offsets, qfac."""
    header = bytearray(352)
    struct.pack_into(endian + "i", header, 0, 348)
    struct.pack_into(endian + "8h", header, 40, len(dim), *dim, *([1] * (7 - len(dim))))
    struct.pack_into(endian + "hh", header, 70, datatype, bitpix)
    struct.pack_into(endian + "8f", header, 76, qform[3], *pixdim, *([1.0] * (7 - len(pixdim))))
    struct.pack_into(endian + "3f", header, 108, 352.0, slope, intercept)
    header[123] = units
    struct.pack_into(endian + "hh", header, 252, qform[0], sform_code if affine_ras is not None else 0)
    struct.pack_into(endian + "6f", header, 256, *qform[1], *qform[2])
    if affine_ras is not None:
        struct.pack_into(endian + "12f", header, 280, *np.asarray(affine_ras)[:3].ravel())
    header[344:348] = magic
    return bytes(header)


def nifti(
    array: Array, on: Grid | None = None, *, compressed: bool = False, endian: str = "<", **header: object
) -> bytes:
    """One NIfTI-1 file of an array (z, y, x); other header fields as in `nifti_header`."""
    on = _grid_of(array, on)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ _matrix(on)
    fields: dict[str, Any] = {
        "pixdim": on.spacing_mm,
        "affine_ras": affine,
        "datatype": _NIFTI_TYPES[array.dtype.name],
        "bitpix": 8 * array.dtype.itemsize,
        "endian": endian,
    }
    content = nifti_header(array.shape[::-1], **(fields | header)) + _raw(array, endian)
    return gzip.compress(content, 1, mtime=0) if compressed else content


def nifti2(array: Array, on: Grid | None = None, *, endian: str = "<", magic: bytes = b"n+2\0\r\n\x1a\n") -> bytes:
    """One NIfTI-2 file of an array (z, y, x)."""
    on = _grid_of(array, on)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ _matrix(on)
    header = bytearray(544)
    struct.pack_into(endian + "i", header, 0, 540)
    header[4:12] = magic
    struct.pack_into(endian + "hh", header, 12, _NIFTI_TYPES[array.dtype.name], 8 * array.dtype.itemsize)
    struct.pack_into(endian + "8q", header, 16, 3, *array.shape[::-1], 1, 1, 1, 1)
    struct.pack_into(endian + "8d", header, 104, 1.0, *on.spacing_mm, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into(endian + "q", header, 168, 544)
    struct.pack_into(endian + "ii", header, 344, 0, 1)
    struct.pack_into(endian + "12d", header, 400, *affine[:3].ravel())
    struct.pack_into(endian + "i", header, 500, 2)
    return bytes(header) + _raw(array, endian)


def nrrd_header(fields: dict[str, str]) -> bytes:
    """A NRRD header with the blank line that ends it."""
    lines = ["NRRD0004", "# written by a test", *(f"{key}: {value}" for key, value in fields.items())]
    return ("\n".join(lines) + "\n\n").encode()


def nrrd_fields(array: Array, on: Grid | None = None, endian: str = "<") -> dict[str, str]:
    """The header fields of a NRRD file of an array (z, y, x), raw encoding."""
    on = _grid_of(array, on)
    affine = _matrix(on)
    return {
        "type": _NRRD_TYPES[array.dtype.name],
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(str(n) for n in on.size),
        "space directions": " ".join(_vector(affine[:3, axis]) for axis in range(3)),
        "kinds": "domain domain domain",
        "endian": "little" if endian == "<" else "big",
        "encoding": "raw",
        "space origin": _vector(affine[:3, 3]),
    }


def nrrd(
    array: Array,
    on: Grid | None = None,
    changed: Mapping[str, str] = MappingProxyType({}),
    *,
    compressed: bool = False,
    endian: str = "<",
) -> bytes:
    """One NRRD file of an array (z, y, x); `changed` replaces header fields."""
    fields = nrrd_fields(array, on, endian) | {"encoding": "gzip" if compressed else "raw"}
    fields |= changed
    body = _raw(array, endian)
    return nrrd_header(fields) + (gzip.compress(body, 1, mtime=0) if compressed else body)


def metaimage(
    array: Array,
    on: Grid | None = None,
    changed: Mapping[str, str] = MappingProxyType({}),
    *,
    compressed: bool = False,
    endian: str = "<",
) -> bytes:
    """One MetaImage file of an array (z, y, x); `changed` replaces header fields."""
    on = _grid_of(array, on)
    body = _raw(array, endian)
    if compressed:
        body = zlib.compress(body, 1)
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(endian == ">"),
        "CompressedData": str(compressed),
        **({"CompressedDataSize": str(len(body))} if compressed else {}),
        # MetaIO keeps the direction of each axis in a row; ours stand in columns.
        "TransformMatrix": _numbers(np.array(on.direction).reshape(3, 3).T.ravel()),
        "Offset": _numbers(on.origin_mm),
        "ElementSpacing": _numbers(on.spacing_mm),
        "DimSize": " ".join(str(n) for n in on.size),
        "ElementType": _META_TYPES[array.dtype.name],
    }
    fields |= changed
    fields.setdefault("ElementDataFile", "LOCAL")
    data_file = fields.pop("ElementDataFile")
    lines = [*(f"{key} = {value}" for key, value in fields.items()), f"ElementDataFile = {data_file}"]
    return ("\n".join(lines) + "\n").encode() + body


def _raw(array: Array, endian: str) -> bytes:
    return array.astype(array.dtype.newbyteorder("<" if endian == "<" else ">")).tobytes()


def _numbers(values: Sequence[float] | Array) -> str:
    return " ".join(repr(float(value)) for value in values)


def _vector(values: Array) -> str:
    return "(" + ",".join(repr(float(value)) for value in values) + ")"
