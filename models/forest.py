"""Boosted trees at work: margins as XGBoost adds them up, to the bit, and exact contributions, for one row in no time.

XGBoost spends a millisecond on what surrounds a single row, and microseconds on its trees. Here a forest is laid out
once as the paths to its leaves: on a path a column must lie in one interval, or may be missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled, compiled_briefly
from features.types import Floats
from models.nodes import Flags, Indices, Nodes, Singles

MOST_STEPS = 4_000_000
"""Columns on all paths together; a larger forest is left to XGBoost."""
MOST_ON_A_PATH = 64
"""Different columns on one path."""
_BRIEF = 20_000
"""Columns on all paths, rows together, that are gone through in a fraction of a millisecond."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """All leaves of a forest, tree by tree, and what leads to each."""

    start: NDArray[np.int64]
    """First step of each leaf's path, and the end of the last, (leaves + 1,)."""
    value: Singles
    """What each leaf adds, (leaves,)."""
    group: Indices
    """The output that it adds to, (leaves,)."""
    column: Indices
    """Of each step, each column once a path, (steps,)."""
    lower: Singles
    """From here on, (steps,)."""
    upper: Singles
    """Below here, (steps,)."""
    missing: Flags
    """Whether a missing value follows the path as well, (steps,)."""
    share: Floats
    """Of training patients at the splits on the column, those that followed the path, (steps,)."""
    base: Singles
    """Margin before the first tree, (groups,)."""

    def margins(self, rows: Floats) -> Floats:
        """What the trees add up to in single precision, in the order of the trees, (n, groups)."""
        X = _singles(rows)
        result: Floats = self._added_up(X, _add_up_briefly if self._brief(X) else _add_up).astype(np.float64)
        return result

    def shares(self, rows: Floats) -> Floats:
        """Share of each column in the margin of the one output, (n, columns): Shapley values along the trees' paths.

        Source: Lundberg et al., Nat Mach Intell 2 (2020) 56, algorithm 2 (path-dependent TreeSHAP).
        """
        X = _singles(rows)
        return self._shared_out(X, _share_out_briefly if self._brief(X) else _share_out)

    def rehearse(self) -> None:
        """Has every kernel compiled, or found compiled, before there is a row that waits."""
        none = np.empty((0, 1), dtype=np.float32)
        for add_up, share_out in ((_add_up, _share_out), (_add_up_briefly, _share_out_briefly)):
            self._added_up(none, add_up)
            self._shared_out(none, share_out)

    def _brief(self, X: Singles) -> bool:
        return len(X) * self.column.size <= _BRIEF

    def _added_up(self, X: Singles, kernel: Callable[..., None]) -> Singles:
        told = np.empty((X.shape[0], self.base.size), dtype=np.float32)
        kernel(
            X, self.start, self.value, self.group, self.column, self.lower, self.upper, self.missing, self.base, told
        )
        return told

    def _shared_out(self, X: Singles, kernel: Callable[..., None]) -> Floats:
        told = np.zeros(X.shape)
        kernel(X, self.start, self.value, self.column, self.lower, self.upper, self.missing, self.share, told)
        return told


def _singles(rows: Floats) -> Singles:
    """In the one layout that the kernels are compiled for: several rows of chosen columns come in another."""
    return np.ascontiguousarray(rows, dtype=np.float32)


def paths_of(trees: Sequence[Nodes], groups: int, base: Singles) -> Paths | None:
    """Lays a forest out; None for one that is left to XGBoost.

    Args:
        trees: In their order; tree i adds to output i modulo `groups`.
        groups: Outputs for each row.
        base: Margin before the first tree, (groups,).
    """
    offset = np.cumsum([0, *(tree.left.size for tree in trees)])
    left, right, parent, column, split, missing_left, cover = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("left", "right", "parent", "column", "split", "missing_left", "cover")
    )
    tree = np.repeat(np.arange(len(trees), dtype=np.int32), np.diff(offset))
    if not _covers_sound(left, right, offset[tree], cover):
        return None
    leaves = np.flatnonzero(left == -1)
    root = offset[:-1][tree]
    ahead = np.empty(leaves.size, dtype=np.int64)
    _count_steps(leaves, root, parent, column, ahead)
    if ahead.max() > MOST_ON_A_PATH or ahead.sum() > MOST_STEPS:
        return None
    start = np.concatenate([[0], np.cumsum(ahead)])
    steps = int(start[-1])
    told = Paths(
        start=start,
        value=split[leaves],
        group=(tree[leaves] % groups).astype(np.int32),
        column=np.empty(steps, dtype=np.int32),
        lower=np.full(steps, -np.inf, dtype=np.float32),
        upper=np.full(steps, np.inf, dtype=np.float32),
        missing=np.ones(steps, dtype=np.bool_),
        share=np.ones(steps),
        base=base,
    )
    _fill(
        leaves, root, parent, column, split, left, missing_left, cover.astype(np.float64),
        start, told.column, told.lower, told.upper, told.missing, told.share,
    )  # fmt: skip
    told.rehearse()
    return told


