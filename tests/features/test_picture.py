"""A slice is shown as radiologists look at it, however the file stores it; ITK says how that is."""

import io
from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from builders.images import grid
from builders.lesions import lesion
from PIL import Image

from features.imaging.volume import Grid
from features.lesion import Lesion
from features.picture import MOST_PIXELS, Picture, draw

ENDS = (("R", "L"), ("A", "P"), ("I", "S"))


def pixels(picture: Picture) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    shown = Image.open(io.BytesIO(picture.png))
    assert (shown.mode, shown.size) == ("L", (picture.width, picture.height))
    return np.asarray(shown)


def scene() -> tuple[sitk.Image, sitk.Image]:
    """A block of noise with a lesion that no turn or mirror image equals, axes along L, P and S."""
    random = np.random.default_rng(5)
    image = sitk.GetImageFromArray(random.normal(40, 60, (9, 30, 24)).astype(np.float32))
    mask = np.zeros((9, 30, 24), np.uint8)
    mask[3:6, 8:20, 5:9] = 1
    mask[4, 8:11, 5:17] = 1  # an L, largest in slice 4
    segmentation = sitk.GetImageFromArray(mask)
    for one in (image, segmentation):
        one.SetSpacing((0.8, 1.1, 3.0))
    return image, segmentation


def stored(code: str) -> Lesion:
    """The scene as a file of that orientation stores it."""
    image, segmentation = (sitk.DICOMOrient(one, code) for one in scene())
    x, y, z = image.GetSize()
    on = Grid((x, y, z), image.GetSpacing(), image.GetOrigin(), tuple(image.GetDirection()))
    return Lesion(1, sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(segmentation).astype(bool), on)


AXIAL = [a + b + c for first, second in permutations((0, 1)) for a, b, c in product(ENDS[first], ENDS[second], ENDS[2])]


@pytest.mark.parametrize("code", AXIAL)
def test_an_axial_slice_looks_the_same_however_it_is_stored(code: str) -> None:
    wanted, found = draw(stored("LPS"), "ct"), draw(stored(code), "ct")
    assert (found.left, found.right, found.top, found.bottom) == ("R", "L", "A", "P")
    assert (found.column_spacing_mm, found.row_spacing_mm) == pytest.approx((0.8, 1.1))
    np.testing.assert_array_equal(pixels(found), pixels(wanted))
    outline, other = (sorted(map(tuple, one.contours[0].round(6))) for one in (wanted, found))
    assert outline == other


@pytest.mark.parametrize(
    ("code", "sides"), [("LSP", "RLHF"), ("RIA", "RLHF"), ("PSL", "APHF"), ("AIR", "APHF"), ("SPL", "APHF")]
)
def test_other_planes_have_the_head_on_top(code: str, sides: str) -> None:
    one = draw(stored(code), "ct")
    assert one.left + one.right + one.top + one.bottom == sides


def test_the_slice_is_the_one_with_most_of_the_lesion() -> None:
    picture = draw(stored("LPS"), "ct")
    assert (picture.slice, picture.slices) == (4, 9)
    # The same slice, counted from the other end.
    assert draw(stored("LPI"), "ct").slice == 4


def test_the_outline_holds_the_lesion_and_no_more() -> None:
    picture = draw(stored("LPS"), "ct")
    x, y = picture.contours[0][:-1].T
    area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    voxels = 4 * 12 + 8 * 3
    corners = 6  # each cut by an eighth of a pixel, one of them inwards
    assert area == pytest.approx(voxels - (corners - 2) / 8, abs=0.01)
    assert x.min() == pytest.approx(5.0, abs=0.01)  # the left edge of the mask's first pixel


def test_a_hole_has_an_outline_of_its_own() -> None:
    one = lesion(20)
    mask = one.mask.copy()
    mask[:, 12:15, 12:15] = False
    assert len(draw(Lesion(1, one.image, mask, one.grid), "mr").contours) == 2


def test_a_ct_lesion_in_lung_has_the_window_of_lung() -> None:
    one = lesion(10, margin_mm=10)
    soft = draw(one, "ct")
    lung = draw(Lesion(1, np.where(one.mask, 20.0, -850.0).astype(np.float32), one.mask, one.grid), "ct")
    assert (soft.black, soft.white) == (-160.0, 240.0)
    assert (lung.black, lung.white) == (-1350.0, 150.0)


def test_a_pet_is_dark_on_white_and_an_mr_fills_the_greys() -> None:
    one = lesion(10)
    pet, mr = draw(one, "pt"), draw(one, "mr")
    assert pet.white == 0.0
    assert pet.black > 100
    rows, columns = pet.height // 2, pet.width // 2
    middle = pixels(pet)[rows - 2 : rows + 2, columns - 2 : columns + 2].mean()
    assert middle < 80, "the lesion is dark"
    assert pixels(pet)[0].mean() > 220
    assert pixels(mr).min() == 0
    assert pixels(mr).max() == 255


def test_a_flat_image_and_a_lesion_that_fills_it_have_a_picture() -> None:
    flat = Lesion(1, np.full((4, 5, 6), 3.0, np.float32), np.ones((4, 5, 6), bool), grid((6, 5, 4)))
    for modality in ("ct", "pt", "mr"):
        picture = draw(flat, modality)
        assert (picture.width, picture.height) == (6, 5)
        assert len(picture.contours) == 1


def test_a_huge_plane_is_thinned() -> None:
    shape = (3, 1300, 900)
    mask = np.zeros(shape, bool)
    mask[1, 10:1290, 10:890] = True
    picture = draw(Lesion(1, np.zeros(shape, np.float32), mask, grid((900, 1300, 3), (0.1, 0.1, 1.0))), "mr")
    assert max(picture.width, picture.height) <= MOST_PIXELS
    assert picture.column_spacing_mm == pytest.approx(0.3)
