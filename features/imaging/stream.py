"""Bytes of a file in order, inflated piece by piece and never more than allowed."""

from typing import Protocol

from isal.igzip_lib import DECOMP_GZIP, DECOMP_ZLIB, IgzipDecompressor, IsalError

from features.errors import DamagedFile, ImageTooLarge

GZIP_MAGIC = b"\x1f\x8b"
PIECE_BYTES = 256 * 1024
"""What is inflated at a time: as much as a core keeps at hand."""
PADDING_BYTES = 4096
"""Zero bytes that may follow the voxels: some writers fill their last block."""


class Stream(Protocol):
    """Gives the next bytes, as many as it likes; 0 at the end. Open files are one."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Writes the next bytes into the view and says how many."""


class Inflated:
    """The content of a gzip or zlib stream; several gzip members follow each other.

    ISA-L inflates, three times as fast as zlib, and checks each member's checksum and length.
    Reading raises `DamagedFile` for a wrong checksum, a broken code, or an end before the end.
    """

    def __init__(self, packed: Stream) -> None:
        self._packed = packed
        self._buffer = memoryview(bytearray(PIECE_BYTES))
        self._input = b""
        self._inflater: IgzipDecompressor | None = None

    def readinto(self, view: memoryview, /) -> int:
        """Writes the next inflated bytes into the view and says how many."""
        while len(view):
            if self._inflater is None:
                if not self._member_starts():
                    return 0
                gzipped = self._input.startswith(GZIP_MAGIC[:1])
                self._inflater = IgzipDecompressor(DECOMP_GZIP if gzipped else DECOMP_ZLIB)
            elif self._inflater.needs_input and not self._input:
                self._input = self._more()
                if not self._input:
                    raise DamagedFile("the compressed data stop before their end; wanted the whole file")
            piece = self._inflate(self._inflater, min(len(view), PIECE_BYTES))
            if piece:
                view[: len(piece)] = piece
                return len(piece)
        return 0

    def _member_starts(self) -> bool:
        """Whether anything follows but padding, which may stand between members and after them."""
        self._input = self._input.lstrip(b"\0")
        while not self._input:
            self._input = self._more()
            if not self._input:
                return False
            self._input = self._input.lstrip(b"\0")
        return True

    def _more(self) -> bytes:
        count = self._packed.readinto(self._buffer) or 0
        return bytes(self._buffer[:count])

    def _inflate(self, inflater: IgzipDecompressor, wanted: int) -> bytes:
        try:
            piece = inflater.decompress(self._input, wanted)
        except IsalError as error:  # type: ignore[misc]  # isal's stub calls the class an instance
            raise DamagedFile("the compressed data are damaged: a checksum or a code is wrong") from error
        self._input = b""
        if inflater.eof:
            self._input = inflater.unused_data
            self._inflater = None
        return piece


class Body:
    """What was read ahead, then the rest, counted against a limit."""

    def __init__(self, ahead: bytes, rest: Stream, limit: int) -> None:
        self._ahead = memoryview(ahead)
        self._rest = rest
        self._limit = limit
        self._left = limit

    def readinto(self, view: memoryview, /) -> int:
        """Writes the next bytes into the view and says how many.

        Raises:
            ImageTooLarge: More bytes than the limit came.
        """
        if len(self._ahead):
            count = min(len(view), len(self._ahead))
            view[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
        else:
            count = self._rest.readinto(view) or 0
        self._left -= count
        if self._left < 0:
            raise ImageTooLarge(
                f"the file inflates to more than {self._limit:,} bytes; wanted no more", max_bytes=self._limit
            )
        return count


def fill(stream: Stream, view: memoryview) -> int:
    """Reads until the view is full or the stream ends; gives how many bytes were read."""
    done = 0
    while done < len(view):
        count = stream.readinto(view[done:])
        if not count:
            break
        done += count
    return done


def require_end(stream: Stream) -> None:
    """Reads to the end, so that checksums are seen, and wants nothing there but padding.

    Raises:
        DamagedFile: More data than the header claims.
    """
    tail = bytearray(PADDING_BYTES + 1)
    count = fill(stream, memoryview(tail))
    if count > PADDING_BYTES or any(tail[:count]):
        raise DamagedFile("the file holds more data than its header claims; wanted the claimed voxels and no more")
