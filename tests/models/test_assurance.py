"""Replicates widened by what they leave out, and the whole of what held-out patients tell of a model."""

from functools import cache

import numpy as np
import pytest
from builders.imageless import Imageless, imageless

from models.assurance import Assurance, directions, widened
from models.assure import assure
from models.errors import BrokenFile
from models.families.all import family_of
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.families.target import Task
from models.intervals import spread
from models.outcome_sets import OutcomeSets

COVARIANCE = ((0.9, 0.2, -0.1), (0.2, 0.5, 0.3), (-0.1, 0.3, 0.7))
PATIENTS = 160
KNOWN = {"outcome": "xgboost", "progression": "cox"}


def test_widening_adds_just_the_covariance_and_moves_no_mean() -> None:
    generator = np.random.default_rng(0)
    replicates = generator.normal(size=(20, 3))
    both = widened(replicates, np.arange(3.0), Assurance(COVARIANCE))
    assert both.mean(axis=0) == pytest.approx(replicates.mean(axis=0))
    before = np.cov(replicates.T) * 2 * 19 / 39
    assert np.cov(both.T) - before == pytest.approx(np.array(COVARIANCE))
    assert np.array_equal(widened(replicates, np.arange(3.0), Assurance()), replicates)
    assert widened(replicates[:0], np.arange(3.0), Assurance(COVARIANCE)).shape == (0, 3)


def test_the_moves_are_the_same_in_every_call_and_of_unit_variance_even_for_many_therapies() -> None:
    assert np.array_equal(directions(20, 3), directions(20, 3))
    assert (directions(6, 9) ** 2).mean(axis=0) == pytest.approx(np.ones(9))
    assert directions(20, 3).T @ directions(20, 3) / 20 == pytest.approx(np.eye(3), abs=1e-9)


def test_impossible_assurance_is_refused() -> None:
    for table in (((1.0, 0.0),), ((1.0, 2.0), (2.0, 1.0)), ((1.0, 0.1), (0.2, 1.0)), ((1e4,),)):
        with pytest.raises(BrokenFile):
            Assurance(table)
    assert not Assurance(COVARIANCE).covers(2)
    assert not Assurance(sets=OutcomeSets(0.9, (0.5,), (9,))).covers(3)


@cache
def learned(task: Task) -> tuple[Imageless, Fitted, Fitted]:
    data = imageless(PATIENTS, 41, columns=12)
    family = family_of(task, KNOWN[task])
    plain = family.fit(data.table, data.target(task), data.columns, seed=0, replicates=6)
    return data, plain, assure(family, plain, data.table, data.target(task), data.columns, seed=0)


@pytest.mark.parametrize("task", ["outcome", "progression"])
def test_intervals_hold_the_truth_of_new_patients_under_every_therapy(task: Task) -> None:
    """On average over patients and therapies; by therapy `python -m tests.benchmarks coverage` tells."""
    _, plain, assured = learned(task)
    fresh = imageless(150, 4141, columns=12)
    shares = [held(fit, fresh, task) for fit in (plain, assured)]
    assert shares[0] < 0.8 < shares[1] < 0.99


def held(fit: Fitted, fresh: Imageless, task: Task) -> float:
    """Share of patients and therapies whose interval holds the true log-odds, or log-hazard at the horizon."""
    inside = []
    for therapy in fit.recipe.therapies:
        scores = fit.predict(fresh.table.assign(therapy=therapy))
        if isinstance(scores, OutcomeScores):
            chance = np.array([fates[therapy].response_probability for fates in fresh.truth])
            truth, said, half = np.log(chance / (1 - chance)), scores.log_odds, spread(scores.replicates, 0.9)
        else:
            assert isinstance(scores, ProgressionScores)
            last = fit.recipe.time_days[-1]
            truth = np.log([-np.log(fates[therapy].survival(last)) for fates in fresh.truth])
            said, half = scores.risk, spread(np.log(scores.replicates[:, :, -1]), 0.9)
        inside.append(np.abs(said - truth) < half)
    return float(np.mean(inside))


@pytest.mark.parametrize("task", ["outcome", "progression"])
def test_it_changes_no_estimate_and_the_same_seed_gives_the_same(task: Task) -> None:
    data, plain, assured = learned(task)
    before, after = plain.predict(data.table), assured.predict(data.table)
    if isinstance(before, OutcomeScores) and isinstance(after, OutcomeScores):
        assert np.array_equal(before.log_odds, after.log_odds)
    else:
        assert isinstance(before, ProgressionScores) and isinstance(after, ProgressionScores)
        assert np.array_equal(before.cumulative_hazard, after.cumulative_hazard)
    assert after.replicates.shape[0] == 2 * before.replicates.shape[0]
    found = assured.recipe.assurance
    assert (found.sets is None, found.bounds is None) == (task == "progression", task == "outcome")
    promised = found.sets or found.bounds
    assert promised is not None and sum(promised.patients) == PATIENTS
    if task == "outcome":
        again = assure(family_of(task, "xgboost"), plain, data.table, data.outcome, data.columns, seed=0)
        assert again.recipe == assured.recipe
