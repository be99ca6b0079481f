"""Whatever bytes come, a leaf of our errors goes out, and memory stays small."""

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from builders.images import metaimage, nifti, nifti2, nifti_header, nrrd, nrrd_fields, nrrd_header
from hypothesis import given, settings
from hypothesis import strategies as st
from isal.igzip_lib import IgzipDecompressor

from features.case import Source
from features.errors import DamagedFile, FeatureError, ImageTooLarge
from features.imaging.read import Limits, read_image, read_segmentation
from features.imaging.stream import Inflated, fill

ARRAY = np.random.default_rng(3).integers(-1000, 1000, (6, 7, 8)).astype(np.int16)
GOOD: dict[str, bytes] = {
    "nifti": nifti(ARRAY),
    "nifti.gz": nifti(ARRAY, compressed=True),
    "nifti2": nifti2(ARRAY),
    "nrrd": nrrd(ARRAY),
    "nrrd gzip": nrrd(ARRAY, compressed=True),
    "nrrd.gz": gzip.compress(nrrd(ARRAY)),
    "nrrd gzip.gz": gzip.compress(nrrd(ARRAY, compressed=True)),
    "mha": metaimage(ARRAY),
    "mha zlib": metaimage(ARRAY, compressed=True),
    "mha zlib.gz": gzip.compress(metaimage(ARRAY, compressed=True)),
}
CHECKED = [name for name in GOOD if "gz" in name or "zlib" in name]
SMALL = Limits(max_bytes=1_000_000, max_voxels=500_000)
MAGICS = [b"", b"NRRD0004\n", b"ObjectType = Image\n", b"\x1f\x8b\x08\0", b"\x5c\x01\0\0"]
kinds = st.sampled_from(sorted(GOOD))


def read_both(content: bytes) -> None:
    for read in (read_image, read_segmentation):
        try:
            read(Source.of(content), SMALL)
        except FeatureError as error:
            assert type(error).__subclasses__() == [], "a leaf, never a branch"
            assert str(error).isprintable()
            assert len(str(error)) < 500


@settings(max_examples=300, deadline=None)
@given(kinds, st.data())
def test_flipped_bits_never_break_out(kind: str, data: st.DataObject) -> None:
    content = bytearray(GOOD[kind])
    # Headers matter more than voxels: half of the flips fall into the first 400 bytes.
    places = st.one_of(st.integers(0, min(400, len(content)) - 1), st.integers(0, len(content) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    read_both(bytes(content))


@settings(max_examples=200, deadline=None)
@given(kinds, st.data())
def test_bytes_cut_out_put_in_or_replaced_never_break_out(kind: str, data: st.DataObject) -> None:
    content = GOOD[kind]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 64)))
    read_both(content[:start] + data.draw(st.binary(max_size=64)) + content[end:])


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=600),
    st.sampled_from(MAGICS),
)
def test_no_bytes_break_out(content: bytes, magic: bytes) -> None:
    read_both(magic + content)


@settings(max_examples=200, deadline=None)
@given(kinds, st.data())
def test_every_truncation_is_found(kind: str, data: st.DataObject) -> None:
    content = GOOD[kind][: data.draw(st.integers(0, len(GOOD[kind]) - 1))]
    with pytest.raises(FeatureError) as caught:
        read_image(Source.of(content), SMALL)
    if len(content) >= 400:
        assert isinstance(caught.value, DamagedFile)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CHECKED), st.data())
