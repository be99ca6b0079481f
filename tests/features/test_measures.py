"""Volume and RECIST axes of shapes whose truth is known, and the laws that they keep."""

import math
import time
from typing import Any

import numpy as np
import pytest
from builders.images import grid
from builders.lesions import lesion
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from skimage.measure import find_contours

from features.case import Source
from features.imaging.read import read_image, read_segmentation
from features.lesion import Lesion
from features.lesions import find_lesions
from features.measures import QUANTITIES, measure_all, measure_lesion
from features.samples import baseline_folder, sample
from features.types import Mask


def of(mask: NDArray[Any], spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> dict[str, float]:
    region: Mask = np.asarray(mask, dtype=np.bool_)
    on = grid((region.shape[2], region.shape[1], region.shape[0]), spacing_mm)
    return measure_lesion(Lesion(1, np.zeros(region.shape, np.float32), region, on))


def ellipse(long_mm: float, short_mm: float, angle: float, spacing_mm: tuple[float, float] = (0.5, 0.5)) -> Mask:
    count = int(long_mm / min(spacing_mm)) + 8
    y, x = np.mgrid[:count, :count] - (count - 1) / 2
    x, y = x * spacing_mm[0], y * spacing_mm[1]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    inside: Mask = np.asarray((2 * along / long_mm) ** 2 + (2 * across / short_mm) ** 2 < 1)
    return inside[None]


@pytest.mark.parametrize("diameter_mm", [10.0, 20.0, 40.0])
def test_a_ball_is_as_wide_as_it_is(diameter_mm: float) -> None:
    measured = measure_lesion(lesion(diameter_mm, shape="ball"))
    assert measured["long_axis_mm"] == pytest.approx(diameter_mm, abs=1.0)
    assert measured["short_axis_mm"] == pytest.approx(diameter_mm, abs=1.0)
    assert measured["volume_mm3"] == pytest.approx(math.pi / 6 * diameter_mm**3, rel=0.06)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, math.pi), st.floats(15, 40), st.floats(0.3, 0.9))
def test_an_ellipse_has_its_two_axes_at_any_angle(angle: float, long_mm: float, ratio: float) -> None:
    measured = of(ellipse(long_mm, long_mm * ratio, angle), (0.5, 0.5, 3.0))
    assert measured["long_axis_mm"] == pytest.approx(long_mm, abs=0.75)
    # The direction of the long axis is known to a voxel, so the chord across it moves more.
    assert measured["short_axis_mm"] == pytest.approx(long_mm * ratio, abs=1.0)


def test_a_box_is_measured_along_its_diagonal() -> None:
    # The outline runs half way to the neighbours outside: (-0.5, 0) to (29.5, 9).
    mask = np.zeros((5, 20, 40), bool)
    mask[1:4, 4:14, 5:35] = True
    measured = of(mask, (1.0, 1.0, 3.0))
    assert measured["volume_mm3"] == 3 * 10 * 30 * 3.0
    assert measured["area_mm2"] == 10 * 30
    assert measured["long_axis_mm"] == pytest.approx(math.hypot(30, 9))
    assert measured["short_axis_mm"] < 11


def test_a_voxel_is_as_long_as_its_longer_side() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    measured = of(mask, (0.5, 2.0, 7.0))
    assert measured == pytest.approx({"volume_mm3": 7.0, "long_axis_mm": 2.0, "short_axis_mm": 0.5, "area_mm2": 1.0})


def test_a_bar_is_measured_along_and_across() -> None:
    mask = np.zeros((1, 5, 30), bool)
    mask[0, 2, 3:28] = True
    assert of(mask) == pytest.approx({"volume_mm3": 25.0, "long_axis_mm": 25.0, "short_axis_mm": 1.0, "area_mm2": 25.0})


def test_axes_are_taken_within_one_slice() -> None:
    mask = np.zeros((20, 30, 30), bool)
    mask[:, 10:14, 10:14] = True
    mask[5, 10, 2:28] = True
    measured = of(mask, (1.0, 1.0, 10.0))
    assert measured["long_axis_mm"] == pytest.approx(float(pdist(contour_points(mask[5])).max()))


def contour_points(plane: Mask) -> NDArray[np.float64]:
    """The 0.5 contour of a slice, (n, 2) as (y, x) in voxels, by marching squares."""
    contours: list[NDArray[np.float64]] = find_contours(np.pad(plane, 1).astype(float), 0.5)  # type: ignore[no-untyped-call]
    return np.concatenate(contours)


masks = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((3, 9, 11)) < np.random.default_rng(seed + 1).uniform(0.02, 0.9)
)
spacings = st.tuples(*[st.floats(0.3, 5.0)] * 3)


