"""Conformal sets hold the truth as often as they promise, whatever the model that they stand on."""

import numpy as np
import pytest

from models.calibration import probability
from models.errors import BrokenFile
from models.outcome_sets import OutcomeSets, fit_outcome_sets

LEVEL = 0.9
DRAWS = 120
PATIENTS = 500
"""On each therapy, to calibrate."""


def drawn(generator: np.random.Generator, patients: int, therapy: int) -> tuple[np.ndarray, np.ndarray]:
    """What a poor model says, too extreme under one therapy and nearly blind under another, and what happens."""
    truth = generator.normal((0.5, -0.8, 0.0)[therapy], (1.5, 1.0, 0.8)[therapy], size=patients)
    said = (2.5, 0.6, 0.1)[therapy] * truth + generator.normal(0, 0.7, size=patients)
    return probability(said), (generator.random(patients) < probability(truth)).astype(np.float64)


def test_sets_hold_the_truth_of_new_patients_by_therapy() -> None:
    generator = np.random.default_rng(0)
    held, size = np.zeros(3), np.zeros(3)
    for _ in range(DRAWS):
        parts = [drawn(generator, PATIENTS, therapy) for therapy in range(3)]
        given = np.repeat(np.arange(3), PATIENTS)
        sets = fit_outcome_sets(
            np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), given, 3, LEVEL
        )
        assert sets.patients == (PATIENTS,) * 3
        for therapy in range(3):
            said, response = drawn(generator, 200, therapy)
            answers = [sets.of(float(one), therapy) for one in said]
            inside = [one.response if seen else one.no_response for one, seen in zip(answers, response, strict=True)]
            held[therapy] += np.mean(inside) / DRAWS
            size[therapy] += np.mean([one.response + one.no_response for one in answers]) / DRAWS
    assert np.all((held > 0.88) & (held < 0.93)), held
    assert size[2] > size[0], "a model that sees less gives larger sets"


def test_the_cutoff_is_the_conformal_quantile() -> None:
    """Of 19 values the 18th, for 0.9 x 20 = 18; of 8, too few for any, hence both classes."""
    chance = 1 - np.arange(1, 20) / 100
    sets = fit_outcome_sets(chance, np.ones(19), np.zeros(19, dtype=np.intp), 2, LEVEL)
    assert list(sets.cutoffs) == pytest.approx([0.18, 1.0])
    assert sets.patients == (19, 0)
    both = sets.of(0.5, 1)
    assert both.response and both.no_response
    sure, torn = sets.of(0.9, 0), sets.of(0.5, 0)
    assert (sure.response, sure.no_response) == (True, False)
    assert (torn.response, torn.no_response) == (False, False), "a cutoff so small fits neither"
    few = fit_outcome_sets(chance[:8], np.ones(8), np.zeros(8, dtype=np.intp), 1, LEVEL)
    assert few.cutoffs == (1.0,)


@pytest.mark.parametrize(
    ("level", "cutoffs", "patients"), [(0.9, (), ()), (0.9, (1.2,), (9,)), (1.0, (0.5,), (9,)), (0.9, (0.5,), (-1,))]
)
def test_impossible_sets_are_refused(level: float, cutoffs: tuple[float, ...], patients: tuple[int, ...]) -> None:
    with pytest.raises(BrokenFile):
        OutcomeSets(level, cutoffs, patients)
