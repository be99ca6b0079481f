"""Interpolation by IBSI's rules: the grid, its position, what is inside, and what is rounded."""

import numpy as np
import pytest
from builders.images import grid
from hypothesis import given
from hypothesis import strategies as st

from features.lesion import Lesion
from features.profile import Profile
from features.radiomics import extract
from features.radiomics.ibsi.interpolation import interpolated
from features.types import Floats


def spacing(*millimetres: float) -> Floats:
    return np.array(millimetres)


@pytest.mark.parametrize(
    ("size", "old", "new", "wanted"),
    [
        # IBSI's lung CT, (z, y, x), as the tables of configurations B and C to E give it.
        ((60, 201, 204), (3, 0.9765625, 0.9765625), (0, 2, 2), (60, 99, 100)),
        ((60, 201, 204), (3, 0.9765625, 0.9765625), (2, 2, 2), (90, 99, 100)),
        # The manual's own example, 4 x 4 of 3 mm.
        ((1, 4, 4), (3, 3, 3), (0, 2, 2), (1, 6, 6)),
        ((1, 100, 1), (1, 0.6, 1), (0, 0.3, 0), (1, 200, 1)),
    ],
)
def test_the_grid_has_the_standard_s_size(
    size: tuple[int, int, int],
    old: tuple[float, float, float],
    new: tuple[float, float, float],
    wanted: tuple[int, int, int],
) -> None:
    full = np.ones(size, bool)
    voxels, inside, _ = interpolated(full.astype(np.float32), full, spacing(*old), spacing(*new), 1)
    assert voxels.shape == wanted
    assert inside.all()
    np.testing.assert_allclose(voxels, 1)  # beyond the image lies its border, not 0


@pytest.mark.parametrize("order", [1, 3])
def test_a_ramp_stays_a_ramp_about_the_same_centre(order: int) -> None:
    x = np.arange(12) * 1.5
    ramp = np.broadcast_to(x.astype(np.float32), (3, 4, 12))
    mask = np.zeros(ramp.shape, bool)
    mask[:, :, 3:9] = True
    voxels, inside, new = interpolated(ramp, mask, spacing(1, 1, 1.5), spacing(0, 0, 1), order)
    np.testing.assert_array_equal(new, [1, 1, 1])
    found = voxels[1, 1]
    np.testing.assert_allclose(np.diff(found), 1, atol=0.02 if order == 3 else 1e-6)
    # 12 voxels of 1.5 mm become 18 of 1 mm round the same middle, 8.25 mm: they lie at -0.25, 0.75, ... mm.
    np.testing.assert_allclose(np.mod(found, 1), 0.75, atol=0.02 if order == 3 else 1e-5)
    # The mask's voxels reach from 3.75 to 12.75 mm, at whose ends it is half full: 3.75 and 12.75 are inside.
    np.testing.assert_allclose(found[inside[1, 1]], 3.75 + np.arange(10), atol=0.02)


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([0, 1, 3]))
def test_the_same_spacing_changes_nothing(depth: int, width: int, order: int) -> None:
    random = np.random.default_rng(depth * 7 + width)
    voxels = random.normal(size=(depth, 3, width)).astype(np.float32)
    mask = random.random(voxels.shape) < 0.5
    mask[depth // 2, 1, width // 2] = True
    found, inside, _ = interpolated(voxels, mask, spacing(2, 1, 1), spacing(2, 0, 1), order)
    np.testing.assert_array_equal(found[inside], voxels[mask])


def test_a_lesion_gives_the_same_whatever_lies_far_away() -> None:
    random = np.random.default_rng(3)
    voxels = random.normal(size=(20, 130, 20)).astype(np.float32)
    mask = np.zeros(voxels.shape, bool)
    mask[8:12, 60:66, 8:12] = True
    other = voxels.copy()
    other[:, :5] = other[:, 125:] = 1e4
    for order in (0, 1, 3):
        one, two = (
            interpolated(image, mask, spacing(1, 1, 1), spacing(0.7, 0.7, 0.7), order)[0] for image in (voxels, other)
        )
        np.testing.assert_allclose(one, two, atol=1e-12)


def test_ct_is_rounded_to_whole_units_and_pet_is_not() -> None:
    random = np.random.default_rng(5)
    image = random.normal(100, 10, (10, 10, 10)).round().astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[2:8, 2:8, 2:8] = True
    lesion = Lesion(label=1, image=image, mask=mask, grid=grid((10, 10, 10), (1.0, 1.0, 1.0)))
    text = (
        "setting: {resampledPixelSpacing: [0.7, 0.7, 0.7], interpolator: sitkLinear}\nradresponse: {definitions: ibsi}"
    )
    profile, names = Profile.parse(text), ["original_firstorder_Maximum", "original_firstorder_Minimum"]
    ct, pt = (extract(lesion, profile.for_modality(word), names).values for word in ("ct", "pt"))
    assert all(value == round(value) for value in ct.values())
    assert all(value != round(value) for value in pt.values())
    for name in names:
        assert ct[name] == round(pt[name])
