"""Live performance: the figures are scikit-learn's and scikit-survival's, and expected events add up."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sksurv.metrics import concordance_index_censored

from models.live import live_outcome, live_progression


def test_figures_of_responses_are_scikit_learns() -> None:
    draw = np.random.default_rng(1)
    probability = draw.uniform(0.05, 0.95, 120)
    response = (draw.uniform(size=120) < probability).astype(np.float64)
    live = live_outcome(probability, response)
    figures = dict(live.figures)
    assert (live.patients, live.events) == (120, int(response.sum()))
    assert figures["auc"].value == pytest.approx(roc_auc_score(response, probability))
    assert figures["brier"].value == pytest.approx(brier_score_loss(response, probability))
    assert figures["observed_to_expected"].value == pytest.approx(response.sum() / probability.sum())
    for estimate in figures.values():
        assert estimate.lower is not None and estimate.upper is not None
        assert estimate.lower < estimate.value < estimate.upper
    slope = figures["calibration_slope"]
    assert slope.lower is not None and slope.upper is not None and slope.lower < 1 < slope.upper


def test_figures_of_progression_are_scikit_survivals() -> None:
    draw = np.random.default_rng(2)
    rate = np.exp(draw.normal(-6, 0.7, 150))
    time = draw.exponential(1 / rate)
    censored = draw.uniform(50, 900, 150)
    event, day = time <= censored, np.minimum(time, censored)
    live = live_progression(rate * day, rate, day, event)
    figures = dict(live.figures)
    assert figures["concordance"].value == pytest.approx(concordance_index_censored(event, day, rate)[0])
    assert live.expected == pytest.approx(float((rate * day).sum()))
    right = figures["observed_to_expected"]
    assert right.lower is not None and right.upper is not None and right.lower < 1 < right.upper


def test_few_patients_get_counts_and_no_figures() -> None:
    live = live_outcome(np.full(19, 0.5), np.array([1.0] * 9 + [0.0] * 10))
    assert (live.patients, live.events, live.expected, live.figures) == (19, 9, 9.5, ())
    one_class = live_outcome(np.full(60, 0.5), np.ones(60))
    assert one_class.figures == ()
    assert live_progression(np.ones(30), np.ones(30), np.arange(1.0, 31.0), np.zeros(30, dtype=bool)).figures == ()
