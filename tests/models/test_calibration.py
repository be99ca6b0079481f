"""Calibrated probabilities are as often right as they say, and strictly between 0 and 1."""

from dataclasses import replace

import numpy as np
import pytest
from builders.tables import known
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models.calibration import (
    Calibration,
    choose_calibration,
    fit_beta,
    fit_calibration,
    fit_isotonic,
    probability,
)
from models.errors import BrokenFile
from models.families.all import family_of
from models.families.family import Fitted, OutcomeScores


def test_too_bold_log_odds_are_brought_back() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=4000)
    response = (generator.random(4000) < probability(true)).astype(float)
    fitted = fit_calibration(2.0 * true + 1.0, response)
    assert abs(fitted.slope - 0.5) < 0.05
    assert abs(fitted.intercept + 0.5) < 0.1


def test_slope_and_intercept_are_those_of_sklearns_logistic_regression() -> None:
    generator = np.random.default_rng(1)
    log_odds = generator.normal(size=3000)
    response = (generator.random(3000) < probability(0.8 * log_odds - 0.3)).astype(float)
    ours = fit_calibration(log_odds, response)
    theirs = LogisticRegression(C=1e9).fit(log_odds[:, None], response)
    assert abs(ours.slope - theirs.coef_[0, 0]) < 0.01
    assert abs(ours.intercept - theirs.intercept_[0]) < 0.01


def test_a_model_without_signal_is_nearly_flat_and_never_reversed() -> None:
    generator = np.random.default_rng(2)
    log_odds, response = generator.normal(size=400), (generator.random(400) < 0.3).astype(float)
    assert fit_calibration(log_odds, response).slope <= 0.3
    reversed_slope = fit_calibration(-3 * response + generator.normal(size=400), response).slope
    assert reversed_slope == 0.1


def test_perfect_separation_gives_finite_calibration() -> None:
    response = np.repeat([0.0, 1.0], 20)
    fitted = fit_calibration(np.linspace(-50, 50, 40), response)
    assert np.isfinite([fitted.slope, fitted.intercept]).all()


def test_probabilities_never_reach_0_or_1() -> None:
    extreme = probability(np.array([-1e9, -50.0, 0.0, 50.0, 1e9]))
    assert ((extreme > 0) & (extreme < 1)).all()
    assert extreme[2] == 0.5
    assert Calibration(2.0, 1.0).apply(np.array([3.0])) == 7.0


def test_what_a_fit_says_of_new_patients_is_calibrated() -> None:
    data, fresh = known(300, seed=21, noise_columns=10), known(3000, seed=22, noise_columns=10)
    for family in ("xgboost", "fusion"):
        fit = family_of("outcome", family).fit(data.table, data.outcome, data.columns, seed=1, replicates=0)
        scores = fit.predict(fresh.table)
        assert isinstance(scores, OutcomeScores)
        assert abs(scores.probability.mean() - fresh.outcome.response.mean()) < 0.06
        assert 0.6 < fit_calibration(scores.log_odds, fresh.outcome.response).slope < 1.6


def test_a_beta_curve_is_logistic_regression_on_both_sides_of_one_half() -> None:
    generator = np.random.default_rng(3)
    log_odds = generator.normal(size=4000)
    truth = 0.4 - 1.6 * np.logaddexp(0, -log_odds) + 0.5 * np.logaddexp(0, log_odds)
    response = (generator.random(4000) < probability(truth)).astype(float)
    ours = fit_beta(log_odds, response)
    sides = np.column_stack([-np.logaddexp(0, -log_odds), np.logaddexp(0, log_odds)])
    theirs = LogisticRegression(C=1e9, tol=1e-9).fit(sides, response)
    assert np.allclose([ours.slope, ours.second_slope], theirs.coef_[0], atol=0.03)
    assert np.allclose(ours.apply(log_odds), theirs.decision_function(sides), atol=0.03)
    assert choose_calibration(log_odds, response, generator).kind == "beta"
    flat = fit_beta(log_odds, (generator.random(4000) < 0.5).astype(float))
    assert min(flat.slope, flat.second_slope) >= 0 and flat.slope + flat.second_slope > 0


def test_isotonic_steps_are_sklearns() -> None:
    generator = np.random.default_rng(4)
    log_odds = generator.normal(size=3000)
    response = (generator.random(3000) < np.where(log_odds > 0.2, 0.8, 0.25)).astype(float)
    ours = fit_isotonic(log_odds, response)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(log_odds, response)
    at = np.linspace(-1.5, 2.0, 200)
    at = at[np.abs(at - 0.2) > 0.1]
    assert np.abs(probability(ours.apply(at)) - theirs.predict(at)).mean() < 0.035
    assert choose_calibration(log_odds, response, generator).kind == "isotonic"
    assert np.all(np.diff(ours.apply(np.linspace(-9, 9, 500))) > 0)


def test_where_a_line_is_right_or_patients_are_few_the_line_is_chosen() -> None:
    generator = np.random.default_rng(5)
    chosen = []
    for _ in range(20):
        log_odds = generator.normal(size=400)
        response = (generator.random(400) < probability(0.7 * log_odds)).astype(float)
        chosen.append(choose_calibration(log_odds, response, generator).kind)
    assert chosen.count("platt") >= 16
    assert choose_calibration(log_odds[:60], response[:60], generator).kind == "platt"


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(0.7, 0.2),
        Calibration(1.4, 0.1, "beta", 0.4),
        Calibration(kind="isotonic", knots=((-1.0, -2.0), (1.0, 0.5))),
    ],
)
def test_steepness_carries_a_patient_from_the_middle_to_where_it_is(calibration: Calibration) -> None:
    log_odds, middle = np.linspace(-4, 4, 81), np.full(81, 0.3)
    moved = calibration.steepness(log_odds, middle) * (log_odds - middle)
    assert np.allclose(moved, calibration.apply(log_odds) - calibration.apply(middle), atol=1e-6)
    assert (calibration.steepness(middle, middle) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": -1.0},
        {"kind": "isotonic"},
        {"kind": "isotonic", "knots": ((0.0, 1.0), (1.0, 0.0))},
        {"kind": "isotonic", "knots": ((0.0,), (1.0,))},
        {"knots": ((0.0, 0.0), (1.0, 1.0))},
        {"kind": "beta", "slope": 0.0},
        {"second_slope": 1.0},
    ],
)
def test_a_calibration_that_does_not_rise_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BrokenFile):
        Calibration(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "calibration",
    [Calibration(1.4, 0.1, "beta", 0.4), Calibration(kind="isotonic", knots=((-2.0, -1.0), (0.0, 0.2), (2.0, 0.9)))],
)
def test_contributions_add_up_on_the_calibrated_scale_of_a_curve(calibration: Calibration) -> None:
    data = known(150, seed=3, noise_columns=4)
    fit = family_of("outcome", "xgboost").fit(data.table, data.outcome, data.columns, seed=5, replicates=2)
    curved = Fitted.of(replace(fit.recipe, calibration=calibration), fit.engine, fit.cohort)
    scores = curved.predict(data.table)
    assert isinstance(scores, OutcomeScores)
    constant = scores.log_odds - curved.contributions(curved.encode(data.table)).sum(axis=1)
    assert np.ptp(constant) < 1e-4
    with pytest.raises(BrokenFile):
        replace(curved.recipe, task="progression", time_days=(0, 30))
