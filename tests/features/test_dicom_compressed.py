"""Compressed pixels: the same numbers as plain ones, and decoders that die alone."""

import os
import signal
import subprocess
import sys
import threading
from io import BytesIO

import numpy as np
import pytest
from builders.dicom import (
    ENHANCED_CT,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_FIRST,
    JPEG_LS,
    MR,
    RLE,
    compressed,
    enhanced,
    file_of,
    ramp,
    series,
    source,
)
from pydicom import dcmread

from features import errors
from features.dicom import decoding
from features.dicom.instance import Layout
from features.imaging.read import read_image

VOXELS = ramp(3)
FILES = series(VOXELS)
PLAIN = read_image(source(FILES))


@pytest.mark.parametrize("syntax", [RLE, JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST, JPEG_LS, JPEG_2000])
def test_lossless_compressions_give_what_plain_pixels_give(syntax: str) -> None:
    image = read_image(source([compressed(file, syntax) for file in FILES]))
    np.testing.assert_array_equal(image.voxels, PLAIN.voxels)
    assert image.grid == PLAIN.grid


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS])
def test_frames_of_one_compressed_file_come_in_their_order(syntax: str) -> None:
    data = dcmread(BytesIO(enhanced(VOXELS, order=(2, 0, 1))))
    data.compress(syntax, generate_instance_uid=False)
    image = read_image(source(file_of(data, ENHANCED_CT, syntax)))
    np.testing.assert_array_equal(image.voxels, PLAIN.voxels)


def test_slices_are_decoded_by_one_child() -> None:
    decoding.end_idle()
    files = [compressed(file, JPEG_LS) for file in FILES]
    read_image(source(files))
    (first,) = decoding._idle
    read_image(source(files))
    assert decoding._idle == [first]


def layout(syntax: str = JPEG_LS, **changed: int) -> Layout:
    told = {"rows": 12, "columns": 16, "frames": 1, "bits_allocated": 16, "bits_stored": 16} | changed
    return Layout(
        signed=True, photometric="MONOCHROME2", transfer_syntax=syntax, encapsulated=True, big_endian=False, **told
    )


@pytest.mark.parametrize("syntax", list(decoding.SYNTAXES))
@pytest.mark.parametrize("pixels", [b"", b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0\x08\0\0\0nonsense"])
def test_nonsense_is_a_damaged_file(syntax: str, pixels: bytes) -> None:
    with pytest.raises(errors.DamagedFile):
        decoding.decoded(layout(syntax), pixels, decoding.Patience(60.0))


EIGHT = {"bits_allocated": 8, "bits_stored": 8}


@pytest.mark.parametrize("syntax", [RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000])
def test_pixels_of_another_size_than_the_header_claims_are_refused(syntax: str) -> None:
    pixels = dcmread(BytesIO(compressed(FILES[0], syntax))).PixelData
    assert len(decoding.decoded(layout(syntax), pixels, decoding.Patience(60.0))) == 12 * 16 * 2
    for changed in ({"rows": 11}, {"rows": 13}, {"columns": 15}, {"columns": 17}, {"frames": 2}, EIGHT):
        with pytest.raises(errors.DamagedFile):
            decoding.decoded(layout(syntax, **changed), pixels, decoding.Patience(60.0))


def test_a_compression_that_is_not_read_is_named() -> None:
    with pytest.raises(errors.UnsupportedImage, match="JPEG 2000"):
        decoding.decoded(layout("1.2.840.10008.1.2.4.201"), b"", decoding.Patience(60.0))


def test_a_decoder_that_crashes_or_hangs_is_a_damaged_file_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [compressed(file, JPEG_LS) for file in FILES]
    read_image(source(files))
    child = decoding._idle[-1]._process
    os.kill(child.pid, signal.SIGSTOP)  # as a decoder in an endless loop
    monkeypatch.setattr(decoding, "SECONDS", 0.5)
    monkeypatch.setattr(decoding, "_idle", decoding._idle[-1:])
    with pytest.raises(errors.DamagedFile, match="time and memory"):
        read_image(source(files))
    assert child.poll() is not None
    monkeypatch.undo()
    read_image(source(files))
    os.kill(decoding._idle[-1]._process.pid, signal.SIGSEGV)  # as a decoder that writes where it must not
    decoding._idle[-1]._process.wait()
    np.testing.assert_array_equal(read_image(source(files)).voxels, PLAIN.voxels)


def test_a_child_has_its_memory_and_no_more() -> None:
    script = (
        "import resource, runpy, sys; from pathlib import Path; "
        f"child = runpy.run_path({str(decoding._CHILD)!r}); child['_limit'](400 * 1024**2); "
        "bytearray(1024**3)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"MemoryError" in done.stderr


def test_a_child_goes_with_its_parent() -> None:
    script = (
        "from features.dicom import decoding; child = decoding._taken(); print(child._process.pid, flush=True); "
        "import os; os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    pid = int(done.stdout)
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        threading.Event().wait(0.1)
    raise AssertionError("the child still runs a minute after its parent")


def test_several_threads_decode_side_by_side() -> None:
    files = [compressed(file, RLE) for file in FILES]
    seen: list[bool] = []

    def read() -> None:
        seen.append(bool((read_image(source(files)).voxels == PLAIN.voxels).all()))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4
    assert len(decoding._idle) <= decoding.IDLE


def test_lossy_pixels_of_eight_bits_are_read() -> None:
    eight = (ramp(3) // 30).astype(np.uint8)

    image = read_image(source([compressed(file, JPEG_BASELINE) for file in series(eight, MR)]))
    assert np.abs(image.voxels - eight).max() < 12


def test_many_slow_slices_share_one_patience() -> None:
    patience = decoding.Patience(0.0)
    with pytest.raises(errors.DamagedFile, match="time and memory"):
        decoding.decoded(layout(), b"\0" * 1000, patience)
    assert patience.seconds < 0
