"""Files made to harm: refused before memory or time is spent on them."""

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from builders.dicom import DX, file_of, image_data, ramp, rtstruct, series, source, square, zipped
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import DeflatedExplicitVRLittleEndian

from features import errors
from features.case import Source
from features.dicom import parts, walk
from features.imaging.header import Limits
from features.imaging.read import read_image, read_segmentation

FILES = series(ramp())
LIMITS = Limits(max_bytes=64 * 1024**2, max_voxels=16 * 1024**2)


def refusal(content: bytes, kind: type[errors.FeatureError], limits: Limits = LIMITS) -> str:
    with pytest.raises(kind) as caught:
        read_image(Source.of(content), limits)
    assert type(caught.value) is kind
    return str(caught.value)


def packed(name: str, mode: int = 0, content: bytes = FILES[0], **changed: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("a" if "\\" in name else name)
        member.external_attr = mode << 16
        for field, value in changed.items():
            setattr(member, field, value)
        member.filename = name
        archive.writestr(member, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["../slice", "a/../../slice", "/etc/slice", "C:slice", "a\\..\\slice", "..", "a/..", "x\ny"]
)
def test_paths_that_lead_out_of_a_zip_are_refused(name: str) -> None:
    assert "path" in refusal(packed(name), errors.BadArchive)


def test_what_file_managers_add_to_a_zip_is_left_aside() -> None:
    named = {f"a/{index}.dcm": file for index, file in enumerate(FILES)}
    image = read_image(source(zipped(named | {"a/.DS_Store": b"\0", "__MACOSX/a/._0.dcm": b"\0", ".x/y": b"z"})))
    np.testing.assert_array_equal(image.voxels, read_image(source(FILES)).voxels)


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO | 0o666])
def test_links_and_devices_in_a_zip_are_refused(mode: int) -> None:
    assert "link" in refusal(packed("slice", mode, b"/etc/passwd"), errors.BadArchive)


def test_encrypted_and_unusual_zips_are_refused() -> None:
    locked = bytearray(zipped(FILES))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = locked.index(magic)
        locked[at + offset] |= 1
    assert "encrypted" in refusal(bytes(locked), errors.BadArchive)
    assert "unusual" in refusal(packed("slice", compress_type=zipfile.ZIP_LZMA), errors.BadArchive)


def test_a_bomb_in_a_zip_is_refused_by_its_ratio_before_it_is_inflated() -> None:
    bomb = zipped({"a.dcm": FILES[0][:132] + bytes(60 * 1024**2)}, 9)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert "to 1" in refusal(bomb, errors.BadArchive)
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024**2
    finally:
        tracemalloc.stop()


def test_more_bytes_or_files_than_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROOM_BYTES", 0)
    assert "bytes" in refusal(zipped(FILES), errors.ImageTooLarge, Limits(max_bytes=4000))
    monkeypatch.undo()
    refusal(zipped({f"{index}": b"x" for index in range(parts.MAX_FILES + 1)}), errors.BadArchive)


def test_a_zip_that_claims_less_than_it_holds_is_refused() -> None:
    lying = bytearray(zipped(FILES, 9))
    at = lying.index(b"PK\x01\x02")
    struct.pack_into("<I", lying, at + 24, 100)
    refusal(bytes(lying), errors.BadArchive)


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_cut_zip_is_refused(keep: float) -> None:
    content = zipped(FILES)
    refusal(content[: int(len(content) * keep)], errors.BadArchive)


def test_a_zip_in_a_zip_is_no_dicom() -> None:
    refusal(zipped([zipped(FILES)]), errors.UnknownFormat)


def deflated(data: bytes) -> bytes:
    head = series(ramp(), syntax=DeflatedExplicitVRLittleEndian)[0]
    start = 132 + 12 + struct.unpack_from("<I", head, 140)[0]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return head[:start] + squeeze.compress(data) + squeeze.flush()


def test_a_deflated_file_that_swells_is_refused_at_its_limit() -> None:
    bomb = deflated(bytes(300 * 1024**2))
    assert len(bomb) < 400_000
    tracemalloc.start()
    try:
        assert "inflates" in refusal(bomb, errors.ImageTooLarge)
        assert tracemalloc.get_traced_memory()[1] < 200 * 1024**2
    finally:
        tracemalloc.stop()


