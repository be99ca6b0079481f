"""Reads Universal Binary JSON as XGBoost writes it; every length is checked before anything is made."""

import struct
from typing import Union

import numpy as np
from numpy.typing import NDArray

from models.errors import BrokenFile

Array = NDArray[np.generic]
Value = Union[None, bool, int, float, str, Array, list["Value"], dict[str, "Value"]]  # noqa: UP007 - it names itself

_INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_FLOATS = {b"d": ">f", b"D": ">d"}
_ARRAYS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_DEEPEST = 16


def read_ubjson(content: bytes) -> Value:
    """The one value that the bytes hold.

    Typed arrays come as numpy arrays in native byte order.

    Raises:
        BrokenFile: Not UBJSON, cut short, too deep, a key twice, or bytes left over.
    """
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.position != len(content):
        raise reader.broken(f"{len(content) - reader.position} bytes are left over")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0

    def broken(self, what: str) -> BrokenFile:
        return BrokenFile(f"no tree model: {what}, at byte {self.position} of {len(self._content)}")

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self._content) - self.position:
            raise self.broken(f"{count} bytes are wanted, {len(self._content) - self.position} are left")
        taken = self._content[self.position : self.position + count]
        self.position += count
        return taken

    def value(self, marker: bytes, depth: int) -> Value:
        if depth > _DEEPEST:
            raise self.broken(f"nested deeper than {_DEEPEST}")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        return self._scalar(marker)

    def _scalar(self, marker: bytes) -> Value:
        if marker in _INTEGERS or marker in _FLOATS:
            form = _INTEGERS.get(marker) or _FLOATS[marker]
            number: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
            return number
        if marker == b"S":
            return self._text(self._length())
        words: dict[bytes, Value] = {b"T": True, b"F": False, b"Z": None}
        if marker not in words:
            raise self.broken(f"marker {marker!r} is unknown")
        return words[marker]

    def _object(self, depth: int) -> dict[str, Value]:
        result: dict[str, Value] = {}
        while (marker := self.take(1)) != b"}":
            key = self._text(self._integer(marker))
            if key in result:
                raise self.broken("a key stands twice")
            result[key] = self.value(self.take(1), depth + 1)
        return result

    def _array(self, depth: int) -> Value:
        marker = self.take(1)
        if marker == b"$":
            kind = self.take(1)
            if kind not in _ARRAYS or self.take(1) != b"#":
                raise self.broken(f"a typed array of {kind!r}")
            dtype = np.dtype(_ARRAYS[kind])
            return np.frombuffer(self.take(self._length() * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))
        if marker == b"#":
            return [self.value(self.take(1), depth + 1) for _ in range(self._bounded(self._length()))]
        items: list[Value] = []
        while marker != b"]":
            items.append(self.value(marker, depth + 1))
            marker = self.take(1)
        return items

    def _length(self) -> int:
        return self._integer(self.take(1))

    def _integer(self, marker: bytes) -> int:
        if marker not in _INTEGERS:
            raise self.broken(f"a length with marker {marker!r}")
        form = _INTEGERS[marker]
        number: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        if number < 0:
            raise self.broken(f"a length of {number}")
        return number

    def _bounded(self, count: int) -> int:
        if count > len(self._content) - self.position:
            raise self.broken(f"an array of {count} items")
        return count

    def _text(self, length: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise self.broken("a text that is no UTF-8") from None
