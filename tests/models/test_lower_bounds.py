"""Lower bounds of the time to progression hold although many are censored and the curves are wrong."""

import numpy as np
import pytest
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv

from features.types import Floats
from models.errors import BrokenFile
from models.families.target import ProgressionTarget
from models.lower_bounds import LowerBounds, fit_lower_bounds
from models.survival_error import censoring_survival

LEVEL = 0.9
DAYS = tuple(range(0, 1001, 20))
DRAWS = 120
PATIENTS = 500
"""On each therapy, to calibrate."""


def drawn(generator: np.random.Generator, patients: int, therapy: int) -> tuple[Floats, Floats]:
    """True times, (n,), and a wrong model's curves, (n, days): exponential where the truth is Weibull, and biased."""
    risk = generator.normal(0, 0.8, size=patients)
    times = (420, 250)[therapy] * np.exp(-risk) * generator.weibull((1.4, 0.8)[therapy], size=patients)
    said = 0.6 * risk + generator.normal(0, 0.4, size=patients)
    curves = np.exp(-np.array(DAYS)[None, :] / 600 * np.exp(said)[:, None])
    return times.clip(0.5, None), curves


def followed(generator: np.random.Generator, times: Floats) -> ProgressionTarget:
    """Censored by the end of a study and by loss, about four in ten."""
    end = np.minimum(generator.uniform(150, 1300, size=times.size), generator.exponential(1500, size=times.size))
    return ProgressionTarget(np.minimum(times, end).clip(0.5, None), times <= end)


def test_bounds_hold_by_therapy_under_censoring() -> None:
    generator = np.random.default_rng(1)
    held, censored = np.zeros(2), 0.0
    for _ in range(DRAWS):
        parts = [drawn(generator, PATIENTS, therapy) for therapy in range(2)]
        target = followed(generator, np.concatenate([times for times, _ in parts]))
        censored += float(1 - target.event.mean()) / DRAWS
        curves = np.concatenate([part[1] for part in parts])
        bounds = fit_lower_bounds(target, DAYS, curves, np.repeat([0, 1], PATIENTS), 2, LEVEL)
        for therapy in range(2):
            times, said = drawn(generator, 200, therapy)
            days = np.array([bounds.of(DAYS, curve, therapy).days for curve in said])
            held[therapy] += float(np.mean(times >= days)) / DRAWS
    assert censored > 0.3
    assert np.all((held > 0.88) & (held < 0.93)), held


def test_without_censoring_the_fall_is_the_plain_conformal_quantile() -> None:
    """Of 19 patients the second lowest, for 0.1 x 20 = 2."""
    times = np.arange(1.0, 20.0) * 20
    curve = np.linspace(1.0, 0.0, len(DAYS))
    target = ProgressionTarget(times, np.ones(19, dtype=bool))
    bounds = fit_lower_bounds(target, DAYS, np.tile(curve, (19, 1)), np.zeros(19, dtype=np.intp), 1, LEVEL)
    assert bounds.of(DAYS, curve, 0).days == pytest.approx(40.0)
    steeper = curve**2
    assert bounds.of(DAYS, steeper, 0).days < 40.0


def test_who_could_not_be_watched_counts_through_those_who_were() -> None:
    """scikit-survival's weights: the share not yet censored, just before each time."""
    generator = np.random.default_rng(3)
    target = followed(generator, generator.exponential(400, size=200).round() + 1)
    theirs = CensoringDistributionEstimator().fit(Surv.from_arrays(target.event, target.time_days))
    events = target.time_days[target.event]
    ours = 1 / censoring_survival(target, events - 1e-9)
    reference = theirs.predict_ipcw(Surv.from_arrays(target.event, target.time_days))[target.event]
    assert ours == pytest.approx(reference)


def test_too_few_events_promise_nothing_and_a_flat_curve_its_last_day() -> None:
    few = ProgressionTarget(np.full(8, 50.0), np.ones(8, dtype=bool))
    curve = np.linspace(1.0, 0.2, len(DAYS))
    bounds = fit_lower_bounds(few, DAYS, np.tile(curve, (8, 1)), np.zeros(8, dtype=np.intp), 2, LEVEL)
    assert bounds.of(DAYS, curve, 0).days == 0.0
    assert bounds.patients == (8, 0) and bounds.of(DAYS, curve, 1).days == 0.0
    assert LowerBounds(LEVEL, (0.3,), (40,)).of(DAYS, np.full(len(DAYS), 0.99), 0).days == DAYS[-1]
    with pytest.raises(BrokenFile):
        LowerBounds(LEVEL, (1.3,), (40,))
