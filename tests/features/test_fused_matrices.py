"""The fused engine's matrices are pyradiomics' own, count for count."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from radiomics import cMatrices

from features.radiomics.fused.neighbours import LevelVolume, level_volume, neighbour_offsets
from features.radiomics.fused.pairs import count_directions
from features.radiomics.fused.runs import run_counts, zones
from features.radiomics.fused.surroundings import dependence_cells, surroundings

Levels = NDArray[np.int32]


@st.composite
def boxes(draw: Any) -> Levels:  # noqa: ANN401
    """Grey levels in a lesion's box, 0 outside; every side of the box is touched."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(1, 8)] * 3))
    levels = random.integers(1, draw(st.sampled_from([1, 2, 5, 40, 1000])) + 1, shape)
    levels[random.random(shape) > draw(st.sampled_from([0.2, 0.6, 1.0]))] = 0
    levels[tuple(random.integers(size) for size in shape)] = 1
    where = np.nonzero(levels)
    return np.asarray(levels[tuple(slice(axis.min(), axis.max() + 1) for axis in where)], dtype=np.int32)


@st.composite
def ways(draw: Any) -> tuple[list[int], bool, int]:  # noqa: ANN401
    """Distances, force2D and its dimension."""
    distances = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    return distances, draw(st.booleans()), draw(st.integers(0, 2))


def taken(box: Levels, distances: list[int]) -> tuple[LevelVolume, NDArray[np.intc], NDArray[np.bool_], int]:
    return level_volume(box, max(distances)), box.astype(np.intc), box > 0, int(box.max())


@given(boxes(), ways(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_offsets_are_pyradiomics_angles(box: Levels, way: tuple[list[int], bool, int], both_ways: bool) -> None:
    distances, flat, axis = way
    ours = neighbour_offsets(box.shape, distances, axis if flat else None, both_ways)
    if not len(ours):
        return
    theirs = cMatrices.generate_angles(np.array(box.shape), np.array(distances), both_ways, flat, axis)
    np.testing.assert_array_equal(ours, theirs)


@given(boxes(), ways())
@settings(max_examples=60, deadline=None)
def test_pairs_of_neighbours(box: Levels, way: tuple[list[int], bool, int]) -> None:
    distances, flat, axis = way
    volume, image, mask, greatest = taken(box, distances)
    offsets = neighbour_offsets(box.shape, distances, axis if flat else None, False)
    if not len(offsets):
        return
    theirs, _ = cMatrices.calculate_glcm(image, mask, np.array(distances), greatest, flat, axis)
    present = np.ix_(volume.present - 1, volume.present - 1)
    for symmetrical in (False, True):
        for index, pairs in enumerate(count_directions(volume, offsets, symmetrical)):
            wanted = theirs[0, :, :, index]
            wanted = wanted + wanted.T if symmetrical else wanted
            np.testing.assert_array_equal(pairs.table(), wanted[present])
            assert wanted.sum() == wanted[present].sum()


@given(boxes(), ways())
@settings(max_examples=60, deadline=None)
def test_runs(box: Levels, way: tuple[list[int], bool, int]) -> None:
    _, flat, axis = way
    volume, image, mask, greatest = taken(box, [1])
    offsets = neighbour_offsets(box.shape, [1], axis if flat else None, False)
    if not len(offsets):
        return
    theirs, _ = cMatrices.calculate_glrlm(image, mask, greatest, max(box.shape), flat, axis)
    for index, offset in enumerate(offsets):
        np.testing.assert_array_equal(run_counts(volume, offset), theirs[0, :, :, index])


@given(boxes(), ways())
@settings(max_examples=60, deadline=None)
def test_zones(box: Levels, way: tuple[list[int], bool, int]) -> None:
    _, flat, axis = way
    volume, image, mask, greatest = taken(box, [1])
    offsets = neighbour_offsets(box.shape, [1], axis if flat else None, True)
    if not len(offsets):
        return
    theirs = cMatrices.calculate_glszm(image, mask.copy(), greatest, int(mask.sum()), flat, axis)[0]
    levels, sizes, counts = zones(volume, offsets)
    ours = np.zeros_like(theirs)
    ours[levels - 1, sizes - 1] = counts
    np.testing.assert_array_equal(ours, theirs)


@given(boxes(), ways(), st.sampled_from([0, 1, 5]))
@settings(max_examples=60, deadline=None)
def test_dependence_and_grey_tone_difference(box: Levels, way: tuple[list[int], bool, int], alpha: int) -> None:
    distances, flat, axis = way
    volume, image, mask, greatest = taken(box, distances)
    offsets = neighbour_offsets(box.shape, distances, axis if flat else None, True)
    if not len(offsets):
        return
    around = surroundings(volume, offsets, alpha)
    theirs = cMatrices.calculate_gldm(image, mask, np.array(distances), greatest, alpha, flat, axis)[0]
    levels, dependent, counts = dependence_cells(around)
    ours = np.zeros_like(theirs)
    ours[levels - 1, dependent - 1] = counts
    np.testing.assert_array_equal(ours, theirs)

    wanted = cMatrices.calculate_ngtdm(image, mask, np.array(distances), greatest, flat, axis)[0]
    difference = np.where(around.near > 0, np.abs(around.levels - around.total / np.maximum(around.near, 1)), 0)
    np.testing.assert_array_equal(np.bincount(around.levels, minlength=greatest + 1)[1:], wanted[:, 0])
    summed = np.bincount(around.levels, difference, minlength=greatest + 1)[1:]
    np.testing.assert_allclose(summed, wanted[:, 1], rtol=1e-12)
