"""Accelerated failure times against lifelines, whose curves, optimum and late entry are the truth."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.versions import cohort, fitted
from lifelines import LogNormalAFTFitter, WeibullAFTFitter

from features.types import Floats
from models.errors import BadCohort, BrokenFile
from models.families.accelerated import Accelerated, fit_accelerated, held_out_log_likelihood
from models.families.aft_engine import FILE, AcceleratedEngine, AcceleratedFile, LogTimes
from models.families.all import family_of
from models.families.columns import ColumnSpec
from models.families.family import ProgressionScores
from models.families.target import ProgressionTarget
from models.families.time_curves import CURVES, Curve, log_likelihood, survived

FITTERS: dict[Curve, type[Any]] = {"extreme": WeibullAFTFitter, "normal": LogNormalAFTFitter}
every_curve = pytest.mark.parametrize("curve", FITTERS)
PENALTY = 0.05


def cohort_of(seed: int = 0, *, late: bool = False) -> tuple[Floats, ProgressionTarget]:
    """Times that rest on the first two of four columns; a third of the patients may come late."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(150, 4)) * (1.0, 2.0, 0.5, 1.0)
    times = (200 * np.exp(X[:, 0] - 0.3 * X[:, 1] + 0.6 * generator.normal(size=150))).clip(2).round()
    entry = np.where(np.arange(150) % 3 == 0, np.floor(0.4 * times), 0.0) if late else None
    return X, ProgressionTarget(times, generator.random(150) < 0.7, entry)


def lifelines_fit(curve: Curve, X: Floats, target: ProgressionTarget, start: Accelerated | None = None) -> Any:  # noqa: ANN401 - lifelines has no types
    """Its own fit; the scale, which it would pull to 1, is not penalised."""
    frame = pd.DataFrame(X).rename(columns=str).assign(time=target.time_days, event=target.event)
    late = {} if target.entry_days is None else {"entry_col": "entry"}
    frame = frame.assign(entry=target.entry_days) if late else frame
    initial = None
    if start is not None:
        shape = -np.log(start.scale) if curve == "extreme" else np.log(start.scale)
        initial = np.concatenate([start.coefficients * X.std(axis=0, ddof=1), [start.intercept, shape]])
    fitter = FITTERS[curve](penalizer=np.append(np.full(X.shape[1], PENALTY), 0.0))
    return fitter.fit(frame, "time", "event", initial_point=initial, **late), frame


def ours_of(curve: Curve, params: pd.Series) -> LogTimes:
    """lifelines' parameters as they are kept here."""
    values = params.to_numpy()
    scale = float(np.exp(-values[-1] if curve == "extreme" else values[-1]))
    return LogTimes(tuple(values[:-2].tolist()), float(values[-2]), scale)


@every_curve
def test_survival_is_that_of_lifelines(curve: Curve) -> None:
    X, target = cohort_of()
    fitter, frame = lifelines_fit(curve, X, target)
    days = [0, 1, 30, 90, 180, 365, 1000]
    engine = AcceleratedEngine(AcceleratedFile(curve, ours_of(curve, fitter.params_), ()), days)
    expected = fitter.predict_survival_function(frame, times=days).to_numpy().T
    assert np.abs(engine.score(X).survival - expected).max() < 1e-9


@every_curve
@pytest.mark.parametrize("late", [False, True], ids=["from day 0", "late entry"])
def test_the_fit_is_lifelines_optimum(curve: Curve, late: bool) -> None:
    X, target = cohort_of(late=late)
    fit = fit_accelerated(curve, X, target, np.full(4, PENALTY))
    theirs = ours_of(curve, lifelines_fit(curve, X, target, fit)[0].params_)
    assert np.abs(fit.coefficients - theirs.coefficients).max() < 1e-6
    assert fit.intercept == pytest.approx(theirs.intercept, abs=1e-6)
    assert fit.scale == pytest.approx(theirs.scale, abs=1e-6)
    far = ours_of(curve, lifelines_fit(curve, X, target)[0].params_)
    assert np.abs(fit.coefficients - far.coefficients).max() < 1e-2


