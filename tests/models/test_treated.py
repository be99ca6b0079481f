"""Simulated patients whose true difference between therapies is known follow the law that is told of them."""

import numpy as np
import pytest
from builders.treated import (
    HORIZON,
    THERAPIES,
    several,
    treated,
    true_gains,
    true_gains_of_all,
    true_probability_gain,
    true_restricted_mean_gain,
)

from features.types import Floats
from models.effects.pseudo import restricted_mean
from models.families.columns import THERAPY


def test_draws_of_two_therapies_are_those_that_figures_were_published_of() -> None:
    known = treated(400, 0)
    assert (known.frame[THERAPY] == "new").sum() == 191
    assert known.outcome.response.sum() == 191
    assert known.progression.event.sum() == 296
    assert known.progression.time_days.sum() == pytest.approx(168081.87911437766, rel=1e-12)
    assert known.probability_gain.mean() == pytest.approx(0.14166705086936218, rel=1e-12)
    assert known.restricted_mean_gain.mean() == pytest.approx(62.17622338433281, rel=1e-12)


def test_three_therapies_are_given_as_often_as_each_patients_chances_say() -> None:
    known = several(20_000, 3)
    assert known.share.sum(axis=0) == pytest.approx(np.ones(20_000))
    x0: Floats = known.frame["x0"].to_numpy(dtype=np.float64)
    for name, share in zip(THERAPIES, known.share, strict=True):
        given = (known.frame[THERAPY] == name).to_numpy()
        error = float(np.sqrt((share * (1 - share)).sum()))
        assert given.sum() == pytest.approx(share.sum(), abs=3 * error)
        assert (x0 * (given - share)).sum() == pytest.approx(
            0, abs=3 * float(np.sqrt((x0**2 * share * (1 - share)).sum()))
        )


def test_three_therapies_overlap_and_each_is_given_to_500_of_1800() -> None:
    for seed in range(20):
        known = several(1800, seed)
        assert known.frame[THERAPY].value_counts().min() >= 500
        for arm in (1, 2):
            propensity = known.share[arm] / (known.share[0] + known.share[arm])
            assert ((propensity < 0.025) | (propensity > 0.975)).mean() < 0.005


@pytest.mark.parametrize("name", THERAPIES)
def test_patients_under_each_of_three_therapies_fare_as_was_to_be_expected_of_them(name: str) -> None:
    known, arm = several(20_000, 4), THERAPIES.index(name)
    rows = np.flatnonzero((known.frame[THERAPY] == name).to_numpy())
    chance = known.probability[arm, rows]
    error = float(np.sqrt((chance * (1 - chance)).sum()))
    assert known.outcome.response[rows].sum() == pytest.approx(chance.sum(), abs=3 * error)
    mean, error = restricted_mean(known.progression.take(rows), HORIZON)
    assert mean == pytest.approx(known.restricted_mean[arm, rows].mean(), abs=3 * error)


@pytest.mark.parametrize("either", [True, False])
@pytest.mark.parametrize("name", ["new", "other"])
def test_true_gains_are_the_means_of_many_patients(name: str, either: bool) -> None:
    known, arm = several(100_000, 5), THERAPIES.index(name)
    told = (true_gains() if either else true_gains_of_all())[name]
    given = known.frame[THERAPY].to_numpy(dtype=str)
    rows = np.flatnonzero((given == name) | (given == THERAPIES[0]) | (not either))
    for expected, truth in ((known.probability, told.probability), (known.restricted_mean, told.restricted_mean)):
        gain = expected[arm, rows] - expected[0, rows]
        assert gain.mean() == pytest.approx(truth, abs=3 * float(gain.std()) / np.sqrt(rows.size))


def test_true_gains_are_those_of_the_law() -> None:
    """Written out once by hand, with 60 and with 90 nodes a column."""
    assert true_gains()["new"].probability == pytest.approx(0.11650627586501, rel=1e-9)
    assert true_gains()["other"].restricted_mean == pytest.approx(20.53824015629817, rel=1e-9)
    assert true_probability_gain() == pytest.approx(0.12463802164709, rel=1e-9)
    assert true_restricted_mean_gain() == pytest.approx(53.71429103536517, rel=1e-9)
