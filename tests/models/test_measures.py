"""Measures over draws agree with scikit-survival, scikit-learn and lifelines, and with known truths."""

import lifelines
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sksurv.metrics import brier_score, concordance_index_ipcw, cumulative_dynamic_auc

from features.types import Floats
from models.calibration import probability
from models.evaluation import outcome_measures, patient_draws, progression_measures
from models.families.target import OutcomeTarget, ProgressionTarget
from models.measures.calibration_curve import calibration_index, spline_basis
from models.measures.discrimination import dynamic_auc, uno_concordance
from models.measures.horizon import day_in, judged_days, named, risk_at, status_at
from models.measures.net_benefit import outcome_decision_curve, survival_at, survival_decision_curve
from models.survival_error import evaluation_days


def cohort(seed: int, patients: int = 150) -> tuple[ProgressionTarget, Floats]:
    """Whole weeks, so that times tie; about a third censored; and each patient's true log-hazard."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=patients)
    to_event, to_censoring = random.exponential(300 / np.exp(risk)), random.exponential(500, patients)
    time = np.ceil(np.minimum(to_event, to_censoring) / 7) * 7
    return ProgressionTarget(time, to_event <= to_censoring), risk


def labels(target: ProgressionTarget) -> np.ndarray:
    pairs = list(zip(target.event, target.time_days, strict=True))
    return np.array(pairs, dtype=[("event", bool), ("time", float)])


def once(patients: int) -> Floats:
    return np.ones((1, patients))


@pytest.mark.parametrize("seed", range(6))
def test_unos_concordance_is_scikit_survivals(seed: int) -> None:
    target, risk = cohort(seed)
    score, until = np.round(risk, 1), float(evaluation_days(target)[-1])
    expected = concordance_index_ipcw(labels(target), labels(target), score, tau=until)[0]
    assert uno_concordance(target, score, once(150), until)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_auc_by_a_day_is_scikit_survivals(seed: int) -> None:
    target, risk = cohort(seed)
    days, score = judged_days(target), np.round(risk, 1)
    expected = cumulative_dynamic_auc(labels(target), labels(target), score, days)[0]
    ours = [dynamic_auc(status_at(target, day), score, once(150))[0] for day in days]
    assert ours == pytest.approx(list(expected), abs=1e-9)


def test_the_brier_score_by_a_day_is_scikit_survivals() -> None:
    target, risk = cohort(3)
    days = evaluation_days(target)
    survival = np.exp(-np.outer(np.exp(risk), days / 300))
    measures = progression_measures(target, risk, survival, days, once(150))
    for day in judged_days(target):
        there = 1 - risk_at(survival, days, day)
        expected = brier_score(labels(target), labels(target), there[:, None], [day])[1][0]
        assert measures[named("brier", day)][0] == pytest.approx(expected, rel=1e-9)


def test_a_draw_is_the_cohort_with_patients_repeated() -> None:
    """But for the censoring curve, which is the whole cohort's in every draw; here nobody is censored."""
    random = np.random.default_rng(0)
    target, risk = (
        ProgressionTarget(random.permutation(60).astype(np.float64) + 1, np.ones(60, dtype=bool)),
        random.normal(size=60),
    )
    weights = patient_draws(60, 1, draws=4)
    days = evaluation_days(target)
    survival = np.exp(-np.outer(np.exp(risk), days / 30))
    drawn = progression_measures(target, risk, survival, days, weights)
    for index, weight in enumerate(weights):
        rows = np.repeat(np.arange(60), weight.astype(int))
        again = target.take(rows)
        status = status_at(again, judged_days(target)[0])
        expected = dynamic_auc(status, risk_at(survival[rows], days, status.day), once(60))[0]
        assert drawn[named("dynamic_auc", int(status.day))][index] == pytest.approx(expected, abs=1e-12)


def test_the_calibration_index_is_the_distance_to_an_unpenalised_spline_regression() -> None:
    random = np.random.default_rng(2)
    log_odds = random.normal(size=400)
    response = (random.random(400) < probability(np.sin(2 * log_odds))).astype(float)
    weights = patient_draws(400, 1, draws=3)
    ours = calibration_index(log_odds, response, weights, np.ones(400))
    basis = spline_basis(log_odds)
    for value, weight in zip(ours, weights, strict=True):
        plain = LogisticRegression(C=1e8, fit_intercept=False, max_iter=5000, tol=1e-10).fit(basis, response, weight)
        distance = np.abs(plain.predict_proba(basis)[:, 1] - probability(log_odds))
        assert value == pytest.approx(np.average(distance, weights=weight), abs=1e-4)