def test_one_flipped_bit_in_compressed_voxels_never_changes_a_voxel(kind: str, data: st.DataObject) -> None:
    content = bytearray(GOOD[kind])
    # Behind any header: the last two thirds are compressed, checksum and length included.
    place = data.draw(st.integers(len(content) // 3, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        image = read_image(Source.of(bytes(content)), SMALL)
    except DamagedFile:
        return
    # A few bits mean nothing: those between the end of the code and the next byte.
    np.testing.assert_array_equal(image.voxels, ARRAY)


def inflated(content: bytes) -> bytes | None:
    buffer = bytearray(100_000)
    try:
        return bytes(buffer[: fill(Inflated(io.BytesIO(content)), memoryview(buffer))])
    except DamagedFile:
        return None


def inflated_by_zlib(content: bytes) -> bytes | None:
    found = b""
    rest = content.lstrip(b"\0")
    try:
        while rest:
            inflater = zlib.decompressobj(wbits=47)
            found += inflater.decompress(rest)
            if not inflater.eof:
                return None
            rest = inflater.unused_data.lstrip(b"\0")
    except zlib.error:
        return None
    return found


@settings(max_examples=400, deadline=None)
@given(st.data(), st.binary(max_size=3000), st.integers(0, 9), st.sampled_from([15, 31]), st.integers(0, 4))
def test_zlib_finds_the_same_streams_damaged_and_the_same_content_in_the_others(
    data: st.DataObject, raw: bytes, level: int, wbits: int, strategy: int
) -> None:
    packer = zlib.compressobj(level, wbits=wbits, strategy=strategy)
    member = packer.compress(raw * 5) + packer.flush()
    content = bytearray(member * data.draw(st.integers(1, 2)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        # The flags that gzip reserves, zlib refuses; ISA-L passes over them, and the checksums hold.
        reserved = wbits == 31 and place % len(member) == 3
        content[place] ^= 1 << data.draw(st.integers(0, 4 if reserved else 7))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    assert inflated(cut) == inflated_by_zlib(cut)


@pytest.mark.parametrize("kind", CHECKED)
def test_a_wrong_checksum_is_found(kind: str) -> None:
    for from_the_end in (1, 4):
        content = bytearray(GOOD[kind])
        content[-from_the_end] ^= 1
        with pytest.raises(DamagedFile):
            read_image(Source.of(bytes(content)), SMALL)


@pytest.mark.parametrize("kind", GOOD)
def test_more_voxels_than_claimed_are_found_and_padding_is_not_minded(kind: str) -> None:
    read_image(Source.of(GOOD[kind] + bytes(500)))
    with pytest.raises(DamagedFile):
        read_image(Source.of(GOOD[kind] + b"\x07" * 500))


def claims() -> dict[str, Callable[[int], bytes]]:
    """Headers that claim n x n x n voxels of two bytes, and hold none."""
    return {
        "nifti": lambda n: nifti_header((n, n, n), affine_ras=np.eye(4)),
        "nifti.gz": lambda n: gzip.compress(nifti_header((n, n, n), affine_ras=np.eye(4))),
        "nrrd": lambda n: nrrd_header(nrrd_fields(ARRAY) | {"sizes": f"{n} {n} {n}"}),
        "nrrd gzip": lambda n: nrrd_header(nrrd_fields(ARRAY) | {"sizes": f"{n} {n} {n}", "encoding": "gzip"}),
        "mha": lambda n: metaimage(ARRAY, None, {"DimSize": f"{n} {n} {n}"}),
        "mha zlib": lambda n: metaimage(ARRAY, None, {"DimSize": f"{n} {n} {n}", "CompressedData": "True"}),
    }


def peak_bytes(content: bytes, error: type[FeatureError], limits: Limits) -> int:
    source = Source.of(content)
    tracemalloc.start()
    try:
        with pytest.raises(error):
            read_image(source, limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", claims())
def test_a_header_that_claims_54_terabytes_costs_nothing(kind: str) -> None:
    assert peak_bytes(claims()[kind](30_000), ImageTooLarge, Limits()) < 4_000_000


@pytest.mark.parametrize("kind", ["nifti", "nrrd"])
def test_a_truncated_file_is_found_before_memory_is_taken(kind: str) -> None:
    assert peak_bytes(claims()[kind](500), DamagedFile, Limits()) < 4_000_000


def bomb(start: bytes, megabytes: int, wbits: int = 31) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    zeros = bytes(2**20)
    return b"".join([packer.compress(start), *(packer.compress(zeros) for _ in range(megabytes)), packer.flush()])


def test_what_inflates_without_end_is_stopped_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []
    inflate = Inflated._inflate

    def counted(self: Inflated, inflater: IgzipDecompressor, wanted: int) -> bytes:
        piece = inflate(self, inflater, wanted)
        inflated.append(len(piece))
        return piece

    monkeypatch.setattr(Inflated, "_inflate", counted)
    nrrd_head = nrrd_header(nrrd_fields(ARRAY) | {"encoding": "gzip"})
    meta_head = metaimage(ARRAY, None, {"CompressedData": "True"}).partition(b"LOCAL\n")[0] + b"LOCAL\n"
    bombs = [
        bomb(GOOD["nifti"], 64),
        nrrd_head + bomb(b"", 64),
        meta_head + bomb(b"", 64, wbits=15),
        gzip.compress(nrrd_head + bomb(b"", 64)),
    ]
    for content in bombs:
        inflated.clear()
        assert peak_bytes(content, DamagedFile, Limits()) < 16_000_000
        assert sum(inflated) < 4_000_000


def test_members_without_content_inside_a_bomb_are_counted() -> None:
    # Inflating to a hundred thousand empty gzip members gives no voxel, yet costs time.
    head = nrrd_header(nrrd_fields(ARRAY) | {"encoding": "gzip"})
    content = gzip.compress(head + gzip.compress(b"") * 100_000)
    with pytest.raises(DamagedFile):
        read_image(Source.of(content))
    with pytest.raises(ImageTooLarge, match="inflates to more"):
        read_image(Source.of(gzip.compress(head + gzip.compress(b"") * 200_000)), SMALL)


def test_an_offset_far_behind_is_counted_too() -> None:
    header = bytearray(nifti_header((8, 7, 6), affine_ras=np.eye(4)))
    header[108:112] = np.float32(2**30).tobytes()
    with pytest.raises(ImageTooLarge, match="inflates to more"):
        read_image(Source.of(bomb(bytes(header), 8)), SMALL)
    with pytest.raises(DamagedFile):
        read_image(Source.of(bytes(header)), SMALL)


def test_a_whole_ct_is_held_once() -> None:
    array = np.zeros((64, 256, 256), np.int16)
    content = nifti(array, compressed=True)
    source = Source.of(content)
    tracemalloc.start()
    image = read_image(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The slab under way is 8 MiB, and what was read ahead 1 MiB, twice.
    assert peak < image.voxels.nbytes + 16 * 2**20