def _covers_sound(left: Indices, right: Indices, root: NDArray[np.int64], cover: Singles) -> bool:
    """Whether patients came to every node: shares of none are no numbers."""
    inner = np.flatnonzero(left != -1)
    below = np.concatenate([(left[inner] + root[inner]), (right[inner] + root[inner])])
    return bool((cover[inner] > 0).all() and (cover[below] > 0).all())


@compiled
def _count_steps(
    leaves: NDArray[np.int64],
    root: NDArray[np.int64],
    parent: Indices,
    column: Indices,
    ahead: NDArray[np.int64],
) -> None:
    """How many different columns lie on the way to each leaf."""
    seen = np.empty(MOST_ON_A_PATH + 1, dtype=np.int32)
    for leaf in range(leaves.size):
        node = leaves[leaf]
        first = root[node]
        known = 0
        while node != first and known <= MOST_ON_A_PATH:
            node = first + parent[node]
            again = False
            for index in range(known):
                again = again or seen[index] == column[node]
            if not again:
                seen[known] = column[node]
                known += 1
        ahead[leaf] = known


@compiled
def _fill(
    leaves: NDArray[np.int64],
    root: NDArray[np.int64],
    parent: Indices,
    column: Indices,
    split: Singles,
    left: Indices,
    missing_left: Flags,
    cover: Floats,
    start: NDArray[np.int64],
    of_step: Indices,
    lower: Singles,
    upper: Singles,
    missing: Flags,
    share: Floats,
) -> None:
    """Walks up from each leaf, and narrows the interval of each column on the way."""
    for leaf in range(leaves.size):
        node = leaves[leaf]
        first = root[node]
        begin = start[leaf]
        known = 0
        while node != first:
            above = first + parent[node]
            step = begin
            while step < begin + known and of_step[step] != column[above]:
                step += 1
            if step == begin + known:
                of_step[step] = column[above]
                known += 1
            to_left = first + left[above] == node
            if to_left:
                upper[step] = min(upper[step], split[above])
            else:
                lower[step] = max(lower[step], split[above])
            missing[step] = missing[step] and missing_left[above] == to_left
            share[step] *= cover[node] / cover[above]
            node = above


@compiled
def _follows(value: float, lower: float, upper: float, missing: bool) -> bool:
    return missing if np.isnan(value) else lower <= value < upper


@compiled
def _add_up(
    X: Singles,
    start: NDArray[np.int64],
    value: Singles,
    group: Indices,
    column: Indices,
    lower: Singles,
    upper: Singles,
    missing: Flags,
    base: Singles,
    told: Singles,
) -> None:
    for row in range(X.shape[0]):
        told[row] = base
        for leaf in range(value.size):
            reached = True
            step = start[leaf]
            while reached and step < start[leaf + 1]:
                reached = _follows(X[row, column[step]], lower[step], upper[step], missing[step])
                step += 1
            if reached:
                told[row, group[leaf]] += value[leaf]


@compiled
def _share_out(
    X: Singles,
    start: NDArray[np.int64],
    value: Singles,
    column: Indices,
    lower: Singles,
    upper: Singles,
    missing: Flags,
    share: Floats,
    told: Floats,
) -> None:
    """Weighs subsets of a path's columns by how many they are, as the paper's EXTEND and UNWIND do."""
    weight = np.empty(MOST_ON_A_PATH + 1)
    follows = np.empty(MOST_ON_A_PATH, dtype=np.bool_)
    for row in range(X.shape[0]):
        for leaf in range(value.size):
            begin = start[leaf]
            count = start[leaf + 1] - begin
            weight[0] = 1.0
            for step in range(count):
                at = begin + step
                follows[step] = _follows(X[row, column[at]], lower[at], upper[at], missing[at])
                weight[step + 1] = 0.0
                for size in range(step, -1, -1):
                    if follows[step]:
                        weight[size + 1] += weight[size] * (size + 1) / (step + 2)
                    weight[size] *= share[at] * (step + 1 - size) / (step + 2)
            for step in range(count):
                at = begin + step
                total = 0.0
                if follows[step]:
                    ahead = weight[count]
                    for size in range(count - 1, -1, -1):
                        part = ahead * (count + 1) / (size + 1)
                        total += part
                        ahead = weight[size] - part * share[at] * (count - size) / (count + 1)
                    told[row, column[at]] += total * (1.0 - share[at]) * value[leaf]
                else:
                    for size in range(count - 1, -1, -1):
                        total += weight[size] * (count + 1) / (share[at] * (count - size))
                    told[row, column[at]] -= total * share[at] * value[leaf]


@compiled_briefly
def _add_up_briefly(*given: Any) -> None:  # noqa: ANN401 - as `_add_up`
    _add_up(*given)


@compiled_briefly
def _share_out_briefly(*given: Any) -> None:  # noqa: ANN401 - as `_share_out`
    _share_out(*given)
