"""Boosted trees of a progression: baselines against lifelines and scikit-survival, curves against XGBoost itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from builders.tables import known
from builders.versions import cohort, fitted, loaded, values_of
from lifelines import CoxPHFitter
from sksurv.linear_model.coxph import BreslowEstimator

from models.admission.parity import compare
from models.errors import BrokenFile
from models.families.all import family_of
from models.families.boosting import MODEL, REPLICATE
from models.families.breslow import breslow, slope_of
from models.families.design import DesignMatrix
from models.families.family import ProgressionScores
from models.families.horizon import interpolate
from models.families.target import ProgressionTarget
from models.families.tree_hazards import FILE, BaselineFile, TreeHazards, TreeTimes
from models.plain import from_plain, loads


def ties(seed: int = 0) -> tuple[np.ndarray, ProgressionTarget]:
    generator = np.random.default_rng(seed)
    score = generator.normal(size=200)
    times = generator.exponential(40 * np.exp(-score)).clip(1).round()
    return score, ProgressionTarget(times, generator.random(200) < 0.6)


def test_the_baseline_is_that_of_lifelines_and_of_scikit_survival() -> None:
    score, target = ties()
    days, hazard = breslow(score, target)
    theirs = BreslowEstimator().fit(score, target.event, target.time_days).cum_baseline_hazard_
    assert np.allclose(theirs(days), hazard, rtol=0, atol=1e-12)
    frame = pd.DataFrame({"score": score, "time": target.time_days, "event": target.event})
    fitter = CoxPHFitter().fit(frame, "time", "event")
    slope = float(fitter.params_.iloc[0])
    days, hazard = breslow(slope * (score - score.mean()), target)
    assert np.allclose(fitter.baseline_cumulative_hazard_.loc[days].to_numpy()[:, 0], hazard, rtol=0, atol=1e-10)


def test_the_slope_is_cox_regressions_and_has_ends() -> None:
    score, target = ties()
    apart = replace(target, time_days=target.time_days + np.random.default_rng(1).random(200))
    frame = pd.DataFrame({"score": score, "time": apart.time_days, "event": apart.event})
    assert slope_of(score, apart) == pytest.approx(
        float(CoxPHFitter().fit(frame, "time", "event").params_.iloc[0]), abs=1e-4
    )
    assert slope_of(-score, target) == pytest.approx(0.1, abs=1e-3)
    assert slope_of(score / 9, target) == pytest.approx(2.0, abs=1e-3)


def test_curves_of_survival_cox_are_xgboosts_margin_on_the_kept_baseline() -> None:
    fit = fitted("progression", "xgboost_cox")
    assert isinstance(fit.engine, TreeHazards)
    files, rows = fit.files(), fit.encode(cohort().table)
    booster = xgboost.Booster()
    booster.load_model(bytearray(files[MODEL]))
    X = DesignMatrix(fit.recipe.design).apply(rows)
    margin = booster.predict(xgboost.DMatrix(X.astype(np.float32)), output_margin=True).astype(np.float64)
    kept = from_plain(BaselineFile, loads(files[FILE], place=FILE), place=FILE).estimate
    baseline = interpolate(fit.recipe.time_days, np.array(kept.days), np.array(kept.baseline))
    ratio = np.exp(kept.coefficients[0] * (margin - kept.centre[0]))
    scores = fit.score(rows)
    assert isinstance(scores, ProgressionScores)
    assert np.allclose(scores.cumulative_hazard, ratio[:, None] * baseline, rtol=1e-9)


def test_times_of_survival_aft_rise_with_xgboosts_own_and_are_calibrated() -> None:
    fit = fitted("progression", "xgboost_aft")
    assert isinstance(fit.engine, TreeTimes)
    files, rows = fit.files(), fit.encode(cohort().table)
    booster = xgboost.Booster()
    booster.load_model(bytearray(files[MODEL]))
    X = DesignMatrix(fit.recipe.design).apply(rows)
    times = booster.predict(xgboost.DMatrix(X.astype(np.float32)))
    scores = fit.score(rows)
    assert isinstance(scores, ProgressionScores)
    assert np.corrcoef(np.log(times), -scores.risk)[0, 1] > 0.97


@pytest.mark.parametrize("family", ["xgboost_cox", "xgboost_aft"])
def test_new_patients_have_about_as_many_events_as_their_curves_say(family: str) -> None:
    fit, fresh = fitted("progression", family), known(400, seed=77, noise_columns=4)
    scores, days = fit.predict(fresh.table), np.array(fit.recipe.time_days)
    assert isinstance(scores, ProgressionScores)
    until = np.minimum(fresh.progression.time_days, days[-1])
    expected = sum(
        float(np.interp(day, days, hazard)) for day, hazard in zip(until, scores.cumulative_hazard, strict=True)
    )
    seen = int((fresh.progression.event & (fresh.progression.time_days <= days[-1])).sum())
    assert 0.75 < expected / seen < 1.3


@pytest.mark.parametrize("family", ["xgboost_cox", "xgboost_aft"])
def test_trees_or_numbers_of_something_else_are_refused(family: str) -> None:
    fit = fitted("progression", family)
    other = fitted("progression", "xgboost_aft" if family == "xgboost_cox" else "xgboost_cox")
    good, load = fit.files(), family_of("progression", family).load
    for changed in (
        good | {MODEL: other.files()[MODEL]},
        good | {FILE: other.files()[FILE]},
        good | {REPLICATE: good[MODEL]},
        good | {FILE: good[FILE].replace(b'"coefficients": [', b'"coefficients": [1.0,')},
        good | {MODEL: good[MODEL][:-9]},
        {MODEL: good[MODEL], FILE: good[FILE]},
    ):
        with pytest.raises(BrokenFile):
            load(fit.recipe, changed, fit.cohort)


@pytest.mark.parametrize("family", ["xgboost_cox", "xgboost_aft"])
def test_admission_compares_margins_with_xgboosts_own(family: str, tmp_path: Path) -> None:
    model = loaded(tmp_path / "version", "progression", family)
    told = compare(model, [values_of(model, row) for row in range(3)], {})
    assert "XGBoost's own margins" in told
