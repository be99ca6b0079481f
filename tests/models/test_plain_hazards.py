"""Baselines and plain models of patients who entered late or died first: by lifelines, and by a known truth."""

import lifelines
import numpy as np
import pandas as pd
import pytest
from builders.late_patients import drawn, incidence

from features.types import Floats
from models.baselines import AVERAGE, Baseline, held_out_survival
from models.families.columns import ColumnSpec
from models.families.target import ProgressionTarget
from models.plain_models import PlainCox, PlainXGBoost, plain_models
from models.splits import Split

COLUMNS = (ColumnSpec("clinical.marker"),)


def asked(target: ProgressionTarget, risk: Floats, days: Floats, of: tuple[float, ...] = (-1.0, 0.0, 1.0)) -> Split:
    frame = pd.DataFrame({COLUMNS[0].name: risk})
    return Split(frame, target, pd.DataFrame({COLUMNS[0].name: of}), days)


def test_the_average_is_lifelines_curve_of_those_learned_from() -> None:
    days = np.array([50.0, 150.0, 300.0])
    average = Baseline(AVERAGE, (), with_therapy=False)
    late, risk = drawn(2, 200, late=True)
    split = asked(late, risk, days)
    said = held_out_survival(average, split.train, late, split.test, days)
    curve = lifelines.KaplanMeierFitter().fit(late.time_days, late.event, entry=late.entry_days)
    assert said[0] == pytest.approx(np.asarray(curve.predict(days)), abs=1e-12)
    dying, risk = drawn(1, 200, dying=True)
    assert dying.competing is not None
    kind = dying.event + 2 * dying.competing
    fitter = lifelines.AalenJohansenFitter(calculate_variance=False).fit(dying.time_days, kind, event_of_interest=1)
    came = [float(fitter.cumulative_density_.loc[:day].iloc[-1, 0]) for day in days]
    said = held_out_survival(average, split.train, dying, split.test, days)
    assert 1 - said[-1] == pytest.approx(came, abs=1e-12)


def test_plain_cox_curves_are_those_of_the_population_and_blind_ones_are_not() -> None:
    target, risk = drawn(11, 1500, late=True, dying=True)
    days = np.array([100.0, 250.0, 400.0])
    right = incidence(np.array([-1.0, 0.0, 1.0]), days, dying=True)
    blind = ProgressionTarget(target.time_days, target.event)
    for predictor in (PlainCox(COLUMNS), Baseline("marker", COLUMNS, with_therapy=False)):
        error = []
        for told in (target, blind):
            split = asked(told, risk, days)
            if isinstance(predictor, PlainCox):
                came = 1 - predictor(split)
            else:
                came = 1 - held_out_survival(predictor, split.train, told, split.test, days)
            error.append(np.abs(came - right).max())
        assert error[0] < 0.06 < error[1]


def test_plain_xgboost_knows_death_and_is_left_out_of_late_entry() -> None:
    target, risk = drawn(12, 400, dying=True)
    days = np.array([100.0, 250.0, 400.0])
    grid = tuple(np.linspace(-2, 2, 41))
    split = asked(target, risk, days, grid)
    came = 1 - PlainXGBoost(COLUMNS)(split)
    assert (np.diff(came, axis=1) >= 0).all() and (came >= 0).all() and (came <= 1).all()
    right = incidence(np.array(grid), days, dying=True)
    blind = 1 - PlainXGBoost(COLUMNS)(asked(ProgressionTarget(target.time_days, target.event), risk, days, grid))
    assert abs(float((came - right).mean())) < 0.05 < float((blind - right).mean())
    assert set(plain_models("progression", COLUMNS)) - set(plain_models("progression", COLUMNS, late_entry=True)) == {
        "plain XGBoost"
    }
