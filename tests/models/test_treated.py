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
    assert true_probability_gain() == pytest.approx(0.12534977784213247, rel=1e-12)
    assert true_restricted_mean_gain() == pytest.approx(54.00525122875217, rel=1e-12)


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
def test_true_gains_are_those_of_the_law_written_out(name: str, either: bool) -> None:
    """By Gauss and Hermite's nodes, over those given either or over everybody."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    x0, x1, x2 = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    weight = weights[:, None, None] * weights[:, None] * weights
    odds = {"old": np.exp(0.2), "new": np.exp(0.8 * x0 - 0.5 * x1), "other": np.exp(0.05 - 0.4 * x0 + 0.5 * x2)}
    if either:
        weight = weight * (odds["old"] + odds[name]) / (odds["old"] + odds["new"] + odds["other"])

    def expected(gain: Floats) -> tuple[Floats, Floats]:
        score = 0.9 * x0 - 0.4 * x1 + gain
        rate = np.exp(-0.6 * score) / 500
        return 1 / (1 + np.exp(0.3 - score)), (1 - np.exp(-HORIZON * rate)) / rate

    under, without = expected({"new": 0.6 + 0.7 * x1, "other": 0.2 + 0.6 * x2}[name]), expected(0.0 * x0)
    told = (true_gains() if either else true_gains_of_all())[name]
    assert told.probability == pytest.approx(np.average(under[0] - without[0], weights=weight), abs=0.001)
    assert told.restricted_mean == pytest.approx(np.average(under[1] - without[1], weights=weight), abs=0.6)