@settings(max_examples=80, deadline=None)
@given(masks.filter(lambda mask: mask.any()), spacings)
def test_the_long_axis_is_the_farthest_pair_of_contour_points(mask: Mask, spacing: tuple[float, float, float]) -> None:
    farthest = 0.0
    for plane in mask[mask.any(axis=(1, 2))]:
        points = contour_points(plane) * (spacing[1], spacing[0])
        farthest = max(farthest, float(pdist(points).max()))
    assert of(mask, spacing)["long_axis_mm"] == pytest.approx(farthest)


@settings(max_examples=60, deadline=None)
@given(masks.filter(lambda mask: mask.any()), spacings)
def test_the_short_axis_is_never_longer(mask: Mask, spacing: tuple[float, float, float]) -> None:
    measured = of(mask, spacing)
    assert 0 < measured["short_axis_mm"] <= measured["long_axis_mm"] * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(masks.filter(lambda mask: mask.any()), spacings, st.tuples(*[st.integers(0, 6)] * 6))
def test_where_a_lesion_lies_changes_nothing(
    mask: Mask, spacing: tuple[float, float, float], margin: tuple[int, ...]
) -> None:
    around = np.pad(mask, [(margin[0], margin[1]), (margin[2], margin[3]), (margin[4], margin[5])])
    assert of(around, spacing) == pytest.approx(of(mask, spacing))


@settings(max_examples=40, deadline=None)
@given(masks.filter(lambda mask: mask.any()), spacings, st.floats(0.2, 5.0))
def test_lengths_grow_with_the_spacing_and_volumes_with_its_cube(
    mask: Mask, spacing: tuple[float, float, float], factor: float
) -> None:
    before, after = of(mask, spacing), of(mask, (spacing[0] * factor, spacing[1] * factor, spacing[2] * factor))
    assert after["long_axis_mm"] == pytest.approx(factor * before["long_axis_mm"])
    assert after["short_axis_mm"] == pytest.approx(factor * before["short_axis_mm"], rel=1e-6)
    assert after["volume_mm3"] == pytest.approx(factor**3 * before["volume_mm3"])


@settings(max_examples=40, deadline=None)
@given(masks.filter(lambda mask: mask.any()), spacings, st.booleans(), st.booleans(), st.booleans())
def test_turning_and_mirroring_change_nothing(
    mask: Mask, spacing: tuple[float, float, float], x: bool, y: bool, turn: bool
) -> None:
    before = of(mask, spacing)
    other = mask[:, :: -1 if y else 1, :: -1 if x else 1]
    x_mm, y_mm, z_mm = spacing
    after = of(other.transpose(0, 2, 1), (y_mm, x_mm, z_mm)) if turn else of(other, spacing)
    assert after == pytest.approx(before)


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1", "lung1", "lung2"])
def test_the_long_axis_of_real_lesions_is_pyradiomics_one_or_a_little_below(case: str) -> None:
    image, mask = sample(case)
    (found,) = find_lesions(read_image(Source.of(image)), read_segmentation(Source.of(mask)))
    lines = (baseline_folder() / "baseline_shape.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if line.startswith(("featureName", "original_shape_Maximum2DDiameterSl"))]
    expected = float(rows[1][rows[0].index(case)])
    long_axis = measure_lesion(found)["long_axis_mm"]
    # pyradiomics also joins points of two neighbouring slices: seen in brain1 and lung1.
    if case in ("brain1", "lung1"):
        assert 0.85 * expected < long_axis < expected
    else:
        assert long_axis == pytest.approx(expected, rel=1e-9)


def test_all_lesions_are_counted_and_summed() -> None:
    lesions = [lesion(4), lesion(10, shape="ball")]
    together = measure_all(lesions)
    alone = [measure_lesion(one) for one in lesions]
    assert together == pytest.approx(
        {
            "count": 2,
            "sum_of_diameters_mm": alone[0]["long_axis_mm"] + alone[1]["long_axis_mm"],
            "volume_mm3": alone[0]["volume_mm3"] + alone[1]["volume_mm3"],
        }
    )


def test_every_measure_is_defined() -> None:
    names = {quantity.name for quantity in QUANTITIES}
    assert names == {*measure_lesion(lesion(4)), *measure_all([lesion(4)])}


def test_a_large_lesion_is_measured_soon() -> None:
    mask = np.repeat(ellipse(180, 120, 0.4, (0.5, 0.5)), 60, axis=0)
    start = time.process_time()
    of(mask, (0.5, 0.5, 1.0))
    assert time.process_time() - start < 2.0
