"""Competing events: lifelines' Aalen-Johansen and Cox, and hazards whose incidence is known, are the truth."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from builders.late_patients import DAY, drawn
from builders.late_patients import incidence as incidence_of_truth
from builders.tables import Known, known
from builders.versions import cohort, fitted
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter, NelsonAalenFitter

from features.types import Floats
from models.errors import BadCohort, BrokenFile
from models.families.columns import ColumnSpec
from models.families.competing_engine import FILE, CompetingEngine
from models.families.competing_progression import CompetingProgression
from models.families.cumulative_incidence import aalen_johansen, incidence, subdistribution_hazard
from models.families.design import DesignMatrix
from models.families.family import Fitted, ProgressionScores
from models.families.target import ProgressionTarget


def ends(patients: int, seed: int = 0) -> tuple[Floats, np.ndarray, np.ndarray]:
    """Exponential times to progression (mean 100), death (mean 150) and censoring (mean 300), in tenths of a day."""
    generator = np.random.default_rng(seed)
    each = np.array([generator.exponential(mean, patients) for mean in (100.0, 150.0, 300.0)])
    first = each.argmin(axis=0)
    return each.min(axis=0).round(1) + 0.1, first == 0, first == 1


def with_deaths(patients: int = 160, seed: int = 3) -> tuple[Known, ProgressionTarget]:
    """The known cohort, a third of whose patients might die first; older ones sooner."""
    data = known(patients, seed=seed, noise_columns=4)
    generator = np.random.default_rng(seed + 100)
    age = data.table["clinical.age_years"].to_numpy(dtype=np.float64)
    death = generator.exponential(700 * np.exp(-0.05 * (age - 62))).clip(1).round()
    first = death < data.progression.time_days
    times = np.where(first, death, data.progression.time_days)
    return data, ProgressionTarget(times, data.progression.event & ~first, competing=first)


@cache
def fitted_to_deaths() -> Fitted:
    data, target = with_deaths()
    return CompetingProgression().fit(data.table, target, data.columns, seed=1, replicates=6)


def engine_of(fit: Fitted) -> CompetingEngine:
    assert isinstance(fit.engine, CompetingEngine)
    return fit.engine


@pytest.mark.parametrize("patients", [30, 400])
def test_the_estimate_of_a_cohort_is_lifelines(patients: int) -> None:
    times, progressed, died = ends(patients)
    kinds = np.where(progressed, 1, np.where(died, 2, 0))
    times = times + np.arange(patients) * 1e-7  # lifelines would move tied times apart by chance
    days, told = aalen_johansen(times, progressed, died)
    fitter = AalenJohansenFitter(calculate_variance=False).fit(times, kinds, event_of_interest=1)
    theirs = fitter.cumulative_density_.iloc[:, 0]
    assert np.allclose(told, theirs.loc[days].to_numpy(), rtol=0, atol=1e-12)


def test_incidence_from_even_hazards_is_exact() -> None:
    days = np.arange(0.0, 301.0, 10.0)
    came, *_ = incidence(days / 100, days / 150)
    rate = 1 / 100 + 1 / 150
    assert np.allclose(came, (1 / 100) / rate * (1 - np.exp(-rate * days)), rtol=0, atol=1e-12)
    died, *_ = incidence(days / 150, days / 100)
    assert np.allclose(came + died + np.exp(-rate * days), 1.0)
    times, progressed, dead = ends(3000)
    at, told = aalen_johansen(times, progressed, dead)
    assert np.abs(np.interp(days, at, told)[1:] - came[1:]).max() < 0.03


def test_slopes_of_the_incidence_are_those_of_its_value() -> None:
    generator = np.random.default_rng(0)
    one, other = (np.append(0.0, np.cumsum(generator.gamma(1, 0.1, 12))) for _ in range(2))
    told, step = incidence(one, other), 1e-6
    for slope, above, below in (
        (told.by_progression, (one * np.exp(step), other), (one * np.exp(-step), other)),
        (told.by_death, (one, other * np.exp(step)), (one, other * np.exp(-step))),
    ):
        numeric = (incidence(*above).value - incidence(*below).value) / (2 * step)
        assert np.allclose(slope, numeric, rtol=0, atol=1e-8)
    hazard, stayed = subdistribution_hazard(one, other)
    assert np.allclose(np.exp(-hazard), stayed)
    assert np.allclose(stayed, 1 - told.value)


def test_without_deaths_it_is_the_cox_model() -> None:
    ours, cox = fitted("progression", "competing"), fitted("progression", "cox")
    one, other = ours.predict(cohort().table), cox.predict(cohort().table)
    assert isinstance(one, ProgressionScores)
    assert isinstance(other, ProgressionScores)
    assert np.allclose(one.cumulative_hazard, other.cumulative_hazard, rtol=1e-9)
    assert np.allclose(one.replicates, other.replicates, rtol=1e-9)


def test_incidences_of_new_patients_are_those_of_aalen_and_johansen() -> None:
    """On average, half-way; Kaplan and Meier's, which takes deaths for censoring, says more."""
    data, learned_from = with_deaths(400, seed=4)
    fit = CompetingProgression().fit(data.table, learned_from, data.columns, seed=1, replicates=0)
    fresh, target = with_deaths(1500, seed=77)
    came, died = engine_of(fit).incidence_of(DesignMatrix(fit.recipe.design).apply(fit.encode(fresh.table)))
    half = len(fit.recipe.time_days) // 2
    day = fit.recipe.time_days[half]
    assert target.competing is not None
    for told, mine, theirs in ((came, target.event, target.competing), (died, target.competing, target.event)):
        expected = np.interp(day, *aalen_johansen(target.time_days, mine, theirs))
        assert told[:, half].mean() == pytest.approx(expected, abs=0.05)
    assert ((came + died) < 1).all()
    kaplan_meier = KaplanMeierFitter().fit(target.time_days, target.event)
    assert 1 - kaplan_meier.predict(day) > came[:, half].mean() + 0.04


