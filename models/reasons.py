"""Contributions by kind of input: what a board asks first is whether texture, size or the clinical record speaks."""

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import repeat

import numpy as np

from features.errors import UnknownColumn
from features.names import ClinicalColumn, EmbeddingColumn, MeasureColumn, RadiomicsColumn, TherapyColumn, parse
from features.types import Floats
from models.answers import Contribution, ReasonGroup

_CONTRIBUTION = partial(tuple.__new__, Contribution)
GROUPS = ("size and shape", "intensity", "texture", "image embedding", "clinical record", "therapy", "other")


def contributions_of(
    names: Sequence[str],
    values: Sequence[float | str | None],
    units: Sequence[str],
    shares: Floats,
    scale: str,
    percentiles: Sequence[float | None] = (),
) -> tuple[Contribution, ...]:
    """The shares of one row, largest first; made without a call for each of hundreds of columns.

    Args:
        names: Of the columns.
        values: As given.
        units: Of the values.
        shares: Of the columns, (columns,).
        scale: On which they add up.
        percentiles: Of the values among the training patients; none where no cohort is known.
    """
    order = np.argsort(-np.abs(shares), kind="stable").tolist()
    sizes = shares.tolist()
    parts = zip(
        [names[index] for index in order],
        [values[index] for index in order],
        [units[index] for index in order],
        [sizes[index] for index in order],
        repeat(scale),
        [percentiles[index] for index in order] if percentiles else repeat(None),
        strict=False,
    )
    return tuple(map(_CONTRIBUTION, parts))


def grouped(contributions: Sequence[Contribution]) -> tuple[ReasonGroup, ...]:
    """The sum of each kind that is there, in the order of `GROUPS`; the sums add up to all contributions."""
    sums: dict[str, float] = {}
    for group, reason in zip(map(group_of, [reason.column for reason in contributions]), contributions, strict=True):
        sums[group] = sums.get(group, 0.0) + reason.contribution
    return tuple(ReasonGroup(group, sums[group]) for group in GROUPS if group in sums)


@lru_cache(maxsize=16_384)
def group_of(column: str) -> str:
    """The kind of one column, by its name."""
    try:
        parsed = parse(column)
    except UnknownColumn:
        return "other"
    if isinstance(parsed, RadiomicsColumn):
        feature_class = parsed.name.split("_")[1]
        return {"shape": "size and shape", "shape2D": "size and shape", "firstorder": "intensity"}.get(
            feature_class, "texture"
        )
    kinds = (
        (EmbeddingColumn, "image embedding"),
        (MeasureColumn, "size and shape"),
        (ClinicalColumn, "clinical record"),
        (TherapyColumn, "therapy"),
    )
    return next((group for kind, group in kinds if isinstance(parsed, kind)), "other")
