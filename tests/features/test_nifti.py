"""NIfTI headers: which orientation counts, what is refused."""

import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from builders.images import grid, nifti, nifti2, nifti_header
from hypothesis import given, settings
from hypothesis import strategies as st

from features.case import Source
from features.errors import BadImage, DamagedFile, DetachedHeader, ImageTooLarge, NonFiniteVoxels, UnsupportedImage
from features.imaging.header import Limits
from features.imaging.nifti import parse_nifti
from features.imaging.read import read_image

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
angles = st.floats(-math.pi, math.pi)
lengths = st.floats(0.25, 8.0, width=32)


def changed(content: bytes, offset: int, form: str, *values: float) -> bytes:
    held = bytearray(content)
    struct.pack_into(form, held, offset, *values)
    return bytes(held)


def turn(x: float, y: float, z: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    def about(first: int, second: int, angle: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        matrix = np.eye(3)
        matrix[[first, second], [first, second]] = math.cos(angle)
        matrix[first, second], matrix[second, first] = -math.sin(angle), math.sin(angle)
        return matrix

    return np.asarray(about(1, 2, x) @ about(2, 0, y) @ about(0, 1, z))


def as_simpleitk(content: bytes) -> sitk.Image:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii"
        path.write_bytes(content)
        return sitk.ReadImage(str(path))


def assert_same_geometry(content: bytes) -> None:
    seen, mine = as_simpleitk(content), read_image(Source.of(content)).grid
    np.testing.assert_allclose(mine.spacing_mm, seen.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(mine.origin_mm, seen.GetOrigin(), rtol=0, atol=1e-4)
    # Of two orientations that are alike within 1e-4, each reader may take another.
    np.testing.assert_allclose(mine.direction, seen.GetDirection(), rtol=0, atol=2e-4)


@settings(max_examples=80, deadline=None)
@given(
    angles, angles, angles, st.tuples(lengths, lengths, lengths), st.sampled_from([-1.0, 1.0]), st.integers(0, 2),
    st.integers(0, 4), st.booleans(),
)  # fmt: skip
def test_of_two_orientations_the_one_that_itk_takes_counts(
    x: float, y: float, z: float, spacing: tuple[float, float, float], qfac: float, qcode: int, scode: int, same: bool
) -> None:
    matrix = turn(x, y, z) * (1, 1, qfac)
    quaternion = quaternion_of(turn(x, y, z))
    if not same:
        matrix = matrix[:, ::-1]
    affine = np.eye(4)
    affine[:3, :3] = matrix * spacing
    # Another origin as well: ITK takes two orientations with swapped axes for alike.
    affine[:3, 3] = (10, -20, 30) if same else (10, -20, 31)
    content = nifti(
        ARRAY, pixdim=spacing, affine_ras=affine, sform_code=scode, qform=(qcode, quaternion, (10, -20, 30), qfac)
    )
    assert_same_geometry(content)


def quaternion_of(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    """b, c, d of a turn with a >= 0."""
    m, trace = matrix, float(np.trace(matrix))
    lower = np.array(
        [
            [trace, 0, 0, 0],
            [m[2, 1] - m[1, 2], 2 * m[0, 0] - trace, 0, 0],
            [m[0, 2] - m[2, 0], m[1, 0] + m[0, 1], 2 * m[1, 1] - trace, 0],
            [m[1, 0] - m[0, 1], m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], 2 * m[2, 2] - trace],
        ]
    )
    values, vectors = np.linalg.eigh(lower)
    best = vectors[:, int(values.argmax())]
    best = best if best[0] >= 0 else -best
    return float(best[1]), float(best[2]), float(best[3])


def test_without_any_orientation_axes_are_the_patients() -> None:
    content = nifti(ARRAY, sform_code=0, pixdim=(1.0, 2.0, 3.0))
    assert read_image(Source.of(content)).grid == grid((4, 3, 2), (1.0, 2.0, 3.0))
    assert_same_geometry(content)


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, -1024.0), (1.0, 5.0), (0.5, 0.0)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_scaled_intensities_are_those_that_itk_reads(dtype: str, slope: float, intercept: float) -> None:
    content = nifti(ARRAY.astype(dtype), slope=slope, intercept=intercept)
    seen, mine = sitk.GetArrayFromImage(as_simpleitk(content)), read_image(Source.of(content))
    np.testing.assert_array_equal(mine.voxels, ARRAY * slope + intercept)
    np.testing.assert_array_equal(mine.voxels, seen)
    assert mine.pixel_type == seen.dtype.name


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 7.0), (math.nan, 0.0), (math.inf, 1.0), (1.0, 0.0)])
def test_a_slope_of_zero_or_no_number_scales_nothing(slope: float, intercept: float) -> None:
    image = read_image(Source.of(nifti(ARRAY, slope=slope, intercept=intercept)))
    np.testing.assert_array_equal(image.voxels, ARRAY)
    assert image.pixel_type == "int16"


