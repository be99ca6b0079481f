"""Compressed pixels are decoded by native code, which a crafted file may crash: in a child process, never in this one.

A child has an address space of its own size, a time for each request, and no way back but a pipe of plain bytes whose
number is known before. It is kept for the next slice; one that died or was too slow is replaced.
"""

import atexit
import contextlib
import json
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from features.dicom.instance import Layout
from features.errors import DamagedFile, UnsupportedImage

SYNTAXES = {
    "1.2.840.10008.1.2.5": "RLE",
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}
"""Compressions that are read."""
SECONDS = 30.0
"""For the decoders of one source, and a second more for each MiB of decoded pixels; a sound CT takes a tenth."""
MEMORY_BYTES = 2 * 1024**3
"""Address space of a child beside the pixels; libraries alone take half of it."""
IDLE = 2
"""Children that wait for the next slice."""

_REFUSED = b"\0" * 9
_CHILD = Path(__file__).with_name("decode_child.py")


@dataclass(slots=True)
class Patience:
    """How long all decoders of one source may still take."""

    seconds: float

    @classmethod
    def for_bytes(cls, decoded_bytes: int) -> "Patience":
        """As long as that many decoded pixels may take."""
        return cls(SECONDS + decoded_bytes / 1024**2)


def decoded(layout: Layout, pixels: bytes, patience: Patience) -> bytes:
    """Decompresses all frames of one instance.

    Args:
        layout: As the header has it; what comes back is exactly that long, little-endian.
        pixels: Items with fragments, as the file has them.
        patience: Grows less by the time that it takes.

    Raises:
        DamagedFile: The decoder refused it, crashed, gave another size, or took too long or too much memory.
        UnsupportedImage: A compression that is not read.
    """
    if layout.transfer_syntax not in SYNTAXES:
        raise UnsupportedImage(
            "pixels are compressed in a way that is not read; wanted uncompressed ones, "
            f"or {', '.join(dict.fromkeys(SYNTAXES.values()))}"
        )
    request = {
        "transfer_syntax": layout.transfer_syntax,
        "rows": layout.rows,
        "columns": layout.columns,
        "frames": layout.frames,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "signed": layout.signed,
    }
    start = time.monotonic()
    child = _taken()
    try:
        plain = child.ask(json.dumps(request).encode(), pixels, layout.decoded_bytes, max(0.0, patience.seconds))
    except BaseException:
        child.end()
        raise
    patience.seconds -= time.monotonic() - start
    _put_back(child)
    if plain is None:
        raise DamagedFile(
            f"the {SYNTAXES[layout.transfer_syntax]} pixels cannot be decoded to what the header claims "
            "within the time and memory allowed; wanted the file as it was written"
        )
    return plain


class _Child:
    """One process of `decode_child.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", str(_CHILD), str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            cwd="/",
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes, pixels: bytes, expected: int, seconds: float) -> bytes | None:
        """The decoded pixels, or None where the child could not; unless it said so itself it has ended."""
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - pipes
            self._process.stdin.write(struct.pack("<IQ", len(request), len(pixels)))
            self._process.stdin.write(request)
            self._process.stdin.write(pixels)
            self._process.stdin.flush()
            plain, in_step = _answer(self._process.stdout, expected)
        except OSError:  # it died in the middle
            plain, in_step = None, False
        finally:
            timer.cancel()
        if not in_step:
            self.end()
        return plain

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was still to be written has nobody to read it
                    pipe.close()
        self._process.wait()


def _answer(pipe: IO[bytes], expected: int) -> tuple[bytes | None, bool]:
    """The pixels, and whether the child is ready for the next request."""
    head = pipe.read(9)
    if head == _REFUSED:
        return None, True
    if len(head) < 9 or head[:1] != b"\x01" or struct.unpack("<Q", head[1:])[0] != expected:
        return None, False
    plain = pipe.read(expected)
    return (plain, True) if len(plain) == expected else (None, False)


_lock = threading.Lock()
_idle: list[_Child] = []


def _taken() -> _Child:
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.alive:
                return child
            child.end()
    return _Child()


def _put_back(child: _Child) -> None:
    with _lock:
        if child.alive and len(_idle) < IDLE:
            _idle.append(child)
            return
    child.end()


@atexit.register
def end_idle() -> None:
    """Ends the children that wait."""
    with _lock:
        while _idle:
            _idle.pop().end()
