"""Competing events: lifelines' Aalen-Johansen and Cox, and hazards whose incidence is known, are the truth."""

from functools import cache

import numpy as np
import pytest
from builders.tables import Known, known
from builders.versions import cohort, fitted
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from features.types import Floats
from models.errors import BadCohort, BrokenFile
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
