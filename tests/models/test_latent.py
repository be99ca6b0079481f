"""The regression that says how far predictions may err, against scikit-learn, lifelines, quadrature and the truth."""

import lifelines
import numpy as np
import pandas as pd
import pytest
from builders.imageless import imageless
from scipy import integrate
from sklearn.linear_model import LogisticRegression

from models.calibration import probability
from models.families.preparation import prepare
from models.families.target import OutcomeTarget, ProgressionTarget
from models.latent import Observed, Signals, Sizes, cumulative_hazard, error_of, posterior


def test_the_mode_is_ridge_logistic_regression() -> None:
    generator = np.random.default_rng(0)
    X, response = generator.normal(size=(120, 4)), (generator.random(120) < 0.4).astype(float)
    ours = posterior(X, np.full(4, 0.7), Observed.of(OutcomeTarget(response)))
    theirs = LogisticRegression(C=0.7, fit_intercept=False, tol=1e-10).fit(X, response)
    assert ours.mean == pytest.approx(theirs.coef_[0], abs=1e-5)


def test_the_evidence_is_the_integral_over_the_prior() -> None:
    generator = np.random.default_rng(1)
    response = (generator.random(60) < 0.3).astype(float)
    observed = Observed.of(OutcomeTarget(response))

    def joint(effect: float) -> float:
        likelihood = observed.likelihood(np.full(60, effect))[0]
        return float(np.exp(likelihood - effect**2 / 2 / 0.5) / np.sqrt(2 * np.pi * 0.5))

    exact = np.log(integrate.quad(joint, -5, 5)[0])
    ours = posterior(np.ones((60, 1)), np.array([0.5]), observed)
    assert ours.evidence == pytest.approx(exact, abs=0.01)
    spread = integrate.quad(lambda e: (e - ours.mean[0]) ** 2 * joint(e), -5, 5)[0] / np.exp(exact)
    assert ours.covariance[0, 0] == pytest.approx(spread, rel=0.05)


def test_progression_is_cox_with_the_cohorts_hazard() -> None:
    """With little penalty and a small effect the slope is near lifelines' Cox; the hazard is Nelson and Aalen's."""
    generator = np.random.default_rng(2)
    x = generator.normal(size=600)
    times = generator.exponential(300 * np.exp(-0.3 * x)).round() + 1
    censored = generator.uniform(50, 900, size=600).round()
    target = ProgressionTarget(np.minimum(times, censored), times <= censored)
    curve = lifelines.NelsonAalenFitter(nelson_aalen_smoothing=False).fit(target.time_days, target.event)
    theirs = curve.cumulative_hazard_at_times(target.time_days).to_numpy()
    assert cumulative_hazard(target.time_days, target.event) == pytest.approx(theirs)
    ours = posterior(np.column_stack([np.ones(600), x]), np.array([4.0, 4.0]), Observed.of(target))
    frame = pd.DataFrame({"x": x, "t": target.time_days, "e": target.event})
    cox = lifelines.CoxPHFitter().fit(frame, "t", "e")
    assert ours.mean[1] == pytest.approx(float(cox.params_["x"]), abs=0.04)
    assert np.sqrt(ours.covariance[1, 1]) == pytest.approx(float(cox.standard_errors_["x"]), rel=0.15)


def test_what_it_says_of_errors_is_what_they_are() -> None:
    """Predictions that know nothing: their error is how far patients differ in truth, and is told within a third.

    Over all therapies: what one therapy's patients tell of it alone is little at this size.
    """
    data = imageless(600, 31, columns=20)
    prepared = prepare(data.table, data.outcome, data.columns)
    signals = Signals.of(prepared)
    therapies = prepared.therapies
    truth = np.array([[fate[name].response_probability for name in therapies] for fate in data.truth])
    log_odds = np.log(truth / (1 - truth))
    said = np.tile(log_odds.mean(axis=0), (600, 1))
    given = prepared.rows[:, -1].astype(np.intp)
    fold = np.arange(600) % 5
    error = error_of(signals, given, Observed.of(data.outcome), fold, said)
    seen = (log_odds - said).T @ (log_odds - said) / 600
    assert np.trace(error) == pytest.approx(np.trace(seen), rel=0.33)
    better = error_of(signals, given, Observed.of(data.outcome), fold, log_odds)
    assert np.trace(better) < np.trace(error), "right predictions are told from idle ones"


def test_a_model_that_knows_no_therapy_has_one_error() -> None:
    generator = np.random.default_rng(4)
    signals = Signals((generator.normal(size=(80, 3)) / np.sqrt(3),), 1)
    observed = Observed.of(OutcomeTarget((generator.random(80) < probability(np.zeros(80))).astype(float)))
    none = np.zeros(80, dtype=np.intp)
    error = error_of(signals, none, observed, np.arange(80) % 4, np.zeros((80, 1)))
    assert error.shape == (1, 1) and 0 < error[0, 0] < 3
    assert signals.under(none).shape == (80, 4)
    assert signals.variances(Sizes(0.5, 1.0, (1.0,))).tolist() == [4.0, 0.5, 0.5, 0.5]
