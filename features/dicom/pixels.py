"""Stored values of one instance, frame by frame: taken as they stand, or decompressed in a process of their own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.dicom.decoding import Patience, decoded
from features.dicom.instance import Layout

Stored = NDArray[Any]
"""Values as stored, (rows, columns)."""


def stored_frames(layout: Layout, pixels: bytes, patience: Patience) -> Iterator[Stored]:
    """The frames of an instance, in its order.

    Args:
        layout: Checked; native pixels are as long as it says.
        pixels: As the file has them.
        patience: For the decoders of the whole source.

    Raises:
        DamagedFile: Compressed pixels that cannot be decoded.
        UnsupportedImage: A compression that is not read.
    """
    plain = decoded(layout, pixels, patience) if layout.encapsulated else pixels
    area = layout.rows * layout.columns
    if layout.bits_allocated == 1:
        yield from _bits(layout, plain, area)
        return
    kind = np.dtype(f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")
    values = np.frombuffer(plain, kind.newbyteorder(">" if layout.big_endian else "<"), area * layout.frames)
    for start in range(0, values.size, area):
        yield _low_bits(values[start : start + area], layout).reshape(layout.rows, layout.columns)


def _bits(layout: Layout, plain: bytes, area: int) -> Iterator[Stored]:
    """Bits run on from frame to frame, the lowest of each byte first (PS3.5, 8.1.1)."""
    packed = np.frombuffer(plain, np.uint8)
    for start in range(0, area * layout.frames, area):
        first, last = start // 8, -(-(start + area) // 8)
        bits = np.unpackbits(packed[first:last], bitorder="little")
        yield bits[start - 8 * first :][:area].reshape(layout.rows, layout.columns)


def _low_bits(values: Stored, layout: Layout) -> Stored:
    """Without what old writers kept in unused high bits, such as overlays."""
    unused = layout.bits_allocated - layout.bits_stored
    if not unused:
        return values
    native = values.astype(values.dtype.newbyteorder("="))
    return (native << unused) >> unused  # arithmetic for signed values: the sign is kept