def nested(depth: int) -> bytes:
    data = image_data(ramp(1)[0])
    inner = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedStudySequence = Items([inner])
        outer["ReferencedStudySequence"].is_undefined_length = True
        inner = outer
    data.update(inner)
    return file_of(data, DX)


def test_sequences_nested_too_deep_are_refused() -> None:
    assert "nested" in refusal(nested(walk.MAX_DEPTH + 1), errors.DamagedFile)


def test_more_elements_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ELEMENTS", 20)
    assert "more than 20 elements" in refusal(zipped(FILES), errors.DamagedFile)


def test_all_files_together_may_have_so_many_elements_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.dicom.series.MAX_ALL_ELEMENTS", 100)
    assert "100 DICOM elements" in refusal(zipped(FILES), errors.ImageTooLarge)


def test_more_points_than_may_be_are_refused_before_they_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.dicom.rtstruct.MAX_POINTS", 6)
    image = read_image(source(FILES))
    for many, refused in (([square(1, 1, 5, 5, 1)], False), ([square(1, 1, 5, 5, 1), square(1, 1, 5, 5, 2)], True)):
        file = Source.of(rtstruct({"a": many}))
        if refused:
            with pytest.raises(errors.BadContours, match="6 points"):
                read_segmentation(file, image=image, numbers=(1,))
        else:
            read_segmentation(file, image=image, numbers=(1,))


@pytest.mark.parametrize("value", ["1\\2\\x", "1\\2\\inf", "1\\2\\nan", "1\\\\2"])
def test_coordinates_that_are_no_numbers_are_refused(value: str) -> None:
    whole = rtstruct({"a": [square(1, 1, 5, 5, 1)]})
    at = whole.index(b"\x06\x30\x50\x00DS") + 8
    broken = whole[:at] + value.ljust(20).encode() + whole[at + 20 :]
    with pytest.raises(errors.DamagedFile):
        read_segmentation(Source.of(broken), image=read_image(source(FILES)), numbers=(1,))


@pytest.mark.parametrize("keep", [10, 100, 131, 140, 300, 700, 1000, -1, -100])
def test_a_cut_file_is_refused(keep: int) -> None:
    with pytest.raises(errors.BadImage):
        read_image(source([FILES[0][:keep], *FILES[1:]]))


def test_a_length_beyond_the_end_is_refused() -> None:
    for length in (0x7FFFFFFF, 0xFFFFFFF0):
        content = bytearray(FILES[0])
        at = content.index(b"\xe0\x7f\x10\x00OW")
        struct.pack_into("<I", content, at + 8, length)
        assert "claims" in refusal(bytes(content), errors.DamagedFile)


def test_what_a_file_claims_costs_nothing_before_it_is_held_against_the_limits() -> None:
    def vast(data: Dataset, index: int) -> None:
        data.Rows, data.Columns, data.NumberOfFrames = 65535, 65535, 60000

    tracemalloc.start()
    try:
        refusal(zipped(series(ramp(), change=vast)), errors.ImageTooLarge)
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024**2
    finally:
        tracemalloc.stop()


def test_links_and_hidden_files_of_a_folder_are_left_aside(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for index, file in enumerate(FILES):
        (folder / f"{index}.dcm").write_bytes(file)
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    secret = tmp_path / "secret"
    secret.write_bytes(b"not DICOM")
    (folder / "link.dcm").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    np.testing.assert_array_equal(read_image(Source.of(folder)).voxels, read_image(source(FILES)).voxels)


def test_a_folder_and_its_copy_under_other_names_have_one_digest(tmp_path: Path) -> None:
    digests = []
    for name, order in (("a", FILES), ("b", FILES[::-1])):
        (tmp_path / name).mkdir()
        for index, file in enumerate(order):
            (tmp_path / name / f"{name}{index}").write_bytes(file)
        digests.append(Source.of(tmp_path / name).digest)
    assert digests[0] == digests[1] != Source.of(tmp_path / "a" / "a0").digest
