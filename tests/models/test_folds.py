"""Folds hold out every patient once, with outcomes and therapies spread evenly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.families.target import OutcomeTarget
from models.folds import patient_folds, usable_folds


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), min_size=20, max_size=80),
    st.integers(2, 10),
    st.integers(0, 5),
)
def test_each_fold_has_its_share(patients: list[tuple[bool, str]], count: int, seed: int) -> None:
    response = np.array([responded for responded, _ in patients], dtype=float)
    therapies = [therapy for _, therapy in patients]
    fold = patient_folds(OutcomeTarget(response), therapies, count, seed)
    sizes = np.bincount(fold, minlength=count)
    assert sizes.sum() == len(patients)
    assert sizes.max() - sizes.min() <= 1
    for therapy in set(therapies):
        given = np.bincount(fold[[one == therapy for one in therapies]], minlength=count)
        assert given.max() - given.min() <= 1
    positives = np.bincount(fold[response > 0], minlength=count)
    assert positives.max() - positives.min() <= 3  # one a therapy


def test_the_seed_moves_patients_and_nothing_else_does() -> None:
    target = OutcomeTarget(np.array([0.0, 1.0] * 15))
    first, again, other = (patient_folds(target, None, 5, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_no_more_folds_than_the_smaller_class_has_patients() -> None:
    assert usable_folds(OutcomeTarget(np.array([1.0] * 3 + [0.0] * 40)), 10) == 3
    assert usable_folds(OutcomeTarget(np.array([1.0] * 30 + [0.0] * 40)), 5) == 5
