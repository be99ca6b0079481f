"""RTSTRUCT and SEG to masks: as drawn, on the image's grid, of the structure that was asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders.dicom import ORIGIN, ROOT, Array, named, point, ramp, rtstruct, seg, series, source, square
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from skimage.draw import polygon

from features import errors
from features.case import Source, Structures
from features.dicom.contours import filled
from features.imaging.grid import require_same_grid
from features.imaging.read import read_image, read_segmentation
from features.imaging.volume import Segmentation

DATA = os.environ.get("RADRESPONSE_DATA")
FILES = series(ramp())
IMAGE = read_image(source(FILES))


def drawn(file: bytes, structures: Structures = named("tumour"), numbers: Sequence[int] = ()) -> Segmentation:  # noqa: B008
    return read_segmentation(source(file), image=IMAGE, numbers=tuple(numbers), structures=structures)


def empty() -> Array:
    return np.zeros((5, 12, 16), dtype=np.int32)


@pytest.mark.skipif(DATA is None, reason="RADRESPONSE_DATA is not set: the soft-tissue-sarcoma series are not here")
@pytest.mark.parametrize("scan", ["CT", "PET", "MR_T1"])
@pytest.mark.parametrize("patient", ["STS_002", "STS_003", "STS_006"])
def test_masks_of_real_structure_sets_equal_the_reference_voxel_for_voxel(patient: str, scan: str) -> None:
    folder = Path(str(DATA)) / "sts_dicom"
    image = read_image(Source.of(folder / patient / scan / "image"))
    structures = folder / patient / scan / "mask"
    mine = read_segmentation(Source.of(structures), image=image, structures=named(f"GTV_Mass_{scan}"))
    reference = read_segmentation(Source.of(folder / "masks" / patient / f"{scan}_mask.nii.gz"))
    require_same_grid(image.grid, reference.grid)
    np.testing.assert_array_equal(mine.labels, reference.labels)


@pytest.mark.skipif(DATA is None, reason="RADRESPONSE_DATA is not set: the soft-tissue-sarcoma series are not here")
@pytest.mark.parametrize("patient", ["STS_002", "STS_003", "STS_006"])
def test_real_series_have_the_intensities_that_others_made_of_them(patient: str) -> None:
    """SUV of 48 to 68 slices with a slope each, and an MR, against NIfTI files that came with the cohort."""
    for scan in ("PET", "MR_T1"):
        theirs = Path(str(DATA)) / "sts_cohort" / "images" / patient / f"{scan}_image.nii.gz"
        ours = read_image(Source.of(Path(str(DATA)) / "sts_dicom" / patient / scan / "image"))
        reference = read_image(Source.of(theirs))
        require_same_grid(ours.grid, reference.grid)
        np.testing.assert_allclose(ours.voxels, reference.voxels, atol=1e-5)


def test_a_voxel_is_inside_when_its_centre_is() -> None:
    expected = empty()
    expected[2, 3:6, 2:7] = 1
    np.testing.assert_array_equal(drawn(rtstruct({"tumour": [square(1.6, 2.6, 6.4, 5.4, 2)]})).labels, expected)


def test_holes_islands_and_several_contours_of_a_plane_come_out_as_drawn() -> None:
    nested = [square(1.5, 1.5, 10.5, 10.5, 1), square(3.5, 3.5, 8.5, 8.5, 1), square(5.5, 5.5, 6.5, 6.5, 1)]
    apart = [square(11.5, 1.5, 13.5, 3.5, 1)]
    expected = empty()
    expected[1, 2:11, 2:11] = 1
    expected[1, 4:9, 4:9] = 0
    expected[1, 6, 6] = 1
    expected[1, 2:4, 12:14] = 1
    for kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
        np.testing.assert_array_equal(drawn(rtstruct({"tumour": nested + apart}, kind=kind)).labels, expected)


def test_a_keyhole_leaves_its_hole_and_no_channel() -> None:
    """One contour that goes in along a line, round the hole and back along the same line."""
    way = [(1.5, 1.5), (10.5, 1.5), (10.5, 6.2), (8.5, 6.2), (8.5, 3.5), (3.5, 3.5), (3.5, 8.5), (8.5, 8.5)]
    way += [(8.5, 6.2), (10.5, 6.2), (10.5, 10.5), (1.5, 10.5)]
    expected = empty()
    expected[3, 2:11, 2:11] = 1
    expected[3, 4:9, 4:9] = 0
    file = rtstruct({"tumour": [[point(x, y, 3) for x, y in way]]})
    np.testing.assert_array_equal(drawn(file).labels, expected)


def test_structures_follow_a_turned_image() -> None:
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    if np.linalg.det(turn) < 0:
        turn[2] *= -1
    image = read_image(source(series(ramp(), orientation=(*turn[0], *turn[1]))))
    flat = np.asarray(square(1.6, 2.6, 6.4, 5.4, 2)) - ORIGIN
    file = rtstruct({"tumour": [(flat @ turn + ORIGIN).tolist()]})
    mask = read_segmentation(source(file), image=image, structures=named("tumour"))
    np.testing.assert_array_equal(mask.labels, drawn(rtstruct({"tumour": [square(1.6, 2.6, 6.4, 5.4, 2)]})).labels)


TWO = {"tumour": [square(1.6, 2.6, 6.4, 5.4, 2)], "GTV Node": [square(8.6, 2.6, 10.4, 5.4, 2)]}


def test_structures_are_asked_by_name_by_number_or_by_pattern() -> None:
    file = rtstruct(TWO, numbers=(4, 9))
    both = drawn(file, named("tumour", "GTV Node")).labels
    assert np.unique(both).tolist() == [0, 4, 9]
    np.testing.assert_array_equal(drawn(file, Structures(), (4, 9)).labels, both)
    np.testing.assert_array_equal(drawn(file, Structures(pattern="gtv*")).labels, np.where(both == 9, 9, 0))
    np.testing.assert_array_equal(drawn(file, named("tumour")).labels, np.where(both == 4, 4, 0))


def test_a_structure_of_number_0_gets_a_label_all_the_same() -> None:
    assert np.unique(drawn(rtstruct(TWO, numbers=(0, 3))).labels).tolist() == [0, 4]


@pytest.mark.parametrize(
    ("structures", "numbers", "kind"),
    [
        (Structures(), (), errors.StructureNotChosen),
        (named("Tumour"), (), errors.StructureNotFound),
        (Structures(pattern="ptv*"), (), errors.StructureNotFound),
        (Structures(), (7,), errors.StructureNotFound),
    ],
)
def test_a_miss_lists_what_there_is_without_what_may_be_a_name(
    structures: Structures, numbers: tuple[int, ...], kind: type[errors.FeatureError]
) -> None:
    file = rtstruct(TWO | {"GTV Mueller 19530214": TWO["tumour"]})
    with pytest.raises(kind, match=r"1 tumour, 2 GTV Node, 3 GTV \* \*"):
        drawn(file, structures, numbers)


def test_a_name_that_stands_twice_is_refused() -> None:
    def rename(data: Dataset) -> None:
        data.StructureSetROISequence[1].ROIName = "tumour"

    with pytest.raises(errors.StructureNotFound, match="2 structures have the name"):
        drawn(rtstruct(TWO, change=rename))


def test_structures_that_share_voxels_are_refused() -> None:
    file = rtstruct({"tumour": [square(1.6, 2.6, 6.4, 5.4, 2)], "node": [square(4.6, 2.6, 8.4, 5.4, 2)]})
    with pytest.raises(errors.OverlappingStructures, match="6 voxels"):
        drawn(file, named("tumour", "node"))


def tilted(dz: float) -> list[tuple[float, float, float]]:
    (a, b, c, d) = square(1.6, 2.6, 6.4, 5.4, 2)
    return [a, b, (c[0], c[1], c[2] + dz), (d[0], d[1], d[2] + dz)]


@pytest.mark.parametrize(
    ("contours", "kind", "said"),
    [
        ([tilted(2.5)], errors.BadContours, "spans 1 slices"),
        ([[(x, y, z + 1.0) for x, y, z in square(1, 1, 5, 5, 2)]], errors.BadContours, "0.40 slices beside"),
        ([square(1, 1, 5, 5, 7)], errors.GridMismatch, "outside the image"),
        ([square(1, 1, 30, 5, 2)], errors.GridMismatch, "outside the image"),
        ([square(1.1, 1.1, 1.9, 1.9, 2)], errors.EmptySegmentation, "no voxel"),
        ([square(1, 1, 5, 5, plane) for plane in (0, 2, 4)], errors.BadContours, "no two that follow"),
        ([square(1, 1, 5, 5, 2)[:2]], errors.DamagedFile, "6 coordinates"),
        ([], errors.EmptySegmentation, "no contour"),
    ],
)  # fmt: skip
def test_contours_that_are_no_right_region_are_refused(
    contours: list[list[tuple[float, float, float]]], kind: type[errors.FeatureError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        drawn(rtstruct({"tumour": contours}))


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_points_and_open_lines_are_no_region(kind: str) -> None:
    with pytest.raises(errors.BadContours, match=kind):
        drawn(rtstruct({"tumour": [square(1, 1, 5, 5, 2)]}, kind=kind))


def test_structures_of_another_frame_of_reference_are_refused() -> None:
    with pytest.raises(errors.ReferenceMismatch):
        drawn(rtstruct(TWO, frame=ROOT + "33"))
    with pytest.raises(errors.ReferenceMismatch):
        read_segmentation(source(rtstruct(TWO)), structures=named("tumour"))


def test_contours_that_would_take_minutes_are_refused_before() -> None:
    zigzag = np.tile([point(2, 1, 2), point(3, 11, 2)], (600_000, 1))
    with pytest.raises(errors.BadContours, match="in time"):
        filled([zigzag], IMAGE.grid)


@given(st.lists(st.tuples(st.floats(-0.9, 15.9), st.floats(-0.9, 11.9)), min_size=3, max_size=12))
def test_filling_agrees_with_scikit_image_on_any_polygon(corners: list[tuple[float, float]]) -> None:
    """Where a voxel's centre is a hair's breadth off every side: on the side itself the two have other rules."""
    y, x = np.mgrid[:12, :16]
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    near = np.min([_distance(x, y, one, other) for one, other in sides], axis=0) < 1e-6
    theirs = np.zeros((12, 16), dtype=np.bool_)
    rows, columns = [b for _, b in corners], [a for a, _ in corners]
    theirs[polygon(rows, columns, (12, 16))] = True  # type: ignore[no-untyped-call]
    try:
        ours = filled([np.asarray([point(a, b, 2) for a, b in corners])], IMAGE.grid)[2]
    except errors.EmptySegmentation:
        ours = np.zeros((12, 16), dtype=np.bool_)
    np.testing.assert_array_equal(ours | near, theirs | near)


def _distance(x: Array, y: Array, one: tuple[float, float], other: tuple[float, float]) -> Array:
    along = np.subtract(other, one)
    length = float(along @ along) or 1.0
    at = np.clip(((x - one[0]) * along[0] + (y - one[1]) * along[1]) / length, 0, 1)
    away: Array = np.hypot(x - one[0] - at * along[0], y - one[1] - at * along[1])
    return away


def regions() -> Array:
    labels = empty().astype(np.uint8)
    labels[1:4, 2:9, 3:11] = 1
    labels[2, 10, 1:4] = 2
    return labels


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("omit_empty", [True, False])
def test_segments_come_out_as_they_were_written(kind: str, omit_empty: bool) -> None:
    file = seg(FILES, regions(), kind=kind, omit_empty=omit_empty)
    np.testing.assert_array_equal(drawn(file, named("tumour", "node")).labels, regions())
    np.testing.assert_array_equal(drawn(file, named("node")).labels, np.where(regions() == 2, 2, 0))
    np.testing.assert_array_equal(drawn(file, Structures(), (1,)).labels, np.where(regions() == 1, 1, 0))


def test_of_a_fractional_segment_half_and_more_is_inside() -> None:
    fractions = np.zeros((5, 12, 16, 1), dtype=np.float32)
    fractions[1, 2, 3:8, 0] = 0.2, 0.49, 0.51, 0.8, 1.0
    file = seg(FILES, fractions, kind="FRACTIONAL", labels=("tumour",))
    expected = empty()
    expected[1, 2, 5:8] = 1
    np.testing.assert_array_equal(drawn(file).labels, expected)


def test_a_segmentation_of_a_part_of_the_slices_lies_where_it_was_drawn() -> None:
    file = seg(FILES[1:4], regions()[1:4])
    np.testing.assert_array_equal(drawn(file, named("tumour", "node")).labels, regions())


def test_an_empty_segment_is_refused() -> None:
    with pytest.raises(errors.EmptySegmentation, match="segment 2"):
        drawn(seg(FILES, np.minimum(regions(), 1), omit_empty=False), named("node"))


def test_a_segmentation_of_another_grid_is_refused() -> None:
    def coarse(data: Dataset, index: int) -> None:
        data.PixelSpacing = [2.5, 1.6]

    def moved(data: Dataset, index: int) -> None:
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [float(x) + 0.3, y, z]

    for change in (coarse, moved):
        with pytest.raises(errors.GridMismatch):
            drawn(seg(series(ramp(), change=change), regions()), named("tumour"))
    with pytest.raises(errors.GridMismatch, match="outside"):
        file = seg(series(ramp(9)), np.ones((9, 12, 16), np.uint8), labels=("tumour",))
        drawn(file)


def test_names_are_of_no_use_for_a_file_of_labels() -> None:
    from builders.images import nrrd  # noqa: PLC0415

    with pytest.raises(errors.StructureNotFound, match="labels and no names"):
        drawn(nrrd(regions(), IMAGE.grid))
    assert drawn(nrrd(regions(), IMAGE.grid), Structures()).labels.max() == 2


def test_a_segmentation_among_images_is_found_and_two_are_refused() -> None:
    one = rtstruct(TWO)
    assert read_segmentation(source([one, *FILES]), image=IMAGE, structures=named("tumour")).labels.any()
    for files in (FILES, [one, one]):
        with pytest.raises(errors.UnsupportedImage, match="wanted one segmentation"):
            read_segmentation(source(files), image=IMAGE, structures=named("tumour"))
