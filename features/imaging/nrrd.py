"""NRRD headers: attached data, raw or gzip.

Source: teem.sourceforge.net/nrrd/format.html. Files are read the way ITK reads them,
or refused.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from features.errors import DamagedFile, DetachedHeader, UnsupportedImage
from features.imaging.header import Encoding, Header, Limits, checked_grid, split_axes, three_sizes
from features.imaging.volume import Grid

_TYPES = {
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i1": ("signed char", "int8", "int8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_PIXELS = {word: pixel for pixel, words in _TYPES.items() for word in words}
_ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "deflated", "gz": "deflated"}
_REFUSED_ENCODINGS = ("txt", "text", "ascii", "hex", "bzip2", "bz2")
_SPACES = {
    "left-posterior-superior": (1.0, 1.0, 1.0), "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0), "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0), "las": (1.0, -1.0, 1.0),
}  # fmt: skip
"""What turns each space into LPS."""
_FIELDS = {
    "axismaxs", "axismins", "blocksize", "byteskip", "centerings", "centers", "content", "datafile", "dimension",
    "encoding", "endian", "kinds", "labels", "lineskip", "max", "measurementframe", "min", "number", "oldmax",
    "oldmin", "sampleunits", "sizes", "space", "spacedimension", "spacedirections", "spaceorigin", "spaceunits",
    "spacings", "thicknesses", "type", "units",
}  # fmt: skip
"""All fields of the format, without blanks; an unknown one is a flipped bit."""


def looks_like_nrrd(start: bytes) -> bool:
    """Whether a file starts with a NRRD magic."""
    return start.startswith(b"NRRD000")


def parse_nrrd(start: bytes, limits: Limits) -> Header:
    """The header of a NRRD file.

    Args:
        start: The first bytes of the file, the whole header among them.
        limits: What it may claim.

    Raises:
        BadImage: One of its leaves; voxels were not touched.
    """
    fields, offset = _fields(start)
    if "datafile" in fields:
        raise DetachedHeader("the header keeps its voxels in another file (data file); wanted one file (.nrrd)")
    for skip in ("lineskip", "byteskip"):
        if fields.get(skip, "0") != "0":
            raise UnsupportedImage(f"the header skips data ({skip} {fields[skip]!r:.40}); wanted none skipped")
    encoding = _encoding(fields)
    pixel = _pixel(fields)
    rank = _whole(_wanted(fields, "dimension"))
    sizes = [_whole(word) for word in _wanted(fields, "sizes").split()]
    if rank != len(sizes):
        raise DamagedFile(f"the header claims {rank} dimensions and {len(sizes)} sizes; wanted as many")
    size = three_sizes(sizes, pixel.itemsize, limits)
    return Header(grid=_grid(fields, size, rank), pixel=pixel, offset=offset, encoding=encoding)


def _fields(start: bytes) -> tuple[dict[str, str], int]:
    end = re.search(rb"\r?\n\r?\n", start)
    head = start[: end.start()] if end else start
    lines = head.decode("latin-1").splitlines()
    if not re.fullmatch(r"NRRD000[1-5]", lines[0]):
        raise DamagedFile("the file does not start with NRRD0001 to NRRD0005 on a line of its own")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if line.startswith("#") or ":=" in line:
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower().replace(" ", "")
        if not colon or name not in _FIELDS:
            raise DamagedFile("a line of the header is no field of NRRD; wanted `field: value`")
        if name in fields:
            raise DamagedFile(f"the header gives {name} twice; wanted once")
        fields[name] = value.strip()
    if end is None and "datafile" not in fields:
        raise DamagedFile("the header does not end; wanted an empty line after its last field")
    return fields, end.end() if end else len(start)


def _wanted(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise DamagedFile(f"the header does not give {name}; wanted it")
    return fields[name]


def _encoding(fields: Mapping[str, str]) -> Encoding:
    word = _wanted(fields, "encoding").lower()
    if word in _REFUSED_ENCODINGS:
        raise UnsupportedImage(f"the encoding is {word}; wanted raw or gzip")
    if word not in _ENCODINGS:
        raise DamagedFile("the encoding is none of NRRD's; wanted raw or gzip")
    return _ENCODINGS[word]


def _pixel(fields: Mapping[str, str]) -> np.dtype[Any]:
    word = _wanted(fields, "type").lower()
    if word == "block":
        raise UnsupportedImage("voxels are blocks of bytes; wanted one real number a voxel")
    if word not in _PIXELS:
        raise DamagedFile("the type is none of NRRD's; wanted e.g. short or float")
    pixel = np.dtype(_PIXELS[word])
    if pixel.itemsize == 1:
        return pixel
    endian = _wanted(fields, "endian").lower()
    if endian not in ("little", "big"):
        raise DamagedFile("endian is neither little nor big")
    return pixel.newbyteorder("<" if endian == "little" else ">")


def _grid(fields: Mapping[str, str], size: tuple[int, int, int], rank: int) -> Grid:
    if any(unit not in ("mm", "millimeter", "millimeters", "") for unit in _quoted(fields.get("spaceunits", ""))):
        raise UnsupportedImage("lengths are not in millimetres (space units); wanted mm")
    if "spacedirections" not in fields:
        return _grid_without_space(fields, size, rank)
    flip = (1.0, 1.0, 1.0)
    if "space" in fields:
        space = fields["space"].lower()
        if space not in _SPACES:
            raise UnsupportedImage(f"the space is {space!r:.40}; wanted {', '.join(sorted(_SPACES))}")
        flip = _SPACES[space]
    vectors = _vectors(fields["spacedirections"])
    if len(vectors) != rank:
        raise DamagedFile(f"the header gives {len(vectors)} space directions; wanted {rank}")
    axes = [vector for vector in vectors[:3] if vector is not None]
    if len(axes) != 3:
        raise UnsupportedImage(
            "one of the first three axes lies in no direction of space (colour, or a list of volumes)"
        )
    spacing, direction = split_axes([_turned(axis, flip) for axis in axes])
    origins = _vectors(fields.get("spaceorigin", "(0,0,0)"))
    if len(origins) != 1 or origins[0] is None:
        raise DamagedFile("the space origin is not one vector; wanted (x,y,z)")
    return checked_grid(size, spacing, _turned(origins[0], flip), direction)


def _grid_without_space(fields: Mapping[str, str], size: tuple[int, int, int], rank: int) -> Grid:
    """Spacings alone: axes along x, y, z from the origin, as ITK takes them."""
    words = fields.get("spacings", "").split()
    if len(words) != rank:
        raise UnsupportedImage("the header gives no spacing for each axis; wanted space directions or spacings")
    for name in ("axismins", "axismaxs"):
        if any(not math.isnan(_number(word)) for word in fields.get(name, "").split()):
            raise UnsupportedImage(f"the header places voxels by {name}; wanted space directions and space origin")
    return checked_grid(size, [_number(word) for word in words[:3]], (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def _turned(vector: tuple[float, float, float], flip: tuple[float, float, float]) -> tuple[float, float, float]:
    return vector[0] * flip[0], vector[1] * flip[1], vector[2] * flip[2]


def _vectors(text: str) -> list[tuple[float, float, float] | None]:
    words = re.findall(r"none|\([^()]*\)", text)
    if re.sub(r"none|\([^()]*\)|\s", "", text):
        raise DamagedFile("a vector of the header cannot be read; wanted (x,y,z)")
    vectors: list[tuple[float, float, float] | None] = []
    for word in words:
        if word == "none":
            vectors.append(None)
            continue
        parts = [_number(part) for part in word[1:-1].split(",")]
        if len(parts) != 3:
            raise UnsupportedImage(f"the space has {len(parts)} dimensions; wanted 3")
        vectors.append((parts[0], parts[1], parts[2]))
    return vectors


def _quoted(text: str) -> list[str]:
    return [word.strip().lower() for word in re.findall(r'"([^"]*)"', text)]


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise DamagedFile("a number of the header cannot be read") from error


def _whole(word: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise DamagedFile("a size of the header is no whole number")
    return int(word)
