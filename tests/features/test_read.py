"""Every format gives the voxels and the grid that SimpleITK sees, and nothing is lost on the way."""

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders.images import Array, grid, metaimage, nifti, nifti2, nrrd

from features.case import Source
from features.errors import ImageTooLarge, NonFiniteVoxels, NotLabels, UnknownFormat, UnsupportedImage
from features.imaging.read import Limits, read_image, read_segmentation
from features.imaging.volume import Grid, Image
from features.samples import CASES, sample

TURNED = (0.0, -1.0, 0.0, 0.6, 0.0, -0.8, 0.8, 0.0, 0.6)
GRID = grid((5, 4, 3), (0.75, 1.5, 2.5), (-12.5, 7.25, 100.0), TURNED)
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
TYPES = (*INTEGERS, "float32", "float64")
Writer = Callable[..., bytes]
WRITERS: dict[str, tuple[Writer, str]] = {"nifti": (nifti, ".nii"), "nrrd": (nrrd, ".nrrd"), "mha": (metaimage, ".mha")}


def voxels(dtype: str, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 1000, (3, 4, 5)).astype(dtype)
    kind = np.iinfo(dtype)
    return random.integers(max(kind.min, -(2**24)), min(kind.max, 2**24), (3, 4, 5), endpoint=True).astype(dtype)


