"""DICOM series to images: intensities, geometry from position and orientation alone, and refusals by name."""

from collections.abc import Callable

import numpy as np
import pytest
from builders.dicom import (
    CAPTURE,
    CT,
    ENHANCED_MR,
    FRAME,
    MR,
    ORIGIN,
    PT,
    ROOT,
    SERIES,
    SPACING,
    STEP,
    STUDY,
    enhanced,
    projection,
    ramp,
    rtstruct,
    series,
    source,
    square,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from features import errors
from features.imaging.header import Limits
from features.imaging.read import read_image
from features.imaging.volume import Segmentation
from features.lesions import find_lesions
from features.profile import Profile
from features.radiomics import extract

VOXELS = ramp()


def test_a_ct_is_read_in_hu_on_the_grid_of_its_positions() -> None:
    image = read_image(source(series(VOXELS)))
    np.testing.assert_array_equal(image.voxels, VOXELS.astype(np.float32) - 1024)
    assert image.grid.size == (16, 12, 5)
    assert image.grid.spacing_mm == pytest.approx((*SPACING, STEP))
    assert image.grid.origin_mm == pytest.approx(ORIGIN)
    assert image.grid.direction == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert image.pixel_type == "int16"


@given(st.permutations(range(5)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_files_and_their_numbers_count_for_nothing(order: list[int]) -> None:
    def lie(data: Dataset, index: int) -> None:
        data.InstanceNumber, data.SliceLocation, data.SliceThickness = order[index], 7.0 * index, 99

    files = series(VOXELS, change=lie)
    shuffled = read_image(source([files[index] for index in order]))
    np.testing.assert_array_equal(shuffled.voxels, VOXELS.astype(np.float32) - 1024)
    assert shuffled.grid == read_image(source(files)).grid


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian], ids=lambda one: one.name
)
def test_every_plain_transfer_syntax_gives_the_same(syntax: UID) -> None:
    voxels = VOXELS.astype(">i2") if syntax == ExplicitVRBigEndian else VOXELS
    image = read_image(source(series(voxels, syntax=syntax)))
    np.testing.assert_array_equal(image.voxels, VOXELS.astype(np.float32) - 1024)


def test_a_turned_series_lies_along_its_own_axes() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    orientation = (*turn[0], *turn[1])
    image = read_image(source(series(VOXELS, orientation=orientation)))
    columns = np.asarray(image.grid.direction).reshape(3, 3).T
    np.testing.assert_allclose(columns, [turn[0], turn[1], np.cross(turn[0], turn[1])], atol=1e-6)
    np.testing.assert_array_equal(image.voxels, VOXELS.astype(np.float32) - 1024)


def test_each_slice_has_its_own_slope() -> None:
    def scale(data: Dataset, index: int) -> None:
        data.RescaleSlope, data.RescaleIntercept = 0.5 * (index + 1), index

    image = read_image(source(series(VOXELS, MR, change=scale)))
    for index, plane in enumerate(VOXELS):
        np.testing.assert_allclose(image.voxels[index], plane * 0.5 * (index + 1) + index)
    assert image.pixel_type == "float32"


def test_an_mr_without_a_slope_is_taken_as_it_is() -> None:
    np.testing.assert_array_equal(read_image(source(series(VOXELS, MR))).voxels, VOXELS)


@pytest.mark.parametrize("signed", [True, False])
def test_unused_high_bits_are_left_out_and_the_sign_is_kept(signed: bool) -> None:
    values = np.array([-2048, -1, 0, 2047] if signed else [0, 1, 2047, 4095])
    stored = (values.astype("<u2") & 0x0FFF) | 0x5000  # an overlay in the upper bits
    voxels = np.tile(stored.astype("<u2"), (3, 4, 1)).astype("<u2")

    def twelve(data: Dataset, index: int) -> None:
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, int(signed)

    image = read_image(source(series(voxels, MR, change=twelve)))
    np.testing.assert_array_equal(image.voxels[0, 0], values)


@pytest.mark.parametrize("order", [None, (3, 0, 4, 1, 2)])
def test_an_enhanced_file_gives_what_its_classic_series_gives(order: tuple[int, ...] | None) -> None:
    one, many = read_image(source(enhanced(VOXELS, order=order))), read_image(source(series(VOXELS)))
    np.testing.assert_array_equal(one.voxels, many.voxels)
    assert one.grid == many.grid


def test_an_enhanced_mr_has_a_slope_for_each_frame() -> None:
    image = read_image(source(enhanced(VOXELS, ENHANCED_MR, order=(4, 2, 0, 1, 3), slopes=(1, 2, 3, 4, 5))))
    np.testing.assert_array_equal(image.voxels, VOXELS * np.arange(1, 6)[:, None, None])


def test_an_image_tells_where_its_planes_came_from_and_hides_it_from_sight() -> None:
    told = read_image(source(series(VOXELS)[::-1])).reference
    assert told is not None
    assert (told.study_uid, told.series_uid, told.frame_of_reference_uid) == (STUDY, SERIES, FRAME)
    assert [plane.sop_instance_uid for plane in told.planes] == [f"{ROOT}4.{index}" for index in range(1, 6)]
    assert [plane.position_mm[2] for plane in told.planes] == pytest.approx([5, 7.5, 10, 12.5, 15])
    assert ROOT not in repr(told) + repr(told.planes[0])
    frames = read_image(source(enhanced(VOXELS, order=(3, 0, 4, 1, 2)))).reference
    assert frames is not None
    assert [plane.frame for plane in frames.planes] == [2, 4, 5, 1, 3]


def refusal(files: bytes | list[bytes], kind: type[errors.FeatureError], limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(kind) as caught:
        read_image(source(files), limits)
    assert type(caught.value) is kind
    assert ROOT not in str(caught.value)
    return str(caught.value)


def test_a_tilted_gantry_is_refused_though_its_tag_says_there_is_none() -> None:
    tilted = series(VOXELS, step=(0, np.tan(np.radians(14)) * STEP, STEP))
    assert "14.00 degrees" in refusal(tilted, errors.ShearedSlices)


def test_a_slice_beside_the_others_is_refused() -> None:
    def slip(data: Dataset, index: int) -> None:
        if index == 2:
            data.ImagePositionPatient = [ORIGIN[0] + 1.0, ORIGIN[1], ORIGIN[2] + 2 * STEP]

    assert "1 mm beside" in refusal(series(VOXELS, change=slip), errors.ShearedSlices)


def test_a_missing_slice_is_refused() -> None:
    files = series(ramp(7))
    assert "1 slices are missing in 1 gap" in refusal(files[:3] + files[4:], errors.MissingSlices)
    many = series(ramp(12))
    assert "3 slices are missing in 2 gaps" in refusal(many[:3] + many[4:7] + many[9:], errors.MissingSlices)


def test_uneven_slices_are_refused() -> None:
    def drift(data: Dataset, index: int) -> None:
        data.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP * index * (1 + 0.05 * index)]

    assert "even distances" in refusal(series(VOXELS, change=drift), errors.MissingSlices)


@pytest.mark.parametrize("copies", [2, 3])
def test_several_slices_at_one_position_are_refused(copies: int) -> None:
    def phases(data: Dataset, index: int) -> None:
        data.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP * (index // copies)]

    assert "echoes" in refusal(series(ramp(4 * copies), change=phases), errors.DoubledSlices)


def test_one_doubled_slice_is_refused() -> None:
    def twice(data: Dataset, index: int) -> None:
        data.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP * min(index, 3)]

    assert "1 of 5 slices" in refusal(series(VOXELS, change=twice), errors.DoubledSlices)


def test_a_scout_among_the_slices_is_refused() -> None:
    def scout(data: Dataset, index: int) -> None:
        if index == 0:
            data.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    refusal(series(VOXELS, change=scout), errors.MixedOrientations)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_slices_are_refused(count: int) -> None:
    refusal(series(ramp(count)), errors.TooFewSlices)


def test_two_series_are_refused_with_what_they_are() -> None:
    def other(data: Dataset, index: int) -> None:
        data.SeriesInstanceUID, data.SOPInstanceUID = UID(ROOT + "77"), UID(f"{ROOT}78.{index}")

    assert "2 series (1 CT, 1 MR)" in refusal(series(VOXELS) + series(VOXELS, MR, change=other), errors.SeveralSeries)


Change = Callable[[Dataset, int], None]


def set_to(**values: object) -> Change:
    def change(data: Dataset, index: int) -> None:
        for name, value in values.items():
            setattr(data, name, value)

    return change


def last_set_to(**values: object) -> Change:
    return lambda data, index: set_to(**values)(data, index) if index == 4 else None


def without(*names: str) -> Change:
    def change(data: Dataset, index: int) -> None:
        for name in names:
            delattr(data, name)

    return change


@pytest.mark.parametrize(
    ("storage", "change", "kind", "said"),
    [
        (CAPTURE, set_to(ConversionType="WSD"), errors.SecondaryCapture, "secondary capture"),
        (CT, set_to(ConversionType="WSD"), errors.SecondaryCapture, "secondary capture"),
        (CT, set_to(BurnedInAnnotation="YES"), errors.BurnedInAnnotation, "burned"),
        (CT, set_to(Modality="MR"), errors.MixedSlices, "modality"),
        (CT, last_set_to(FrameOfReferenceUID=UID(ROOT + "0")), errors.MixedSlices, "frame of reference"),
        (CT, last_set_to(PixelSpacing=[2, 2]), errors.MixedSlices, "pixel spacing"),
        (CT, last_set_to(SOPInstanceUID=UID(ROOT + "4.1")), errors.MixedSlices, "copies"),
        (CT, without("RescaleSlope", "RescaleIntercept"), errors.DamagedFile, "rescale"),
        (MR, set_to(RescaleSlope=2), errors.DamagedFile, "rescale"),
        (MR, set_to(RescaleSlope=0, RescaleIntercept=0), errors.DamagedFile, "slope of a slice is 0"),
        (MR, set_to(RescaleSlope="1e300", RescaleIntercept="0"), errors.NonFiniteVoxels, "infinite"),
        (CT, without("ImagePositionPatient"), errors.DamagedFile, "position"),
        (CT, set_to(ImageOrientationPatient=[1, 0, 0, 0, 0.5, 0]), errors.DamagedFile, "unit vectors"),
        (CT, set_to(ImageOrientationPatient=[1, 0, 0, 0.6, 0.8, 0]), errors.UnsupportedImage, "axes"),
        (CT, set_to(PixelSpacing=[1e9, 1e9]), errors.UnsupportedImage, "spacing"),
        (CT, set_to(SamplesPerPixel=3, PhotometricInterpretation="RGB"), errors.UnsupportedImage, "3 samples"),
        (CT, set_to(Rows=24), errors.DamagedFile, "768 bytes"),
        (CT, set_to(Rows=6), errors.DamagedFile, "192 bytes"),
        (CT, set_to(HighBit=14, BitsStored=12), errors.UnsupportedImage, "low ones"),
        (CT, set_to(NumberOfFrames=0), errors.DamagedFile, "0 frames"),
        (CT, without("PixelData"), errors.DamagedFile, "no pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_by_name(
    storage: str, change: Change, kind: type[errors.FeatureError], said: str
) -> None:
    assert said in refusal(series(VOXELS, storage, change=change), kind)


def test_slices_of_two_sizes_are_refused() -> None:
    small = series(ramp(5, rows=10))
    assert "size" in refusal(series(VOXELS)[:4] + small[4:], errors.MixedSlices)


def test_structures_beside_the_images_are_left_aside_and_alone_are_no_image() -> None:
    beside = rtstruct({"a": [square(2, 2, 5, 5, 1)]})
    assert read_image(source([beside, *series(VOXELS)])).grid.size == (16, 12, 5)
    assert "none of 1" in refusal([beside], errors.NoImage)


def test_a_file_that_is_no_dicom_is_refused() -> None:
    assert "1 of 6 files" in refusal([*series(VOXELS), b"holiday" * 50], errors.UnknownFormat)


def test_limits_hold_before_voxels_are_taken() -> None:
    assert "960 voxels" in refusal(series(VOXELS), errors.ImageTooLarge, Limits(max_voxels=959))
    claimed = series(VOXELS, change=set_to(NumberOfFrames=65_000, Rows=60_000, Columns=60_000))
    refusal(claimed, errors.ImageTooLarge)


def flat(**values: object) -> bytes:
    return projection(VOXELS[0], change=lambda data: set_to(**values)(data, 0))


def test_a_projection_is_one_plane_at_the_detectors_spacing() -> None:
    image = read_image(source(flat()))
    np.testing.assert_array_equal(image.voxels[0], VOXELS[0])
    assert (image.grid.size, image.grid.spacing_mm) == ((16, 12, 1), (0.1, 0.2, 1.0))
    assert read_image(source(flat(PixelSpacing=[0.4, 0.3]))).grid.spacing_mm == (0.3, 0.4, 1.0)


def test_a_projection_whose_white_is_low_is_turned() -> None:
    image = read_image(source(flat(PhotometricInterpretation="MONOCHROME1")))
    np.testing.assert_array_equal(image.voxels[0], 4095 - VOXELS[0])


def test_projections_without_a_scale_or_several_are_refused() -> None:
    refusal(flat(ImagerPixelSpacing=None), errors.UnsupportedImage)
    refusal([flat(), flat(SOPInstanceUID=UID(ROOT + "99"))], errors.UnsupportedImage)


def test_pet_slices_are_in_suv() -> None:
    def scale(data: Dataset, index: int) -> None:
        data.RescaleSlope = 10.0 * (index + 1)

    image = read_image(source(series(VOXELS, PT, change=scale)))
    factor = 70_000 / (3.5e8 * 2 ** (-3600 / 6586.2))
    expected = VOXELS * 10.0 * np.arange(1, 6)[:, None, None] * factor
    np.testing.assert_allclose(image.voxels, expected, rtol=1e-6)


def test_a_projection_is_measured_in_its_plane() -> None:
    """By `shape2D` and textures without a third direction, with a mask in a plain file."""
    image = read_image(source(flat()))
    mask = np.zeros((1, 12, 16), dtype=np.int32)
    mask[0, 3:9, 4:12] = 1
    (lesion,) = find_lesions(image, Segmentation(mask, image.grid, ""))
    profile = Profile.parse(
        "setting: {force2D: true, force2Ddimension: 0}\nimageType: {Original: {}}\n"
        "featureClass: {shape2D: [PixelSurface, MeshSurface], firstorder: [Mean], glcm: [Contrast]}\n"
    )
    found = extract(lesion, profile.for_modality("ct"))
    assert found.values["original_shape2D_PixelSurface"] == pytest.approx(6 * 8 * 0.1 * 0.2)
    assert found.values["original_firstorder_Mean"] == pytest.approx(VOXELS[0, 3:9, 4:12].mean())
    assert found.values["original_glcm_Contrast"] >= 0
