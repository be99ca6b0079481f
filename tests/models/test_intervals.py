"""Medians, restricted means and bands against hand calculation and lifelines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from features.types import Floats
from models.intervals import (
    median_days,
    median_interval,
    plain_interval,
    probability_interval,
    restricted_mean,
    survival_band,
)

DAYS = tuple(range(0, 301, 30))


def test_the_median_is_where_the_curve_crosses_one_half() -> None:
    curve = np.array([1.0, 0.8, 0.6, 0.4])
    assert median_days((0, 10, 20, 30), curve) == pytest.approx(25.0)
    assert median_days((0, 10, 20, 30), np.array([1.0, 0.9, 0.8, 0.51])) is None
    assert median_days((0, 10, 20, 30), np.array([1.0, 0.9, 0.5, 0.5])) == 20.0


def test_the_restricted_mean_of_an_exponential_is_known() -> None:
    days = tuple(range(0, 1001))
    curve = np.exp(-np.array(days) / 200)
    assert float(restricted_mean(days, curve)) == pytest.approx(200 * (1 - np.exp(-5)), rel=1e-5)


def test_the_restricted_mean_agrees_with_lifelines_on_fine_days() -> None:
    times = np.random.default_rng(0).exponential(100, size=200).round(0).clip(1, 299)
    fitter = KaplanMeierFitter().fit(times, np.ones(200))
    days = tuple(range(0, 301))
    steps = fitter.survival_function_at_times(days).to_numpy()
    ours = float(restricted_mean(days, steps))
    assert ours == pytest.approx(float(restricted_mean_survival_time(fitter, t=300)), abs=0.51)


hazards = st.lists(st.floats(1e-6, 0.5), min_size=len(DAYS) - 1, max_size=len(DAYS) - 1).map(
    lambda steps: np.concatenate([[0.0], np.cumsum(steps)])
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(hazards, st.lists(hazards, min_size=2, max_size=6))
def test_a_band_holds_its_curve_and_never_rises(hazard: Floats, replicates: list[Floats]) -> None:
    band = survival_band(hazard, np.array(replicates), 0.9)
    assert band is not None
    lower, upper = band
    survival = np.exp(-hazard)
    assert (lower <= survival).all() and (survival <= upper).all()
    assert (np.diff(lower) <= 0).all() and (np.diff(upper) <= 0).all()
    assert lower[0] == upper[0] == 1.0
    interval = median_interval(DAYS, band, 0.9)
    middle = median_days(DAYS, survival)
    if middle is not None:
        assert interval is not None and interval.lower is not None
        assert interval.lower <= middle
        assert interval.upper is None or middle <= interval.upper


def test_without_replicates_there_is_no_interval() -> None:
    assert probability_interval(0.3, np.empty(0), 0.9) is None
    assert plain_interval(3.0, np.empty(0), 0.9, 0.0, 9.0) is None
    assert survival_band(np.array([0.0, 1.0]), np.empty((0, 2)), 0.9) is None
    assert median_interval((0, 1), None, 0.9) is None
    flat = (np.array([1.0, 0.9]), np.array([1.0, 0.95]))
    assert median_interval((0, 1), flat, 0.9) is None


def test_intervals_hold_as_often_as_they_say() -> None:
    """Estimate and replicates drawn around one truth: 9 of 10 intervals hold it."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        interval = probability_interval(float(generator.normal(0.4, 0.5)), generator.normal(0, 0.5, size=20), 0.9)
        assert interval is not None and interval.lower is not None and interval.upper is not None
        held += interval.lower < 1 / (1 + np.exp(-0.4)) < interval.upper
    assert 0.87 < held / 2000 < 0.93
