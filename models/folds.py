"""Who is held out when: folds of patients with outcomes and therapies spread evenly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.families.target import OutcomeTarget, Target

Fold = NDArray[np.intp]


def patient_folds(target: Target, therapies: Sequence[str] | None, count: int, seed: int) -> Fold:
    """The fold of each patient, (n,), 0 to count - 1.

    Patients are dealt out in turn, ordered by therapy, then by outcome or event, then by chance. So each fold has
    its share of either class, and two patients on one therapy are never held out together.

    Args:
        target: One entry a patient.
        therapies: One a patient, or None.
        count: Number of folds, at least 2 and at most the smaller class.
        seed: For the order by chance.
    """
    label = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    words = np.array(therapies if therapies is not None else [""] * label.size)
    chance = np.random.default_rng(seed).permutation(label.size)
    fold = np.empty(label.size, dtype=np.intp)
    fold[np.lexsort((chance, label, words))] = np.arange(label.size) % count
    return fold


def usable_folds(target: Target, wanted: int) -> int:
    """No more folds than the smaller class has patients, and 2 at the least."""
    label = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    positives = int(label.sum())
    smaller = min(positives, label.size - positives) if isinstance(target, OutcomeTarget) else positives
    return max(2, min(wanted, smaller))
