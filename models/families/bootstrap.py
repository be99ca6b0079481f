"""Patients drawn anew: the replicates from which intervals come."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.families.target import OutcomeTarget, Target

_FEWEST_DRAWN = 3
_APART = 17
"""Beside a seed: draws that are shared are not those of any one fit."""
_shared: ContextVar[int | None] = ContextVar("shared", default=None)


@contextmanager
def drawn_alike(seed: int) -> Iterator[None]:
    """Within it, in this thread, every fit to the same patients draws the same of them for the same replicate.

    Errors of several families then go together as they do in truth: a mean of replicates that were drawn apart would
    vary less than the mean of the families does.
    """
    before = _shared.set(seed)
    try:
        yield
    finally:
        _shared.reset(before)


def draws(target: Target, replicates: int, generator: np.random.Generator) -> Iterator[Floats]:
    """How often each patient was drawn, (n,), for each replicate; a draw without both classes is drawn again."""
    shared = _shared.get()
    if shared is not None:
        generator = np.random.default_rng((shared, _APART))
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
