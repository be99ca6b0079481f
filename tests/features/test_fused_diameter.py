"""The greatest distance between vertices is that of all pairs, to the bit, though few pairs are looked at."""

import numpy as np
import pytest
from builders.odd_lesions import MASKS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.radiomics.fused.diameter import widest, widest_in_plane
from features.radiomics.fused.mesh import vertices
from features.types import Floats, Mask

SPACINGS = ((1.0, 1.0, 1.0), (3.0, 0.7, 0.7), (1.7, 0.3, 4.1))


def of_all_pairs(points: NDArray[np.int64], spacing_mm: Floats) -> float:
    placed = points * (spacing_mm / 2)
    apart = placed[:, None, :] - placed[None, :, :]
    z, y, x = (apart**2).transpose(2, 0, 1)
    return float(np.sqrt((z + y + x).max()))


def in_planes(points: NDArray[np.int64], spacing_mm: Floats, axis: int) -> float:
    planes = np.unique(points[:, axis])
    return max(of_all_pairs(points[points[:, axis] == plane], spacing_mm) for plane in planes)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    kind=st.sampled_from(MASKS),
    spacing=st.sampled_from(SPACINGS),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_mask_has_the_diameters_of_all_pairs(
    seed: int, shape: tuple[int, int, int], kind: object, spacing: tuple[float, float, float]
) -> None:
    assert callable(kind)
    mask: Mask = kind(shape, np.random.default_rng(seed))
    mask[0, 0, 0] |= not mask.any()
    points, spacing_mm = vertices(np.pad(mask, 1)), np.array(spacing)
    assert widest(points, spacing_mm) == of_all_pairs(points, spacing_mm)
    for axis in range(3):
        assert widest_in_plane(points, spacing_mm, axis) == in_planes(points, spacing_mm, axis)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_body_that_is_equally_wide_everywhere_has_the_diameter_of_all_pairs(
    spacing: tuple[float, float, float],
) -> None:
    """What three balls have in common: no pair can be left out for lying near the middle."""
    places = np.indices((9, 41, 41)) - np.array([4, 20, 20])[:, None, None, None]
    turns = np.array([0.0, 2.0, 4.0]) * np.pi / 3
    corners = 18 * np.stack([np.zeros(3), np.sin(turns), np.cos(turns)], axis=1)
    mask = np.all([((places - one[:, None, None, None]) ** 2).sum(axis=0) < 31**2 for one in corners], axis=0)
    points, spacing_mm = vertices(np.pad(mask, 1)), np.array(spacing)
    assert len(points) > 1000
    assert widest(points, spacing_mm) == of_all_pairs(points, spacing_mm)
    assert widest_in_plane(points, spacing_mm, 0) == in_planes(points, spacing_mm, 0)


def test_a_pixel_is_as_wide_as_its_outline() -> None:
    assert widest(vertices(np.pad(np.ones((1, 1), bool), 1)), np.array([3.0, 4.0])) == 4.0
