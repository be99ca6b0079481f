"""MetaImage headers (.mha): data in the same file, raw or compressed.

Source: itk.org/Wiki/MetaIO/Documentation. Files are read the way ITK reads them, or refused.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from features.errors import DamagedFile, DetachedHeader, UnsupportedImage
from features.imaging.header import Header, Limits, checked_grid, three_sizes

_TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4",
    "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
    # MetaIO: long is always four bytes in a file.
    "MET_ULONG": "u4", "MET_LONG": "i4",
}  # fmt: skip
_ORIGINS = ("Offset", "Position", "Origin")
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_FIRST = re.compile(rb"\s{0,16}(ObjectType|NDims|Comment|ID|Name|ObjectSubType|TransformType)\s{0,16}=")
_END = re.compile(rb"(?:^|\n)ElementDataFile[ \t]{0,16}=([^\n]{0,4096})(?:\r?\n|$)")


def looks_like_metaimage(start: bytes) -> bool:
    """Whether a file starts with a field of a MetaImage."""
    return _FIRST.match(start) is not None


def parse_metaimage(start: bytes, limits: Limits) -> Header:
    """The header of a MetaImage file.

    Args:
        start: The first bytes of the file, the whole header among them.
        limits: What it may claim.

    Raises:
        BadImage: One of its leaves; voxels were not touched.
    """
    end = _END.search(start)
    if end is None:
        raise DamagedFile("the header does not end; wanted a line ElementDataFile = LOCAL")
    if end.group(1).strip() not in (b"LOCAL", b"Local", b"local"):
        raise DetachedHeader("the header keeps its voxels in another file (ElementDataFile); wanted LOCAL (.mha)")
    fields = _fields(start[: end.start() + 1].decode("latin-1"))
    _refuse_unusual(fields)
    pixel = _pixel(fields)
    rank = _whole(_wanted(fields, "NDims"))
    sizes = [_whole(word) for word in _wanted(fields, "DimSize").split()]
    if rank != len(sizes):
        raise DamagedFile(f"the header claims {rank} dimensions and {len(sizes)} sizes; wanted as many")
    size = three_sizes(sizes, pixel.itemsize, limits)
    spacing = _numbers(fields.get("ElementSpacing") or fields.get("ElementSize"), rank, "ElementSpacing")
    origin = _numbers(_first(fields, _ORIGINS, "0 " * rank), rank, "Offset")
    identity = " ".join(str(value) for value in np.eye(rank).ravel())
    matrix = np.array(_numbers(_first(fields, _DIRECTIONS, identity), rank * rank, "TransformMatrix"))
    direction = matrix.reshape(rank, rank)[:3, :3].T  # MetaIO keeps the direction of each axis in a row
    return Header(
        grid=checked_grid(size, spacing[:3], origin[:3], direction.ravel().tolist()),
        pixel=pixel,
        offset=end.end(),
        encoding="deflated" if _flag(fields, "CompressedData") else "raw",
    )


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        name = name.strip()
        if not name and not equals:
            continue
        if not equals:
            raise DamagedFile("a line of the header is no field of MetaImage; wanted `Field = value`")
        if name in fields:
            raise DamagedFile("the header gives a field twice; wanted once")
        fields[name] = value.strip()
    return fields


def _refuse_unusual(fields: Mapping[str, str]) -> None:
    if _wanted(fields, "ObjectType").lower() != "image":
        raise UnsupportedImage("the object is no image (ObjectType); wanted Image")
    if not _flag(fields, "BinaryData", default="True"):
        raise UnsupportedImage("voxels are written as text (BinaryData = False); wanted binary data")
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise UnsupportedImage("voxels have several channels (colour); wanted one real number a voxel")
    if fields.get("HeaderSize", "0") != "0":
        raise UnsupportedImage("the header skips data (HeaderSize); wanted none skipped")
    if fields.get("DistanceUnits", "mm") not in ("mm", "?"):
        raise UnsupportedImage("lengths are not in millimetres (DistanceUnits); wanted mm")
    for name, none in (("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)):
        if name in fields and _numbers(fields[name], 1, name) != [none]:
            raise UnsupportedImage(f"intensities are scaled ({name}), which readers disagree on; wanted none")


def _wanted(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise DamagedFile(f"the header does not give {name}; wanted it")
    return fields[name]


def _first(fields: Mapping[str, str], names: tuple[str, ...], default: str) -> str:
    given = [fields[name] for name in names if name in fields]
    if len(given) > 1:
        raise DamagedFile(f"the header gives more than one of {', '.join(names)}; wanted one")
    return given[0] if given else default


def _pixel(fields: Mapping[str, str]) -> np.dtype[Any]:
    word = _wanted(fields, "ElementType")
    if word.endswith("_ARRAY"):
        raise UnsupportedImage("voxels are arrays of numbers; wanted one real number a voxel")
    if word not in _TYPES:
        raise DamagedFile("the type is none of MetaImage's; wanted e.g. MET_SHORT or MET_FLOAT")
    big = _flag(fields, "BinaryDataByteOrderMSB") or _flag(fields, "ElementByteOrderMSB")
    return np.dtype(_TYPES[word]).newbyteorder(">" if big else "<")


def _flag(fields: Mapping[str, str], name: str, default: str = "False") -> bool:
    word = fields.get(name, default).lower()
    if word not in ("true", "false", "1", "0"):
        raise DamagedFile(f"{name} is neither True nor False")
    return word in ("true", "1")


def _numbers(text: str | None, count: int, name: str) -> list[float]:
    words = (text or "").split()
    if len(words) != count:
        raise DamagedFile(f"the header gives {len(words)} numbers as {name}; wanted {count}")
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DamagedFile(f"{name} cannot be read; wanted numbers") from error


def _whole(word: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise DamagedFile("a size of the header is no whole number")
    return int(word)
