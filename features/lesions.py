"""The lesions of one scan: each label of its segmentation is one."""

from collections.abc import Iterator

import numpy as np

from features.errors import BadSegmentation, EmptySegmentation, LabelNotFound
from features.imaging.grid import require_same_grid
from features.imaging.volume import Image, Segmentation
from features.lesion import Lesion
from features.types import Labels, Mask

Box = tuple[slice, ...]

MASK_BYTES = 2 * 1024**3
"""What the masks of all lesions of a scan may take in memory."""
LISTED = 65_535
"""Highest label up to which the boxes of all labels are kept in one list; above, labels are counted through first."""


def find_lesions(image: Image, segmentation: Segmentation, labels: tuple[int, ...] = ()) -> tuple[Lesion, ...]:
    """The lesions of a scan, by label.

    Args:
        image: The scan.
        segmentation: On the image's own grid.
        labels: Which labels are lesions; empty for all.

    Raises:
        GridMismatch: The two lie on different grids.
        EmptySegmentation: No voxel is labelled.
        LabelNotFound: An asked label is not there.
        BadSegmentation: More lesions than memory allows for.
    """
    require_same_grid(image.grid, segmentation.grid)
    labelled = _labelled_box(segmentation.labels)
    present = labels_in(segmentation.labels[labelled])
    if not present:
        raise EmptySegmentation("no voxel of the segmentation is labelled; wanted a label above 0 in each lesion")
    asked = tuple(sorted(set(labels))) or present
    absent = [label for label in asked if label not in set(present)]
    if absent:
        raise LabelNotFound(
            f"the segmentation has no label {_listed(absent)}; it has {_listed(present)}",
            labels=_listed(absent),
            present=_listed(present),
        )
    if len(asked) * segmentation.labels.size > MASK_BYTES:
        raise BadSegmentation(
            f"{len(asked)} lesions on a grid of {segmentation.labels.size:,} voxels; "
            f"wanted at most {MASK_BYTES // segmentation.labels.size} at a time: name the labels",
            count=len(asked),
        )
    masks = _masks(segmentation.labels, labelled, present, asked)
    return tuple(
        Lesion(label, image.voxels, mask, image.grid, image.pixel_type)
        for label, mask in zip(asked, masks, strict=True)
    )


def labels_in(labels: Labels) -> tuple[int, ...]:
    """The labels above 0 that appear, in order."""
    inside = labels[labels != 0]  # sorting all voxels of a CT takes seconds; those of its lesions are few
    if inside.size and inside.min() == inside.max():
        return (int(inside[0]),)
    return tuple(int(label) for label in np.unique(inside))


def _labelled_box(labels: Labels) -> Box:
    """The smallest box with every labelled voxel; plane by plane first, for most planes hold none."""
    planes = _span(labels.reshape(len(labels), -1).max(axis=1))
    seen = labels[planes].max(axis=0, initial=0)
    return planes, _span(seen.max(axis=1)), _span(seen.max(axis=0))


def _span(values: Labels) -> slice:
    """From the first value above 0 to the last; empty where there is none."""
    places = np.flatnonzero(values)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _masks(labels: Labels, labelled: Box, present: tuple[int, ...], asked: tuple[int, ...]) -> Iterator[Mask]:
    """The mask of each asked label, one after the other; memory is touched only where its lesion lies."""
    boxes = {present[0]: labelled} if len(present) == 1 else _boxes(labels, labelled, present)
    for label in asked:
        mask: Mask = np.zeros(labels.shape, dtype=np.bool_)
        np.equal(labels[boxes[label]], label, out=mask[boxes[label]])
        yield mask


def _boxes(labels: Labels, labelled: Box, present: tuple[int, ...]) -> dict[int, Box]:
    """The box of each label, all found in one pass."""
    from scipy.ndimage import find_objects  # noqa: PLC0415  loads slowly, and most scans have one lesion

    region, names = labels[labelled], present
    if present[-1] > LISTED:
        region = np.searchsorted([0, *present], region).astype(np.int32)
        names = tuple(range(1, len(present) + 1))
    found = find_objects(region, max_label=names[-1])
    return {label: _within(labelled, found[name - 1]) for label, name in zip(present, names, strict=True)}


def _within(outer: Box, inner: Box) -> Box:
    return tuple(
        slice(one.start + other.start, one.start + other.stop) for one, other in zip(outer, inner, strict=True)
    )


def _listed(labels: tuple[int, ...] | list[int]) -> str:
    words = [str(label) for label in labels[:20]]
    return ", ".join(words) + (f" and {len(labels) - 20} more" if len(labels) > 20 else "")
