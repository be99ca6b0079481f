"""Each label of a segmentation is one lesion; what is not there is named."""

import numpy as np
import pytest
from builders.images import grid
from builders.lesions import lesion, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.errors import BadSegmentation, EmptySegmentation, GridMismatch, LabelNotFound
from features.imaging.volume import Image, Segmentation
from features.lesion import Lesion
from features.lesions import find_lesions


def three_lesions() -> tuple[Image, Segmentation]:
    image, segmentation = scene(8)
    segmentation.labels[segmentation.labels > 0] = 13
    segmentation.labels[0, 0, :3] = 2
    segmentation.labels[-1, -1, -1] = 5
    return image, segmentation


def test_each_label_is_a_lesion_in_the_order_of_labels() -> None:
    image, segmentation = three_lesions()
    lesions = find_lesions(image, segmentation)
    assert [(one.label, one.voxel_count) for one in lesions] == [(2, 3), (5, 1), (13, 512)]
    for one in lesions:
        np.testing.assert_array_equal(one.mask, segmentation.labels == one.label)
        assert one.image is image.voxels, "the image is shared, never copied"
        assert one.grid == image.grid
        assert one.pixel_type == image.pixel_type


def test_asked_labels_come_once_each_in_order() -> None:
    assert [one.label for one in find_lesions(*three_lesions(), labels=(13, 2, 13))] == [2, 13]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([3, 70_000, 2**31 - 1]))
def test_every_voxel_is_in_the_lesion_of_its_label_and_in_no_other(data: st.DataObject, highest: int) -> None:
    size = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    values = data.draw(st.lists(st.integers(1, highest), min_size=1, max_size=4, unique=True))
    labels = data.draw(arrays(np.int32, size[::-1], elements=st.sampled_from([0, *values])))
    labels[-1, 0, 0] = values[0]
    on = grid(size)
    lesions = find_lesions(Image(np.zeros(size[::-1], np.float32), on, ""), Segmentation(labels, on, ""))
    assert [one.label for one in lesions] == sorted(set(labels[labels > 0].tolist()))
    for one in lesions:
        np.testing.assert_array_equal(one.mask, labels == one.label)


@pytest.mark.parametrize("labels", [(3,), (2, 3, 99), (0,), (-1,)])
def test_a_label_that_is_not_there_is_named_with_those_that_are(labels: tuple[int, ...]) -> None:
    with pytest.raises(LabelNotFound, match="it has 2, 5, 13") as caught:
        find_lesions(*three_lesions(), labels=labels)
    assert caught.value.details["labels"] == ", ".join(str(label) for label in labels if label != 2)


def test_a_segmentation_without_labels_is_empty() -> None:
    image, segmentation = scene(8)
    segmentation.labels[:] = 0
    with pytest.raises(EmptySegmentation, match="no voxel"):
        find_lesions(image, segmentation)
    with pytest.raises(EmptySegmentation):
        find_lesions(image, segmentation, (1,))


def test_another_grid_is_refused() -> None:
    image, segmentation = scene(8)
    moved = Segmentation(segmentation.labels, grid(image.grid.size, origin_mm=(0, 0, 1)), "")
    with pytest.raises(GridMismatch, match="1 mm apart"):
        find_lesions(image, moved)


def test_more_lesions_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    image, segmentation = three_lesions()
    monkeypatch.setattr("features.lesions.MASK_BYTES", 2 * segmentation.labels.size)
    with pytest.raises(BadSegmentation, match="3 lesions on a grid of 4,096 voxels; wanted at most 2"):
        find_lesions(image, segmentation)
    assert len(find_lesions(image, segmentation, (2, 5))) == 2


def test_a_lesion_cannot_be_made_wrong() -> None:
    one = lesion(4)
    assert one.volume_mm3 == 64.0
    with pytest.raises(EmptySegmentation):
        Lesion(1, one.image, np.zeros_like(one.mask), one.grid)
    with pytest.raises(GridMismatch):
        Lesion(1, one.image, one.mask[1:], one.grid)
