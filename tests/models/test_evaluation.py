"""Figures agree with scikit-learn, scikit-survival and lifelines; intervals hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored, integrated_brier_score

from features.types import Floats
from models.evaluation import (
    Estimate,
    area_under_curve,
    concordance,
    outcome_measures,
    patient_draws,
)
from models.families.target import OutcomeTarget, ProgressionTarget
from models.measures.calibration_curve import slope_and_intercept
from models.survival_error import evaluation_days, integrated_brier


def survival_cohort(seed: int, patients: int = 120) -> tuple[ProgressionTarget, Floats]:
    """Whole days, so that times tie; about a third censored; and each patient's true log-hazard."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=patients)
    to_event = random.exponential(300 / np.exp(risk))
    to_censoring = random.exponential(500, size=patients)
    time = np.ceil(np.minimum(to_event, to_censoring) / 7) * 7
    return ProgressionTarget(time, to_event <= to_censoring), risk


def once(patients: int) -> Floats:
    return np.ones((1, patients))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_auc_is_scikit_learns_in_every_draw(seed: int) -> None:
    random = np.random.default_rng(seed)
    response = (random.random(30) < 0.4).astype(float)
    response[:2] = 0, 1
    score = np.round(random.normal(size=30) + response, 1)
    weights = patient_draws(30, seed, draws=3)
    ours = area_under_curve(score, response > 0, weights)
    for value, weight in zip(ours, weights, strict=True):
        if 0 < weight @ response < weight.sum():
            assert value == pytest.approx(roc_auc_score(response, score, sample_weight=weight), abs=1e-12)
        else:
            assert np.isnan(value)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_concordance_is_scikit_survivals_and_lifelines(seed: int) -> None:
    target, risk = survival_cohort(seed, 60)
    score = np.round(risk, 1)
    ours = concordance(target, score, once(60))[0]
    assert ours == pytest.approx(concordance_index_censored(target.event, target.time_days, score)[0], abs=1e-12)
    ties_apart = np.unique(target.time_days).size == 60
    if ties_apart:
        assert ours == pytest.approx(concordance_index(target.time_days, -score, target.event), abs=1e-12)


def test_a_draw_is_the_cohort_with_patients_repeated() -> None:
    target, risk = survival_cohort(1, 50)
    weights = patient_draws(50, 3, draws=5)
    for value, weight in zip(concordance(target, risk, weights), weights, strict=True):
        rows = np.repeat(np.arange(50), weight.astype(int))
        repeated = concordance_index_censored(target.event[rows], target.time_days[rows], risk[rows])[0]
        assert value == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_integrated_brier_is_scikit_survivals(seed: int) -> None:
    target, risk = survival_cohort(seed)
    days = evaluation_days(target)
    survival = np.exp(-np.outer(np.exp(risk), days / 300))
    labels = np.array(list(zip(target.event, target.time_days, strict=True)), dtype=[("event", bool), ("time", float)])
    expected = integrated_brier_score(labels, labels, survival, days)
    assert integrated_brier(target, survival, days, once(120))[0] == pytest.approx(expected, rel=1e-9)
    assert expected < integrated_brier(target, np.full_like(survival, 0.5), days, once(120))[0]


def test_calibration_slope_is_an_unpenalised_logistic_regressions() -> None:
    random = np.random.default_rng(0)
    log_odds = random.normal(size=400)
    response = (random.random(400) < 1 / (1 + np.exp(-0.5 * log_odds + 0.3))).astype(float)
    weights = patient_draws(400, 1, draws=4)
    slopes, intercepts = slope_and_intercept(log_odds, response, weights)
    for slope, weight in zip(slopes, weights, strict=True):
        fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        fitted.fit(log_odds[:, None], response, sample_weight=weight)
        assert slope == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    assert slopes[0] == pytest.approx(0.5, abs=0.15)
    assert intercepts[0] < 0


def test_perfect_calibration_has_slope_one_and_intercept_nought() -> None:
    random = np.random.default_rng(5)
    log_odds = random.normal(size=200_000)
    response = (random.random(200_000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    (slope,), (intercept,) = slope_and_intercept(log_odds, response, once(200_000))
    assert slope == pytest.approx(1, abs=0.02)
    assert intercept == pytest.approx(0, abs=0.02)


def test_a_constant_prediction_has_no_slope_and_chances_auc() -> None:
    target = OutcomeTarget(np.array([0.0, 1.0] * 20))
    measures = outcome_measures(target, np.zeros(40), patient_draws(40, 0, draws=20))
    assert measures["auc"][0] == 0.5
    assert measures["brier"][0] == 0.25
    assert np.isnan(measures["calibration_slope"]).all()
    assert Estimate.of(measures["calibration_slope"]).lower is None


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    truth, covered = 0.7602, 0  # probability that N(1, 1) lies above N(0, 1)
    for seed in range(150):
        random = np.random.default_rng(seed)
        response = np.repeat([0.0, 1.0], 40)
        estimate = Estimate.of(area_under_curve(random.normal(size=80) + response, response > 0, patient_draws(80, 0)))
        assert estimate.lower is not None
        assert estimate.upper is not None
        covered += estimate.lower <= truth <= estimate.upper
    assert 0.88 * 150 <= covered <= 150


def test_survival_is_judged_only_while_patients_are_watched() -> None:
    target, _ = survival_cohort(2)
    days = evaluation_days(target)
    assert (np.diff(days) > 0).all()
    assert (target.time_days >= days[-1]).sum() >= 12