def test_the_calibration_index_knows_right_from_wrong_and_needs_both_classes() -> None:
    random = np.random.default_rng(3)
    log_odds = random.normal(size=4000)
    response = (random.random(4000) < probability(log_odds)).astype(float)
    right = calibration_index(log_odds, response, once(4000), np.ones(4000))[0]
    wrong = calibration_index(log_odds + 1.0, response, once(4000), np.ones(4000))[0]
    truly = np.abs(probability(log_odds + 1.0) - probability(log_odds)).mean()
    assert right < 0.03
    assert wrong == pytest.approx(truly, abs=0.03)
    assert np.isnan(calibration_index(log_odds, np.ones(4000), once(4000), np.ones(4000))[0])
    same = calibration_index(np.zeros(4000), response, once(4000), np.ones(4000))[0]
    assert same == pytest.approx(abs(response.mean() - 0.5), abs=1e-6)


def test_splines_are_linear_beyond_the_outer_knots_and_none_where_values_tie() -> None:
    values = np.random.default_rng(0).normal(size=500)
    basis = spline_basis(np.concatenate([values, [50.0, 51.0, 52.0]]))
    assert basis.shape[1] == 4
    bend = np.diff(basis[-3:], n=2, axis=0)
    assert np.abs(bend).max() < 1e-6 * np.abs(basis[-3:]).max()
    assert spline_basis(np.repeat([0.0, 1.0], 50)).shape[1] == 2
    assert spline_basis(np.zeros(20)).shape[1] == 1


def test_survival_is_judged_through_censoring() -> None:
    """Predictions that are the truth have an index near 0 and a slope near 1 although half is censored."""
    random = np.random.default_rng(5)
    risk = random.normal(size=3000)
    to_event, to_censoring = random.exponential(300 / np.exp(risk)), random.exponential(300, 3000)
    target = ProgressionTarget(np.minimum(to_event, to_censoring) + 1e-9, to_event <= to_censoring)
    days = evaluation_days(target)
    survival = np.exp(-np.outer(np.exp(risk), days / 300))
    found = progression_measures(target, risk, survival, days, once(3000))
    middle = judged_days(target)[1]
    assert found[named("calibration_slope", middle)][0] == pytest.approx(1.0, abs=0.15)
    assert found[named("calibration_intercept", middle)][0] == pytest.approx(0.0, abs=0.15)
    assert found[named("calibration_index", middle)][0] < 0.03
    worse = progression_measures(target, risk, survival**2, days, once(3000))
    assert worse[named("calibration_index", middle)][0] > 0.1


def test_a_decision_curve_counts_needed_and_needless_acts() -> None:
    response = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    chance = np.array([0.9, 0.3, 0.8, 0.1, 0.1])
    curve = outcome_decision_curve(OutcomeTarget(response), chance, once(5))
    half = next(point for point in curve if point.threshold == 0.5)
    assert half.model.value == pytest.approx(1 / 5 - 1 / 5)
    fifth = next(point for point in curve if point.threshold == 0.2)
    assert fifth.model.value == pytest.approx(2 / 5 - 1 / 5 * 0.25)
    assert fifth.everybody.value == pytest.approx(2 / 5 - 3 / 5 * 0.25)


def test_a_decision_curve_for_survival_reads_lifelines_kaplan_meier_of_those_acted_on() -> None:
    target, risk = cohort(4)
    day = judged_days(target)[1]
    chance = 1 - np.exp(-np.exp(risk) * day / 300)
    for point in survival_decision_curve(target, chance, once(150), day):
        above = chance >= point.threshold
        odds, acted, events = point.threshold / (1 - point.threshold), above.mean(), 0.0
        if above.any():
            curve = lifelines.KaplanMeierFitter().fit(target.time_days[above], target.event[above])
            events = 1 - float(curve.predict(day))
        assert point.model.value == pytest.approx(acted * events - acted * (1 - events) * odds, abs=1e-9)


def test_kaplan_meier_of_a_draw_is_lifelines() -> None:
    target, _ = cohort(5, 80)
    weights = patient_draws(80, 2, draws=3)
    for value, weight in zip(survival_at(target, weights, 200.0), weights, strict=True):
        drawn = weight > 0
        curve = lifelines.KaplanMeierFitter().fit(target.time_days[drawn], target.event[drawn], weights=weight[drawn])
        assert value == pytest.approx(float(curve.predict(200.0)), abs=1e-9)


def test_days_are_named_and_read_back() -> None:
    assert day_in(named("brier", 365)) == ("brier", 365)
    assert day_in("brier") == ("brier", None)
    assert day_in("odd_at_night") == ("odd_at_night", None)


def test_measures_have_a_value_in_each_draw_that_allows_one() -> None:
    random = np.random.default_rng(0)
    target = OutcomeTarget((random.random(60) < 0.3).astype(float))
    found = outcome_measures(target, random.normal(size=60), patient_draws(60, 0, draws=50))
    assert set(found) == {"auc", "brier", "calibration_slope", "calibration_intercept", "calibration_index"}
    assert all(np.isfinite(draws).all() for draws in found.values())
