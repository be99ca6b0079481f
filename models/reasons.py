"""Contributions by kind of input: what a board asks first is whether texture, size or the clinical record speaks."""

from collections.abc import Iterable
from functools import lru_cache

from features.errors import UnknownColumn
from features.names import ClinicalColumn, EmbeddingColumn, MeasureColumn, RadiomicsColumn, TherapyColumn, parse
from models.answers import Contribution, ReasonGroup

GROUPS = ("size and shape", "intensity", "texture", "image embedding", "clinical record", "therapy", "other")


def grouped(contributions: Iterable[Contribution]) -> tuple[ReasonGroup, ...]:
    """The sum of each kind that is there, in the order of `GROUPS`; the sums add up to all contributions."""
    sums: dict[str, float] = {}
    for reason in contributions:
        group = group_of(reason.column)
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