@pytest.mark.parametrize("magic", [b"ni1\0", b"ni2\0\r\n\x1a\n"])
def test_a_header_without_its_voxels_is_refused(magic: bytes) -> None:
    content = nifti(ARRAY, magic=magic) if magic.startswith(b"ni1") else nifti2(ARRAY, magic=magic)
    with pytest.raises(DetachedHeader, match="another file"):
        read_image(Source.of(content))


def test_extensions_before_the_voxels_are_skipped() -> None:
    content = nifti(ARRAY)
    with_extension = changed(content[:352], 108, "<f", 2_000_000.0) + bytes(2_000_000 - 352) + content[352:]
    np.testing.assert_array_equal(read_image(Source.of(with_extension)).voxels, ARRAY)


def test_four_dimensions_are_read_when_the_last_is_one() -> None:
    flat = nifti(ARRAY)
    np.testing.assert_array_equal(read_image(Source.of(changed(flat, 40, "<h", 4))).voxels, ARRAY)
    with pytest.raises(UnsupportedImage, match="4 x 3 x 2 x 2"):
        read_image(Source.of(changed(flat, 40, "<5h", 4, 4, 3, 2, 2)))
    with pytest.raises(UnsupportedImage, match="three dimensions"):
        read_image(Source.of(changed(flat, 40, "<h", 2)))


@pytest.mark.parametrize("spacing", [(0.0, 1, 1), (-1.0, 1, 1), (1, math.nan, 1), (1, 1, math.inf), (1, 1, 1e-9)])
def test_a_spacing_that_is_none_is_refused(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(UnsupportedImage, match="spacing"):
        read_image(Source.of(nifti(ARRAY, pixdim=spacing, sform_code=0)))


def test_sheared_axes_are_refused_with_how_much() -> None:
    affine = np.eye(4)
    affine[0, 2] = 0.25
    with pytest.raises(UnsupportedImage, match=r"shear 0\.243"):
        read_image(Source.of(nifti(ARRAY, affine_ras=affine)))


def test_an_sform_that_contradicts_the_spacing_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="same length"):
        read_image(Source.of(nifti(ARRAY, affine_ras=np.diag([2.0, 2, 2, 1]))))


REFUSALS: list[tuple[int, str, tuple[float, ...], type[BadImage], str]] = [
    (70, "<hh", (128, 24), UnsupportedImage, "colour"),
    (70, "<hh", (32, 64), UnsupportedImage, "complex"),
    (70, "<hh", (3, 16), DamagedFile, "does not know"),
    (72, "<h", (8,), DamagedFile, "bits"),
    (123, "<B", (1,), UnsupportedImage, "millimetres"),
    (108, "<f", (12.0,), DamagedFile, "start"),
    (108, "<f", (math.nan,), DamagedFile, "start"),
    (108, "<f", (400.5,), DamagedFile, "start"),
    (40, "<h", (0,), DamagedFile, "dimensions"),
    (40, "<hh", (3, -4), DamagedFile, "sizes -4"),
    (0, "<i", (349,), DamagedFile, "own size"),
    (344, "<i", (0,), DamagedFile, "magic"),
    (292, "<f", (1e9,), UnsupportedImage, "origin"),
    (280, "<f", (1e38,), UnsupportedImage, "axes"),
    (80, "<f", (1e38,), UnsupportedImage, r"axes|spacing"),
    (112, "<f", (1e38,), NonFiniteVoxels, "infinite"),
]


@pytest.mark.parametrize(("offset", "form", "values", "error", "said"), REFUSALS)
def test_headers_that_cannot_be_used_say_why(
    offset: int, form: str, values: tuple[float, ...], error: type[BadImage], said: str
) -> None:
    with pytest.raises(error, match=said):
        read_image(Source.of(changed(nifti(ARRAY), offset, form, *values)))


def test_a_quaternion_longer_than_one_is_damage() -> None:
    with pytest.raises(DamagedFile, match="quaternion"):
        read_image(Source.of(nifti(ARRAY, sform_code=0, qform=(1, (1, 1, 0), (0, 0, 0), 1.0))))


def test_a_header_that_claims_54_terabytes_is_refused() -> None:
    header = nifti_header((30_000, 30_000, 30_000), affine_ras=np.eye(4))
    with pytest.raises(ImageTooLarge, match="54,000,000,000,000 bytes"):
        parse_nifti(header, Limits())


def test_nifti_2_keeps_double_precision() -> None:
    placed = grid((4, 3, 2), (0.1, 0.2, 0.3), (1e-3, 1e5 / 3, -7.7))
    assert read_image(Source.of(nifti2(ARRAY, placed))).grid.origin_mm == pytest.approx(placed.origin_mm, rel=1e-15)
