"""What was learned of a model from patients whom it had not seen: how far it may err, and what it can promise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from features.types import Floats
from models.errors import BrokenFile
from models.lower_bounds import LowerBounds
from models.outcome_sets import OutcomeSets

_SEED = 20_260
_LARGEST = 100.0


@dataclass(frozen=True, slots=True)
class Assurance:
    """Plain, and part of the recipe; empty where none of it was learned."""

    unexplained: tuple[tuple[float, ...], ...] = ()
    """Covariance between therapies of what replicates leave out of an estimate's error (screening, shrinkage, effects
    too weak to be learned), on the log-odds or log-hazard: 1 x 1 where no therapy is known; none adds nothing."""
    sets: OutcomeSets | None = None
    """For an outcome."""
    bounds: LowerBounds | None = None
    """For progression."""

    def __post_init__(self) -> None:
        size = len(self.unexplained)
        if any(len(row) != size for row in self.unexplained):
            raise BrokenFile("what replicates leave out is not told by a square table")
        if size:
            covariance = np.array(self.unexplained)
            right = np.array_equal(covariance, covariance.T) and np.abs(covariance).max() <= _LARGEST
            if not right or np.linalg.eigvalsh(covariance).min() < -1e-9 * max(1.0, np.abs(covariance).max()):
                raise BrokenFile("what replicates leave out is no covariance")

    def covers(self, therapies: int) -> bool:
        """Whether all of it is for so many therapies."""
        count = max(1, therapies)
        sizes = {len(self.unexplained)} - {0}
        sizes |= {len(self.sets.cutoffs)} if self.sets else set()
        sizes |= {len(self.bounds.falls)} if self.bounds else set()
        return sizes <= {count}


UNASSURED = Assurance()


def widened(replicates: Floats, therapy: Floats, assurance: Assurance) -> Floats:
    """Replicates that also tell of what they left out: each twice, moved as far up as down.

    Their mean stays, and their variance grows by just the variance that is unexplained, between therapies by its
    covariance: any figure made from replicates, a difference or a restricted mean, then has its share.

    Args:
        replicates: On the latent scale, (replicates, n).
        therapy: Index of the therapy of each row, (n,).
        assurance: With the covariance.

    Returns:
        (2 replicates, n); the replicates themselves where nothing is to be added.
    """
    count, size = replicates.shape[0], len(assurance.unexplained)
    if count == 0 or size == 0:
        return replicates
    moves = _moves(count, assurance.unexplained)
    offset = moves[:, therapy.astype(np.intp)] * np.sqrt((2 * count - 1) / (2 * count))
    return np.concatenate([replicates + offset, replicates - offset])


@lru_cache(maxsize=64)
def _moves(count: int, unexplained: tuple[tuple[float, ...], ...]) -> Floats:
    """How far each replicate is moved under each therapy, (count, therapies); worked out once a model."""
    values, vectors = np.linalg.eigh(np.array(unexplained))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    moves: Floats = directions(count, len(unexplained)) @ root
    moves.flags.writeable = False
    return moves


def directions(count: int, size: int) -> Floats:
    """Moves that are the same in every call, (count, size): of unit variance, and at right angles where they can be."""
    drawn = np.random.default_rng(_SEED).normal(size=(max(count, size), size))
    square: Floats = np.linalg.qr(drawn)[0] * np.sqrt(drawn.shape[0])
    chosen = square[:count]
    result: Floats = chosen / np.sqrt((chosen**2).mean(axis=0))
    return result
