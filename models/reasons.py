"""Contributions by kind of input: what a board asks first is whether texture, size or the clinical record speaks."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import overload

import numpy as np

from features.errors import UnknownColumn
from features.names import ClinicalColumn, EmbeddingColumn, MeasureColumn, RadiomicsColumn, TherapyColumn, parse
from features.types import Floats
from models.answers import Contribution, ReasonGroup

GROUPS = ("size and shape", "intensity", "texture", "image embedding", "clinical record", "therapy", "other")
_FEW = 256
"""Columns that are sorted at once, with the interpreter's lock."""

Percentile = Callable[[int], float | None]
"""Of the value of a column, by its place, among the training patients; 0 to 1."""


class Contributions(Sequence[Contribution]):
    """The shares of one row, largest first; each is made when it is looked at: of hundreds an answer shows ten."""

    __slots__ = ("_names", "_order", "_percentile", "_scale", "_shares", "_units", "_values")

    def __init__(
        self,
        names: tuple[str, ...],
        values: Sequence[float | str | None],
        units: Sequence[str],
        shares: Floats,
        scale: str,
        percentile: Percentile = lambda place: None,
    ) -> None:
        """Takes the columns side by side.

        Args:
            names: Of the columns.
            values: As given.
            units: Of the values.
            shares: Of the columns, (columns,).
            scale: On which they add up.
            percentile: Gives None for all where no cohort is known.
        """
        self._names, self._values, self._units = names, values, units
        self._shares, self._scale, self._percentile = shares.tolist(), scale, percentile
        self._order = _largest_first(shares)

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Contribution: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Contribution, ...]: ...

    def __getitem__(self, index: int | slice) -> Contribution | tuple[Contribution, ...]:
        if isinstance(index, slice):
            return tuple(map(self._of, self._order[index]))
        return self._of(self._order[index])

    def __iter__(self) -> Iterator[Contribution]:
        return map(self._of, self._order)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | Contributions) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    @property
    def groups(self) -> tuple[ReasonGroup, ...]:
        """The sum of each kind that is there, in the order of `GROUPS`; the sums add up to all contributions."""
        kinds, there = _kinds(self._names)
        shares, sums = self._shares, [0.0] * len(GROUPS)
        for place in self._order:
            sums[kinds[place]] += shares[place]
        return tuple(ReasonGroup(GROUPS[kind], sums[kind]) for kind in there)

    def _of(self, place: int) -> Contribution:
        return Contribution(
            self._names[place],
            self._values[place],
            self._units[place],
            self._shares[place],
            self._scale,
            self._percentile(place),
        )


@lru_cache(maxsize=256)
def _kinds(columns: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of each column, by its place in `GROUPS`; and those that are there, in order."""
    kinds = tuple(GROUPS.index(group_of(column)) for column in columns)
    return kinds, tuple(sorted(set(kinds)))


def _largest_first(shares: Floats) -> list[int]:
    """Places by size, equal ones as they came; a few are not worth the interpreter's lock, which NumPy gives up."""
    sizes = np.abs(shares)
    if shares.size > _FEW:
        order: list[int] = np.argsort(-sizes, kind="stable").tolist()
        return order
    return sorted(range(shares.size), key=sizes.tolist().__getitem__, reverse=True)


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