def test_late_entry_takes_away_what_it_hides() -> None:
    """Of patients who came late only those are there who lived so long; unsaid, times look longer than they are."""
    generator = np.random.default_rng(4)
    entry, times = generator.uniform(0, 300, 3000), generator.exponential(200, 3000)
    there = times > entry
    X, seen = np.zeros((int(there.sum()), 1)), np.ones(int(there.sum()), dtype=bool)
    told = fit_accelerated("extreme", X, ProgressionTarget(times[there], seen, entry[there]), np.ones(1))
    unsaid = fit_accelerated("extreme", X, ProgressionTarget(times[there], seen), np.ones(1))
    assert np.exp(told.intercept) == pytest.approx(200, rel=0.1)
    assert np.exp(unsaid.intercept) > 260


@pytest.mark.parametrize("curve", CURVES)
def test_slopes_are_those_of_the_value(curve: Curve) -> None:
    z, step = np.linspace(-4, 3, 29), 1e-5
    for event in (np.zeros(29), np.ones(29)):
        told = log_likelihood(curve, z, event)
        above, below = (log_likelihood(curve, z + sign * step, event) for sign in (1, -1))
        assert np.allclose((above.value - below.value) / (2 * step), told.first, atol=1e-7)
        assert np.allclose((above.first - below.first) / (2 * step), told.second, atol=1e-7)
    assert (survived(curve, z).value > 0).all()


def test_a_column_that_does_not_vary_gets_nothing_and_a_search_without_end_is_refused() -> None:
    X, target = cohort_of()
    wider = np.column_stack([X, np.ones(150)])
    fit = fit_accelerated("normal", wider, target, np.full(5, PENALTY))
    assert fit.coefficients[4] == 0.0
    assert held_out_log_likelihood("normal", fit, wider, target) < 0
    with pytest.raises(BadCohort, match="no accelerated failure time fit"):
        fit_accelerated(
            "normal", np.zeros((150, 1)), ProgressionTarget(np.full(150, 9.0), np.ones(150, bool)), np.ones(1)
        )


def test_contributions_of_a_log_normal_model_rise_with_the_risk() -> None:
    fit = fitted("progression", "log_normal")
    scores = fit.predict(cohort().table)
    assert isinstance(scores, ProgressionScores)
    shares = fit.contributions(fit.encode(cohort().table)).sum(axis=1)
    assert np.array_equal(np.argsort(shares), np.argsort(scores.risk))
    assert scores.cumulative_hazard[:, 0].max() == 0.0


def test_a_file_of_another_curve_or_an_impossible_scale_is_refused() -> None:
    fit = fitted("progression", "weibull")
    (content,) = fit.files().values()
    load = family_of("progression", "weibull").load
    for old, new in (
        (b'"curve": "extreme"', b'"curve": "normal"'),
        (b'"curve": "extreme"', b'"curve": "cauchy"'),
        (b'"scale": ', b'"scale": -'),
        (b'"coefficients": [', b'"coefficients": [1.0,'),
    ):
        assert old in content
        with pytest.raises(BrokenFile, match=FILE):
            load(fit.recipe, {FILE: content.replace(old, new)}, fit.cohort)


@pytest.mark.parametrize("family", ["weibull", "log_normal", "blend"])
def test_few_patients_with_many_columns_take_a_penalty_by_which_every_draw_can_be_fitted(family: str) -> None:
    """By the least of the penalties the scale of these goes to 0, and the likelihood has no largest value."""
    generator = np.random.default_rng(0)
    names = [f"clinical.c{index}" for index in range(24)]
    table = pd.DataFrame(generator.normal(size=(36, 24)), columns=names)
    times = np.minimum(generator.exponential(300, 36), generator.exponential(600, 36)) + 1
    target = ProgressionTarget(times, generator.random(36) < 0.7)
    X = table.to_numpy()
    with pytest.raises(BadCohort, match="no accelerated failure time fit"):
        fit_accelerated("extreme", X[:24], target.take(np.arange(24)), np.full(24, 0.003))
    fit = family_of("progression", family).fit(table, target, [ColumnSpec(one) for one in names], seed=1)
    scores = fit.predict(table)
    assert isinstance(scores, ProgressionScores)
    assert scores.replicates.shape[0] == 20 and np.isfinite(scores.replicates).all()
