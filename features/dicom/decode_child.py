"""The child process that decodes compressed pixels: plain bytes in, plain bytes out, within its limits.

It imports nothing of ours, so that it starts fast and has nothing to lose.
"""

import contextlib
import json
import os
import resource
import struct
import sys
import warnings
from typing import Any, BinaryIO


def main() -> int:
    """Answers requests until its parent goes."""
    requests, answers = _pipes()
    import numpy as np  # noqa: PLC0415
    from pydicom import config  # noqa: PLC0415
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415
    from pydicom.uid import UID  # noqa: PLC0415

    config.settings.reading_validation_mode = config.IGNORE
    warnings.simplefilter("ignore")
    # Of RLE that decodes to more or less than it should, pydicom only warns.
    warnings.filterwarnings("error", module=r"pydicom\.pixels\.decoders\.rle", append=False)
    _limit(int(sys.argv[1]))
    while len(head := requests.read(12)) == 12:
        length, size = struct.unpack("<IQ", head)
        asked = json.loads(requests.read(length))
        pixels = requests.read(size)
        frames: list[bytes] = []
        with contextlib.suppress(Exception):
            frames = _decoded(get_decoder(UID(asked["transfer_syntax"])), asked, pixels, np)
        answers.write(struct.pack("<BQ", bool(frames), sum(len(frame) for frame in frames)))
        answers.writelines(frames)
        answers.flush()
    return 0


def _decoded(decoder: Any, asked: dict[str, Any], pixels: bytes, np: Any) -> list[bytes]:  # noqa: ANN401 - foreign
    kind = np.dtype(f"<{'i' if asked['signed'] else 'u'}{max(1, asked['bits_allocated'] // 8)}")
    from pydicom.encaps import get_frame  # noqa: PLC0415

    frames: list[bytes] = []
    for index in range(asked["frames"]):
        size = _size(get_frame(pixels, index, number_of_frames=asked["frames"]))
        if size is not None and (size[:2] != (asked["rows"], asked["columns"]) or size[2] > asked["bits_allocated"]):
            return []  # decoders cut it to what the header claims, or crash
        frame, told = decoder.as_array(
            pixels,
            index=index,
            raw=True,
            decoding_plugin="pydicom" if asked["transfer_syntax"] == "1.2.840.10008.1.2.5" else "gdcm",
            rows=asked["rows"],
            columns=asked["columns"],
            number_of_frames=asked["frames"],
            samples_per_pixel=1,
            bits_allocated=asked["bits_allocated"],
            bits_stored=asked["bits_stored"],
            pixel_representation=int(asked["signed"]),
            photometric_interpretation="MONOCHROME2",
            pixel_keyword="PixelData",
        )
        if frame.shape != (asked["rows"], asked["columns"]) or told["bits_allocated"] != asked["bits_allocated"]:
            return []
        frames.append(frame.astype(kind).tobytes())
    return frames


def _size(frame: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and bits by a JPEG, JPEG-LS or JPEG 2000 stream's own header; None of what has none."""
    if frame[:4] == b"\xff\x4f\xff\x51":
        width, height, left, top = struct.unpack_from(">4I", frame, 8)
        return height - top, width - left, (frame[42] & 0x7F) + 1
    if frame[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        kind = frame[at + 1]
        if kind == 0xF7 or (0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC)):
            height, width = struct.unpack_from(">2H", frame, at + 5)
            return height, width, frame[at + 4]
        if kind == 0xFF:
            at += 1
            continue
        at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    return 0, 0, 0


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Ours alone: what native code prints goes nowhere."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return requests, answers


def _limit(address_space: int) -> None:
    """What it may take; set once libraries are loaded."""
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    for none in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(none, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