def late_cohort(patients: int, seed: int) -> tuple[pd.DataFrame, tuple[ColumnSpec, ...], ProgressionTarget, Floats]:
    """Patients of a known log-hazard who may die first, more than half of whom came under watch late."""
    target, risk = drawn(seed, patients, late=True, dying=True)
    return pd.DataFrame({"clinical.risk": risk}), (ColumnSpec("clinical.risk", "number"),), target, risk


def test_of_patients_who_came_late_both_hazards_are_those_of_lifelines() -> None:
    table, columns, target, risk = late_cohort(240, seed=5)
    assert target.competing is not None and target.entry_days is not None
    fit = CompetingProgression().fit(table, target, columns, seed=1, replicates=0)
    content = engine_of(fit)
    penalties = [float(word) for word in re.findall(r"penalties of ([\d.]+) and ([\d.]+)", fit.recipe.method)[0]]
    assert "from the day from which they were watched" in fit.recipe.method
    X = DesignMatrix(fit.recipe.design).apply(fit.encode(table))
    for cause, seen, penalty in zip(content._causes, (target.event, target.competing), penalties, strict=True):
        frame = pd.DataFrame({"x": X[:, 0], "time": target.time_days, "seen": seen, "entry": target.entry_days})
        theirs = CoxPHFitter(penalizer=penalty).fit(frame, "time", "seen", entry_col="entry")
        assert cause.coefficients[0, 0] == pytest.approx(theirs.params_["x"], rel=1e-4)
    assert risk.size == 240


def test_incidences_of_a_cohort_that_came_late_are_those_of_all() -> None:
    """Held to the truth of each patient; who does not tell of entry takes late ones for long-lived."""
    table, columns, target, _ = late_cohort(1200, seed=6)
    fresh = np.linspace(-1.5, 1.5, 13)
    asked = pd.DataFrame({"clinical.risk": fresh})
    errors = []
    for learned_from in (target, replace(target, entry_days=None)):
        fit = CompetingProgression().fit(table, learned_from, columns, seed=1, replicates=0)
        came, _died = engine_of(fit).incidence_of(DesignMatrix(fit.recipe.design).apply(fit.encode(asked)))
        days = np.array(fit.recipe.time_days, dtype=np.float64)
        judged = days <= DAY
        errors.append(float((came - incidence_of_truth(fresh, days, dying=True))[:, judged].mean()))
    assert abs(errors[0]) < 0.01 < 0.025 < -errors[1]


def test_late_deaths_too_few_for_a_model_are_counted_among_those_under_watch() -> None:
    _, columns, target, risk = late_cohort(200, seed=8)
    assert target.competing is not None
    died = np.flatnonzero(target.competing)[:3]
    few = np.zeros_like(target.event)
    few[died] = True
    told = replace(target, competing=few)
    table = pd.DataFrame({"clinical.risk": risk})
    fit = CompetingProgression().fit(table, told, columns, seed=1, replicates=0)
    assert told.entry_days is not None
    kinds = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(told.time_days, few, entry=told.entry_days)
    days = np.array(fit.recipe.time_days, dtype=np.float64)
    mine = engine_of(fit)._causes[1].baselines[0]
    last = kinds.cumulative_hazard_.iloc[:, 0]
    theirs = last[last.index <= days[-1]].iloc[-1]
    assert mine[-1] == pytest.approx(theirs, rel=0.02)
    alone = CompetingProgression().fit(table, replace(target, competing=None), columns, seed=1, replicates=2)
    assert engine_of(alone)._causes[1].baselines.max() == 0.0  # nobody died: it is the other hazard alone


def test_contributions_of_two_hazards_add_up_and_age_brings_death() -> None:
    fit, (data, _) = fitted_to_deaths(), with_deaths()
    scores, rows = fit.predict(data.table), fit.encode(data.table)
    assert isinstance(scores, ProgressionScores)
    shares = fit.contributions(rows).sum(axis=1)
    assert np.allclose(shares, scores.risk - scores.risk.mean(), rtol=0, atol=1e-7)
    X = DesignMatrix(fit.recipe.design)
    age = data.table["clinical.age_years"]
    young, old = (fit.encode(data.table.assign(**{"clinical.age_years": age * 0 + years})) for years in (50.0, 75.0))
    died = [engine_of(fit).incidence_of(X.apply(rows))[1][:, -1].mean() for rows in (young, old)]
    assert died[1] > died[0]


def test_a_death_that_came_with_progression_and_files_that_lie_are_refused() -> None:
    with pytest.raises(BadCohort, match="competing event"):
        ProgressionTarget(np.ones(3), np.ones(3, dtype=bool), competing=np.ones(3, dtype=bool))
    fit = fitted_to_deaths()
    (content,) = fit.files().values()
    for old, new in (
        (b'"baseline": [\n    0.0,', b'"baseline": [\n    0.5,'),
        (b'"coefficients": [', b'"coefficients": [0.0,'),
        (b'"centre": [', b'"centre": [0.0,'),
        (b'"death"', b'"cure"'),
    ):
        assert old in content, old
        with pytest.raises(BrokenFile):
            CompetingProgression().load(fit.recipe, {FILE: content.replace(old, new, 1)}, fit.cohort)
