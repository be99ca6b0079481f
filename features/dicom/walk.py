"""One DICOM file taken apart by its lengths alone, so that what is in it is affordable before anything is parsed.

Every element's length is followed once, sequences included: the file has as many elements as may be, none reaches
beyond the one around it, and nesting ends. What passes is parsed by pydicom up to the pixels.

Source: DICOM PS3.5 section 7 (encoding of a data set), PS3.10 section 7 (file meta information).
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import NoReturn

from features.errors import DamagedFile, ImageTooLarge, UnknownFormat, UnsupportedImage

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

MAX_ELEMENTS = 1_000_000
"""Of one file, nested ones counted: pydicom keeps a few hundred bytes for each."""
MAX_DEPTH = 32
MAX_META_BYTES = 64 * 1024

_START = 132
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = {0x7FE00010: "integers", 0x7FE00008: "floats", 0x7FE00009: "doubles"}
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SEQUENCES = frozenset({
    0x00081115, 0x00081140, 0x0008114A, 0x00089215, 0x00209113, 0x00209116, 0x00209111, 0x00289110, 0x00289145,
    0x00409096, 0x00540016, 0x00620002, 0x0062000A, 0x30060010, 0x30060012, 0x30060014, 0x30060020, 0x30060039,
    0x30060040, 0x30060080, 0x52009229, 0x52009230,
})  # fmt: skip
"""Those that are read; with an implicit representation only these can be told to be sequences."""


@dataclass(frozen=True, slots=True)
class DicomFile:
    """One file, inflated where its transfer syntax says so, with the place of its pixels."""

    transfer_syntax: str
    storage: str
    """UID of the kind of object that it is."""
    data: bytes = field(repr=False)
    """The data set, without the meta information before it."""
    header_bytes: int
    """How much of it stands before the pixels."""
    pixels_at: int
    """Where the value of the pixels starts; 0 where there are none."""
    pixels_bytes: int
    encapsulated: bool
    """Whether pixels stand in fragments, compressed."""
    implicit: bool
    big_endian: bool
    elements: int
    """How many it has, nested ones counted."""


def looks_like_dicom(start: bytes) -> bool:
    """Whether a file starts as PS3.10 has it."""
    return start[128:_START] == b"DICM"


def take_apart(content: bytes, max_bytes: int) -> DicomFile:
    """Follows all lengths of one file.

    Args:
        content: The whole file.
        max_bytes: What a deflated file may inflate to.

    Raises:
        UnknownFormat: No DICOM file.
        DamagedFile: Lengths that do not fit into each other, too many elements, nested too deep.
        ImageTooLarge: It inflates beyond the limit.
        UnsupportedImage: Pixels are no whole numbers.
    """
    if not looks_like_dicom(content[:_START]):
        raise UnknownFormat("the file is no DICOM file by its first bytes; wanted DICM after 128 bytes")
    syntax, storage, start = _meta(content)
    data = _inflated(content[start:], max_bytes) if syntax == DEFLATED else content[start:]
    implicit, big = syntax == IMPLICIT, syntax == EXPLICIT_BIG
    walker = _Walker(data, big)
    walker.elements(0, len(data), 0, implicit, delimited=False)
    if walker.kind not in ("", "integers"):
        raise UnsupportedImage(f"pixels are {walker.kind}; wanted whole numbers")
    return DicomFile(
        transfer_syntax=syntax,
        storage=storage,
        data=data,
        header_bytes=walker.header_bytes,
        pixels_at=walker.pixels_at,
        pixels_bytes=walker.pixels_bytes,
        encapsulated=walker.encapsulated,
        implicit=implicit,
        big_endian=big,
        elements=MAX_ELEMENTS - walker.left,
    )


def _meta(content: bytes) -> tuple[str, str, int]:
    """The transfer syntax, the kind of object, and where the data set starts."""
    at, told = _START, {b"\x02\x00": "", b"\x10\x00": ""}
    while content[at : at + 2] == b"\x02\x00":
        vr = content[at + 4 : at + 6]
        form, head = ("<I", 12) if vr in _LONG else ("<H", 8)
        if at + head > len(content) or at > MAX_META_BYTES:
            _damaged("its meta information does not end")
        (length,) = struct.unpack_from(form, content, at + head - struct.calcsize(form))
        value = content[at + head : at + head + length]
        if (element := content[at + 2 : at + 4]) in told:
            told[element] = value.rstrip(b"\0 ").decode("latin-1")
        at += head + length
    storage, syntax = told.values()
    if not syntax or not storage or at > len(content):
        _damaged("it names no transfer syntax, or no kind of object")
    return syntax, storage, at


def _inflated(packed: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise DamagedFile("the deflated data set is damaged; wanted the whole file") from error
    if len(data) > max_bytes:
        raise ImageTooLarge(f"the file inflates to more than {max_bytes:,} bytes; wanted no more", max_bytes=max_bytes)
    if not inflater.eof:
        _damaged("its deflated data set stops before its end")
    return data


class _Walker:
    """Follows lengths, and finds the pixels."""

    def __init__(self, data: bytes, big: bool) -> None:
        self._data = data
        self.left = MAX_ELEMENTS
        order = ">" if big else "<"
        self._tag = struct.Struct(f"{order}HH").unpack_from
        self._short = struct.Struct(f"{order}H").unpack_from
        self._long = struct.Struct(f"{order}I").unpack_from
        self.header_bytes = len(data)
        self.pixels_at = 0
        self.pixels_bytes = 0
        self.encapsulated = False
        self.kind = ""

    def elements(self, at: int, end: int, depth: int, implicit: bool, *, delimited: bool) -> int:
        """Follows the elements of one data set; gives where it ends."""
        while at < end:
            start, tag, vr, at, length = at, *self._head(at, end, implicit)
            if tag == _ITEM_END and delimited:
                return at
            if tag >> 16 == 0xFFFE:
                _damaged("a delimiter stands where none belongs")
            if depth == 0 and tag in _PIXELS:
                self._pixels(start, tag, at, length)
                return end
            if length == _UNDEFINED:
                if vr in (b"SQ", b"UN", b""):
                    at = self._items(at, end, depth + 1, implicit or vr == b"UN", delimited=True)
                else:
                    at = self._fragments(at, end)
                continue
            if at + length > end:
                _damaged("an element reaches beyond its end")
            if vr == b"SQ" or (not vr and tag in _SEQUENCES):
                self._items(at, at + length, depth + 1, implicit, delimited=False)
            at += length
        if delimited:
            _damaged("an item does not end")
        return at

    def _head(self, at: int, end: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Tag, representation (empty where implicit), where the value starts, and its length."""
        self.left -= 1
        if self.left < 0:
            _damaged(f"it has more than {MAX_ELEMENTS:,} elements")
        if at + 8 > end:
            _damaged("it stops within an element")
        group, element = self._tag(self._data, at)
        tag = group << 16 | element
        if implicit or group == 0xFFFE:
            return tag, b"", at + 8, self._long(self._data, at + 4)[0]
        vr = self._data[at + 4 : at + 6]
        if not vr.isalpha() or not vr.isupper():
            _damaged("an element has no value representation")
        if vr not in _LONG:
            return tag, vr, at + 8, self._short(self._data, at + 6)[0]
        if at + 12 > end:
            _damaged("it stops within an element")
        return tag, vr, at + 12, self._long(self._data, at + 8)[0]

    def _items(self, at: int, end: int, depth: int, implicit: bool, *, delimited: bool) -> int:
        if depth > MAX_DEPTH:
            _damaged(f"sequences are nested deeper than {MAX_DEPTH}")
        while at < end:
            tag, _, at, length = self._head(at, end, True)
            if tag == _SEQUENCE_END and delimited:
                return at
            if tag != _ITEM:
                _damaged("a sequence holds something other than items")
            if length == _UNDEFINED:
                at = self.elements(at, end, depth, implicit, delimited=True)
            elif at + length > end:
                _damaged("an item reaches beyond its sequence")
            else:
                at = self.elements(at, at + length, depth, implicit, delimited=False)
        if delimited:
            _damaged("a sequence does not end")
        return at

    def _fragments(self, at: int, end: int) -> int:
        while True:
            tag, _, at, length = self._head(at, end, True)
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM or length == _UNDEFINED or at + length > end:
                _damaged("a fragment of its pixels reaches beyond them")
            at += length

    def _pixels(self, start: int, tag: int, at: int, length: int) -> None:
        self.header_bytes, self.pixels_at, self.kind = start, at, _PIXELS[tag]
        self.encapsulated = length == _UNDEFINED
        after = self._fragments(at, len(self._data)) if self.encapsulated else at + length
        if after > len(self._data):
            raise DamagedFile(
                f"the header claims {length:,} bytes of pixels, the file holds {len(self._data) - at:,}; "
                "wanted the whole file",
                claimed_bytes=length,
                held_bytes=len(self._data) - at,
            )
        self.pixels_bytes = after - at


def _damaged(what: str) -> NoReturn:
    raise DamagedFile(f"the DICOM file is damaged: {what}; wanted the whole file as it was written")