def assert_as_simpleitk_reads_it(image: Image, path: Path) -> None:
    seen = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(seen)
    assert image.pixel_type == array.dtype.name
    np.testing.assert_array_equal(image.voxels, array.astype(np.float32))
    assert image.grid.size == seen.GetSize()
    np.testing.assert_allclose(image.grid.spacing_mm, seen.GetSpacing(), rtol=1e-7)
    np.testing.assert_allclose(image.grid.origin_mm, seen.GetOrigin(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(image.grid.direction, seen.GetDirection(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", WRITERS)
def test_every_type_and_byte_order_reads_as_simpleitk_reads_it(
    kind: str, dtype: str, endian: str, tmp_path: Path
) -> None:
    write, suffix = WRITERS[kind]
    array = voxels(dtype)
    path = tmp_path / ("image" + suffix)
    path.write_bytes(write(array, GRID, endian=endian))
    image = read_image(Source.of(path))
    np.testing.assert_array_equal(image.voxels, array.astype(np.float32))
    assert_as_simpleitk_reads_it(image, path)


@pytest.mark.parametrize("source_suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_simpleitk_writes_is_read_back(source_suffix: str, compressed: bool, tmp_path: Path) -> None:
    array = voxels("int16")
    written = sitk.GetImageFromArray(array)
    written.SetSpacing(GRID.spacing_mm)
    written.SetOrigin(GRID.origin_mm)
    written.SetDirection(GRID.direction)
    written.SetMetaData("0008|0060", "CT")
    path = tmp_path / ("image" + source_suffix)
    sitk.WriteImage(written, str(path), compressed)
    assert_as_simpleitk_reads_it(read_image(Source.of(path)), path)


@pytest.mark.parametrize("write", [nifti, nifti2, nrrd, metaimage])
def test_bytes_a_path_and_gzip_around_either_give_the_same_image(write: Writer, tmp_path: Path) -> None:
    content = write(voxels("int16"), GRID)
    path = tmp_path / "no_suffix"
    path.write_bytes(gzip.compress(content))
    images = [read_image(Source.of(given)) for given in (content, gzip.compress(content), path)]
    for image in images:
        np.testing.assert_array_equal(image.voxels, voxels("int16"))
        assert image.grid == images[0].grid
        np.testing.assert_allclose(image.grid.direction, TURNED, atol=1e-6)
        np.testing.assert_allclose(image.grid.origin_mm, GRID.origin_mm)


@pytest.mark.parametrize("write", [nrrd, metaimage])
def test_compressed_voxels_inside_a_gzip_wrapper_are_read(write: Writer) -> None:
    content = gzip.compress(write(voxels("float32"), GRID, compressed=True))
    np.testing.assert_array_equal(read_image(Source.of(content)).voxels, voxels("float32"))


def test_several_gzip_members_and_their_padding_are_one_file() -> None:
    content = nifti(voxels("int16"))
    split = gzip.compress(content[:100]) + gzip.compress(b"") + gzip.compress(content[100:]) + bytes(512)
    np.testing.assert_array_equal(read_image(Source.of(split)).voxels, voxels("int16"))


@pytest.mark.parametrize("case", CASES)
def test_real_cases_read_as_simpleitk_reads_them(case: str) -> None:
    for path in sample(case):
        assert_as_simpleitk_reads_it(read_image(Source.of(path)), path)


@pytest.mark.skipif("RADRESPONSE_DATA" not in os.environ, reason="RADRESPONSE_DATA is not set")
def test_nifti_files_of_other_makers_read_as_simpleitk_reads_them() -> None:
    paths = sorted(Path(os.environ["RADRESPONSE_DATA"]).rglob("*.nii*"))
    small = [path for path in paths if path.stat().st_size < 500_000]
    assert small
    for path in small:
        assert_as_simpleitk_reads_it(read_image(Source.of(path)), path)


def test_the_digest_is_that_of_the_file_as_it_came() -> None:
    content = nifti(voxels("int16"), compressed=True)
    assert read_image(Source.of(content)).digest == hashlib.sha256(content).hexdigest()
    assert read_segmentation(Source.of(nrrd(np.ones((2, 2, 2), np.uint8)))).digest != ""


def test_images_of_several_slabs_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.imaging.read.SLAB_BYTES", 14)
    for write in (nifti, nrrd, metaimage):
        image = read_image(Source.of(write(voxels("int16"), compressed=True)))
        np.testing.assert_array_equal(image.voxels, voxels("int16"))


@pytest.mark.parametrize("value", [2**24 + 1, -(2**31)])
def test_whole_numbers_that_32_bit_floats_cannot_hold_are_refused(value: int) -> None:
    array = voxels("int32")
    array[0, 0, 0] = value
    with pytest.raises(UnsupportedImage, match="without loss"):
        read_image(Source.of(nrrd(array)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted(value: float) -> None:
    array = voxels("float32")
    array[1, 2, 1:3] = value
    with pytest.raises(NonFiniteVoxels, match="2 of 60 voxels") as caught:
        read_image(Source.of(nifti(array)))
    assert caught.value.details == {"count": "2"}
    with pytest.raises(NonFiniteVoxels, match="2 labels"):
        read_segmentation(Source.of(nifti(array)))


def test_intensities_too_large_for_32_bits_are_infinite() -> None:
    array = voxels("float64")
    array[0, 0, 0] = 1e300
    with pytest.raises(NonFiniteVoxels, match="1 of 60"):
        read_image(Source.of(nrrd(array)))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "float64"])
def test_labels_are_whole_numbers_in_any_type(dtype: str) -> None:
    array = np.arange(60).reshape(3, 4, 5).astype(dtype)
    segmentation = read_segmentation(Source.of(nrrd(array)))
    assert segmentation.labels.dtype == np.int32
    np.testing.assert_array_equal(segmentation.labels, array)


@pytest.mark.parametrize(
    ("dtype", "value", "said"),
    [
        ("float32", 0.5, "1 voxels are no whole numbers, such as 0.5"),
        ("int16", -1, "from -1"),
        ("uint32", 2**31, "to 2147483648"),
        ("float64", 1e12, "to 1000000000000.0"),
    ],
)
def test_values_that_are_no_labels_are_refused(dtype: str, value: float, said: str) -> None:
    array = np.zeros((3, 4, 5), dtype)
    array[1, 1, 1] = value
    with pytest.raises(NotLabels, match=said):
        read_segmentation(Source.of(nrrd(array)))


def test_scaled_labels_count_as_scaled() -> None:
    array = np.array([[[0, 1, 2]]], np.int16)
    assert read_segmentation(Source.of(nifti(array, slope=2.0, intercept=1.0))).labels.ravel().tolist() == [1, 3, 5]
    with pytest.raises(NotLabels):
        read_segmentation(Source.of(nifti(array, slope=0.5)))


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n" + bytes(400), b"hello", bytes(2000), gzip.compress(b"x" * 999)],
    ids=["PNG", "text", "zeros", "gzip of text"],
)
def test_anything_else_is_no_image(content: bytes) -> None:
    with pytest.raises(UnknownFormat, match="NIfTI, NRRD, MetaImage or DICOM"):
        read_image(Source.of(content))


@pytest.mark.parametrize("write", [nifti, nifti2, nrrd, metaimage])
def test_limits_hold_for_every_format(write: Writer) -> None:
    content = write(voxels("int16"))
    read_image(Source.of(content), Limits(max_bytes=120, max_voxels=60))
    for limits in (Limits(max_bytes=119), Limits(max_voxels=59)):
        with pytest.raises(ImageTooLarge, match="5 x 4 x 3"):
            read_image(Source.of(content), limits)


def test_grids_hold_only_python_numbers() -> None:
    for write in (nifti, nifti2, nrrd, metaimage):
        seen: Grid = read_image(Source.of(write(voxels("int16")))).grid
        assert {type(value) for value in (*seen.spacing_mm, *seen.origin_mm, *seen.direction)} == {float}
        assert {type(value) for value in seen.size} == {int}
