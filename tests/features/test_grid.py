"""Two grids are one or are refused with how they differ; a segmentation moves without losing a voxel."""

import math

import numpy as np
import pytest
from builders.images import grid
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import EmptySegmentation, GridMismatch
from features.imaging.grid import require_same_grid, resample_onto
from features.imaging.volume import Grid, Segmentation
from features.types import Labels

GRID = grid((20, 18, 16), (0.8, 0.8, 2.5), (-10.0, 5.0, 7.0))
COS, SIN = math.cos(0.02), math.sin(0.02)


def segmentation(on: Grid, box: tuple[slice, slice, slice] = np.s_[5:8, 5:10, 5:12], label: int = 1) -> Segmentation:
    labels: Labels = np.zeros(on.size[::-1], dtype=np.int32)
    labels[box] = label
    return Segmentation(labels, on, "0" * 64)


@pytest.mark.parametrize(
    "mask",
    [
        GRID,
        grid(GRID.size, (0.8, 0.8, 2.5004), GRID.origin_mm),
        grid(GRID.size, GRID.spacing_mm, (-10.002, 5.0, 7.0)),
        grid(GRID.size, GRID.spacing_mm, GRID.origin_mm, (1, 1e-4, 0, -1e-4, 1, 0, 0, 0, 1)),
    ],
)
def test_the_rounding_of_file_formats_is_no_difference(mask: Grid) -> None:
    require_same_grid(GRID, mask)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (grid((20, 18, 15), GRID.spacing_mm, GRID.origin_mm), "size 20 x 18 x 15 voxels, the image has 20 x 18 x 16"),
        (grid(GRID.size, (0.8, 0.8, 2.0), GRID.origin_mm), r"2.5 \(20.00% apart\)"),
        (grid(GRID.size, GRID.spacing_mm, (-10.0, 5.5, 7.0)), r"0.5 mm apart"),
        (grid(GRID.size, GRID.spacing_mm, GRID.origin_mm, (COS, -SIN, 0, SIN, COS, 0, 0, 0, 1)), "0.02 in a cosine"),
        (grid(GRID.size, GRID.spacing_mm, GRID.origin_mm, (-1, 0, 0, 0, -1, 0, 0, 0, 1)), "direction"),
    ],
)
def test_another_grid_is_refused_with_how_it_differs(mask: Grid, said: str) -> None:
    with pytest.raises(GridMismatch, match=said):
        require_same_grid(GRID, mask)


def test_all_differences_are_told_at_once() -> None:
    with pytest.raises(GridMismatch, match=r"size .* spacing .* origin .* direction"):
        require_same_grid(GRID, grid((3, 3, 3), (1, 1, 1), (0, 0, 0), (0, 1, 0, 1, 0, 0, 0, 0, 1)))


def test_onto_its_own_grid_nothing_changes() -> None:
    given_one = segmentation(GRID, label=7)
    moved = resample_onto(given_one, GRID)
    np.testing.assert_array_equal(moved.labels, given_one.labels)
    assert (moved.grid, moved.digest, moved.labels.dtype.name) == (GRID, given_one.digest, "int32")


def test_a_part_cut_out_of_the_image_comes_back_to_its_place() -> None:
    whole = segmentation(GRID, label=3)
    part = grid((15, 13, 10), GRID.spacing_mm, (-10.0 + 2 * 0.8, 5.0 + 3 * 0.8, 7.0 + 4 * 2.5))
    cut = Segmentation(whole.labels[4:14, 3:16, 2:17].copy(), part, "")
    np.testing.assert_array_equal(resample_onto(cut, GRID).labels, whole.labels)


@settings(max_examples=25, deadline=None)
@given(st.permutations([0, 1, 2]), st.tuples(st.booleans(), st.booleans(), st.booleans()), st.integers(0, 2**32 - 1))
def test_turned_and_mirrored_axes_come_back(order: list[int], mirrored: tuple[bool, ...], seed: int) -> None:
    labels: Labels = np.random.default_rng(seed).integers(0, 4, GRID.size[::-1]).astype(np.int32)
    axes, sizes = np.eye(3), np.array(GRID.size)
    spacing, origin = np.array(GRID.spacing_mm), np.array(GRID.origin_mm)
    turned = labels.transpose([2 - order[2 - axis] for axis in range(3)])
    columns = []
    for new, old in enumerate(order):
        column = axes[old]
        if mirrored[new]:
            turned = np.flip(turned, axis=2 - new)
            origin = origin + column * spacing[old] * (sizes[old] - 1)
            column = -column
        columns.append(column)
    x, y, z = (int(sizes[old]) for old in order)
    a, b, c = (float(spacing[old]) for old in order)
    other = grid((x, y, z), (a, b, c), tuple(origin.tolist()), tuple(np.array(columns).T.ravel().tolist()))
    moved = resample_onto(Segmentation(np.ascontiguousarray(turned), other, ""), GRID)
    np.testing.assert_array_equal(moved.labels, labels)


def test_a_finer_segmentation_keeps_its_volume() -> None:
    fine = grid((40, 36, 40), (0.4, 0.4, 1.0), (-10.2, 4.8, 6.25))
    moved = resample_onto(segmentation(fine, np.s_[10:30, 8:28, 10:30]), GRID)
    volume = np.count_nonzero(moved.labels) * 0.8 * 0.8 * 2.5
    assert volume == pytest.approx(20 * 20 * 20 * 0.4 * 0.4 * 1.0, rel=0.01)


def test_a_mask_outside_the_image_is_refused() -> None:
    away = grid(GRID.size, GRID.spacing_mm, (500.0, 5.0, 7.0))
    with pytest.raises(EmptySegmentation, match="mask outside the image: none of its 105 labelled voxels"):
        resample_onto(segmentation(away), GRID)


def test_a_mask_partly_outside_is_refused_with_how_much() -> None:
    shifted = grid(GRID.size, GRID.spacing_mm, (-10.0, 5.0, 7.0 - 6 * 2.5))
    with pytest.raises(GridMismatch, match="35 of 105 labelled voxels lie outside"):
        resample_onto(segmentation(shifted), GRID)


def test_a_label_that_falls_between_coarse_voxels_is_refused() -> None:
    fine = grid((200, 180, 160), (0.08, 0.08, 0.25), GRID.origin_mm)
    both = segmentation(fine, np.s_[20:60, 20:60, 20:60])
    both.labels[74, 74, 74] = 2
    with pytest.raises(GridMismatch, match="label 2 would vanish"):
        resample_onto(both, GRID)


def test_a_mask_without_labels_is_empty() -> None:
    with pytest.raises(EmptySegmentation, match="no voxel"):
        resample_onto(segmentation(GRID, label=0), GRID)
