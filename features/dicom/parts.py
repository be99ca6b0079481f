"""The files of a source, one after the other: one file, several, a folder, or a zip that holds no surprise."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from features.case import Content
from features.errors import BadArchive, ImageTooLarge
from features.files import files_in
from features.imaging.header import Limits

MAX_FILES = 8192
ROOM_BYTES = 256 * 1024 * 1024
"""For headers and other objects, beside the pixels of one image."""
MAX_RATIO = 200
"""Of a large member of a zip: slices shrink to a third, masks to a hundredth, bombs to a thousandth."""
LARGE_BYTES = 16 * 1024 * 1024

_ZIP = b"PK\x03\x04"
_END_BYTES = 65_557
"""The longest end of a zip: 22 bytes and a comment."""
_ENTRY_BYTES = 1024
"""Of a file in the list of a zip: 46 and a name."""
_NOT_WITHIN = re.compile(r"(^|/)\.\.(/|$)|^/|^[A-Za-z]:|\\|[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Part:
    """One file."""

    size_bytes: int
    read: Callable[[], bytes]
    """The whole of it."""


def looks_like_zip(start: bytes) -> bool:
    """Whether a file starts as a zip that holds something."""
    return start.startswith(_ZIP)


def parts_of(content: Content, limits: Limits) -> Iterator[Part]:
    """The files of a source, in the order of their names.

    Raises:
        BadArchive: A zip with paths that lead out of it, links, encryption, nested too often or shrunk too far.
        ImageTooLarge: More files or bytes than the limits allow.
    """
    if isinstance(content, bytes):
        yield from _in_zip(content, limits) if looks_like_zip(content) else [Part(len(content), lambda: content)]
        return
    paths = files_in(content)
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            if looks_like_zip(file.read(4)):
                yield from _in_zip(file, limits)
                return
    _require_affordable(len(paths), sum(path.stat().st_size for path in paths), limits)
    for path in paths:
        yield Part(path.stat().st_size, path.read_bytes)


def _require_affordable(count: int, size_bytes: int, limits: Limits) -> None:
    allowed = limits.max_bytes + ROOM_BYTES
    if count > MAX_FILES or size_bytes > allowed:
        raise ImageTooLarge(
            f"{count:,} files with {size_bytes:,} bytes; wanted at most {MAX_FILES:,} files and {allowed:,} bytes",
            files=count,
            bytes=size_bytes,
        )


def _in_zip(content: bytes | IO[bytes], limits: Limits) -> Iterator[Part]:
    file: IO[bytes] = io.BytesIO(content) if isinstance(content, bytes) else content
    _require_short_list(file)
    with _undamaged():
        archive = zipfile.ZipFile(file)
    with archive:
        # Not `is_dir`: a name may be empty.
        members = [member for member in archive.infolist() if not member.filename.endswith("/")]
        _require_affordable(len(members), sum(member.file_size for member in members), limits)
        for member in members:
            _require_plain(member)
        for member in sorted(members, key=lambda one: one.filename):
            if _hidden(member.filename):
                continue
            yield Part(member.file_size, _reader(archive, member))


def _require_short_list(file: IO[bytes]) -> None:
    """Looks at the end of a zip, before its list of files is read: that list may be as long as the zip."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_BYTES))
    tail = file.read(_END_BYTES)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise BadArchive("the zip has no end; wanted the whole file")
    count, listed = struct.unpack_from("<HI", tail, end + 10)
    if b"PK\x06\x07" in tail[max(0, end - 20) : end]:
        raise BadArchive("the zip is of the kind for more than 4 GB; wanted a plain one")
    if count > MAX_FILES or listed > MAX_FILES * _ENTRY_BYTES:
        raise BadArchive(
            f"the zip lists {count:,} files in {listed:,} bytes; wanted at most {MAX_FILES:,} files", files=count
        )


@contextmanager
def _undamaged() -> Iterator[None]:
    """Says of everything that a damaged zip can raise that the zip is damaged."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, struct.error) as error:
        raise BadArchive("the zip is damaged or of an unusual kind; wanted it as it was written") from error


def _require_plain(member: zipfile.ZipInfo) -> None:
    if not member.filename or _NOT_WITHIN.search(member.filename):
        raise BadArchive("the zip has a file without a name, or one whose path leads out of it; wanted plain names")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BadArchive("the zip has a link or a device; wanted files")
    if member.flag_bits & 0x1:
        raise BadArchive("the zip is encrypted; wanted it plain")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive("the zip is compressed in an unusual way; wanted stored or deflated files")
    if member.file_size > max(LARGE_BYTES, MAX_RATIO * member.compress_size):
        raise BadArchive(
            f"a file of {member.file_size:,} bytes is shrunk to {member.compress_size:,} in the zip; "
            f"wanted at most {MAX_RATIO} to 1",
            bytes=member.file_size,
        )


def _hidden(name: str) -> bool:
    """What file managers add of their own."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _reader(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        with _undamaged():
            return archive.read(member)

    return read
