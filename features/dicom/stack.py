"""Whether frames are a right volume, judged from their positions and orientations alone, and on which grid they lie.

Tags that say the same again (slice location, thickness, gantry tilt, instance number) are not asked: on real series
they are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.dicom.instance import Frame
from features.errors import (
    DamagedFile,
    DoubledSlices,
    MissingSlices,
    MixedOrientations,
    MixedSlices,
    ShearedSlices,
    TooFewSlices,
)
from features.imaging.header import checked_grid
from features.imaging.volume import Grid
from features.types import Floats

FEWEST = 3
COSINE_TOLERANCE = 1e-4
"""Between the orientations of two slices: what text of six digits rounds to, and more."""
SHEAR_TOLERANCE = 1e-3
"""Sideways step from slice to slice, as a part of the step: 0.06 degrees, as for the axes of other formats."""
SIDEWAYS_TOLERANCE = 0.1
"""Of a pixel: how far one slice may lie beside the line through the first and the last."""
SAME_TOLERANCE = 0.05
"""Of the usual step: slices that are nearer lie at one position."""
STEP_TOLERANCE = 0.05
"""Of a step: how far a slice may lie from its place on an even grid."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames in the order of their planes."""

    order: tuple[int, ...]
    """Indices of the frames as they came, by position along the normal of the planes."""
    grid: Grid


def stacked(frames: Sequence[Frame], rows: int, columns: int) -> Stack:
    """Orders frames and finds their grid.

    Args:
        frames: Of one series, in any order.
        rows: Of each.
        columns: Of each.

    Raises:
        BadSeries: The leaf says why they are no right volume.
        DamagedFile: A frame without position, orientation or spacing.
        UnsupportedImage: Axes or spacings that cannot be.
    """
    positions, axes, spacing = _described(frames)
    if len(frames) < FEWEST:
        raise TooFewSlices(f"the series has {len(frames)} slices; wanted {FEWEST} or more", slices=len(frames))
    normal = np.cross(axes[0], axes[1])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    _require_single(steps)
    _require_straight(positions[order], axes, normal, spacing)
    step = _even_step(along[order])
    first = positions[order[0]]
    direction = np.stack([axes[0], axes[1], normal], axis=1)
    grid = checked_grid((columns, rows, len(frames)), (*spacing, step), first.tolist(), direction.ravel().tolist())
    return Stack(tuple(int(index) for index in order), grid)


def _described(frames: Sequence[Frame]) -> tuple[Floats, Floats, tuple[float, float]]:
    """Positions (n, 3), the two axes of the planes (2, 3), and the spacing within them."""
    positions, cosines, spacings = [], [], []
    for frame in frames:
        if frame.position_mm is None or frame.orientation is None or frame.spacing_mm is None:
            raise DamagedFile("a slice has no position, orientation or pixel spacing; wanted all three of each")
        positions.append(frame.position_mm)
        cosines.append(frame.orientation)
        spacings.append(frame.spacing_mm)
    if len({frame.stack for frame in frames}) > 1:
        raise MixedSlices("the frames are of several stacks; wanted one")
    turned = np.asarray(cosines, dtype=np.float64)
    apart = float(np.abs(turned - turned[0]).max())
    if not apart <= COSINE_TOLERANCE:
        raise MixedOrientations(
            f"the slices are not parallel: a cosine differs by {apart:.3g}; wanted one orientation for all",
            difference=f"{apart:.3g}",
        )
    within = np.asarray(spacings, dtype=np.float64)
    if not np.allclose(within, within[0], rtol=1e-3, atol=0.0):
        raise MixedSlices("the slices differ in pixel spacing; wanted one for all")
    axes = turned[0].reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1)
    if not (np.all(np.abs(lengths - 1) < 0.01)):
        raise DamagedFile("the orientation of the slices is no pair of unit vectors; wanted six cosines")
    return np.asarray(positions, dtype=np.float64), axes / lengths[:, None], (spacings[0][0], spacings[0][1])


def _require_single(steps: Floats) -> None:
    apart = steps[steps > 0]
    usual = float(np.median(apart)) if apart.size else 0.0
    # Where slices lie twice over, half of the steps are rounding: the usual one is among the larger.
    usual = float(np.median(steps[steps > SAME_TOLERANCE * steps.max()])) if usual else 0.0
    doubled = int(np.count_nonzero(steps <= SAME_TOLERANCE * usual))
    if doubled:
        raise DoubledSlices(
            f"{doubled} of {steps.size + 1} slices lie where another lies: phases, echoes, b-values or copies in one "
            "series; wanted one slice at each position",
            doubled=doubled,
        )


def _require_straight(positions: Floats, axes: Floats, normal: Floats, spacing: tuple[float, float]) -> None:
    """Wants each slice straight above the one before."""
    way = positions[-1] - positions[0]
    height = float(way @ normal)
    sideways = float(np.abs(axes @ way).max())
    tilt = np.degrees(np.arctan2(sideways, height))
    if sideways > SHEAR_TOLERANCE * height:
        raise ShearedSlices(
            f"the slices are shifted against each other by {tilt:.2f} degrees, as with a tilted gantry; "
            "wanted each straight above the other: resample the series first",
            degrees=f"{tilt:.2f}",
        )
    line = positions[0] + np.outer((positions - positions[0]) @ normal / height, way)
    beside = np.abs((positions - line) @ axes.T)
    if np.any(beside > SIDEWAYS_TOLERANCE * np.asarray(spacing)):
        raise ShearedSlices(
            f"a slice lies up to {float(beside.max()):.3g} mm beside the others; wanted each straight above the other"
        )


def _even_step(along: Floats) -> float:
    steps = np.diff(along)
    usual = float(np.median(steps))
    gaps = [int(index) for index in np.flatnonzero(steps > 1.5 * usual)]
    if gaps:
        missing = sum(round(float(steps[index]) / usual) - 1 for index in gaps)
        raise MissingSlices(
            f"{missing} slices are missing in {len(gaps)} gaps of up to {float(steps.max()):.4g} mm, "
            f"where slices lie {usual:.4g} mm apart; wanted the whole series",
            missing=missing,
        )
    step = float(along[-1] - along[0]) / (len(along) - 1)
    off = float(np.abs(along - along[0] - step * np.arange(len(along))).max())
    if off > STEP_TOLERANCE * step:
        raise MissingSlices(
            f"the slices lie {float(steps.min()):.4g} to {float(steps.max()):.4g} mm apart; wanted even distances"
        )
    return step
