"""Patients drawn anew: the replicates from which intervals come."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.families.target import OutcomeTarget, Target

_FEWEST_DRAWN = 3


def draws(target: Target, replicates: int, generator: np.random.Generator) -> Iterator[Floats]:
    """How often each patient was drawn, (n,), for each replicate; a draw without both classes is drawn again."""
    marked = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    size = marked.size
    for _ in range(replicates):
        for _attempt in range(100):
            counts = generator.multinomial(size, np.full(size, 1.0 / size)).astype(np.float64)
            drawn = counts > 0
            enough = int(np.count_nonzero(drawn & marked)) >= min(_FEWEST_DRAWN, int(np.count_nonzero(marked)))
            if enough and (not isinstance(target, OutcomeTarget) or np.count_nonzero(drawn & ~marked) >= _FEWEST_DRAWN):
                break
        yield counts


def folds(target: Target, count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """A fold for each patient, (n,), with responses or events spread evenly."""
    marked = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    fold = np.empty(marked.size, dtype=np.intp)
    for members in (np.flatnonzero(marked), np.flatnonzero(~marked)):
        fold[generator.permutation(members)] = np.arange(members.size) % count
    return fold
