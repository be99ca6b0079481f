"""A model for each therapy answers as the family does that learned from that therapy's patients alone."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.imageless import imageless
from builders.tables import known
from builders.versions import cohort, fitted, loaded, values_of

from models.admission.parity import compare
from models.applicability import CohortDistance, describe_cohort
from models.errors import BadCohort, BrokenFile
from models.families.all import family_of
from models.families.by_therapy import MOST_THERAPIES, ByTherapy
from models.families.by_therapy_engine import FILE
from models.families.columns import THERAPY, ColumnSpec, encode
from models.families.design import Design, Term
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.families.target import Task
from models.intervals import restricted_mean
from models.simulation.patient import THERAPIES

FAMILIES: tuple[tuple[Task, str], ...] = (
    ("outcome", "ordinal_by_therapy"),
    ("outcome", "xgboost_by_therapy"),
    ("progression", "cox_by_therapy"),
    ("progression", "xgboost_cox_by_therapy"),
)
every = pytest.mark.parametrize(("task", "family"), FAMILIES)


def alone(task: Task, family: str, therapy: str) -> Fitted:
    """The family by itself, on the patients who were given one therapy."""
    whole, data = family_of(task, family), cohort()
    assert isinstance(whole, ByTherapy)
    rows = np.flatnonzero(data.table[THERAPY] == therapy)
    table = data.table.iloc[rows].reset_index(drop=True).drop(columns=THERAPY)
    seed = 5 + sorted(data.table[THERAPY].unique()).index(therapy)
    return whole.inner.fit(table, data.target(task).take(rows), data.columns, seed=seed, replicates=6)


def under(therapy: str) -> pd.DataFrame:
    """New patients, all to be given one therapy."""
    return known(40, seed=91, noise_columns=4).table.assign(therapy=therapy)


@every
@pytest.mark.parametrize("therapy", ["chemotherapy", "immunotherapy", "targeted"])
def test_each_therapy_is_answered_by_its_own_patients(task: Task, family: str, therapy: str) -> None:
    whole, own = fitted(task, family), alone(task, family, therapy)
    said, expected = whole.predict(under(therapy)), own.predict(under(therapy).drop(columns=THERAPY))
    if isinstance(said, OutcomeScores):
        assert isinstance(expected, OutcomeScores)
        assert np.allclose(said.log_odds, expected.log_odds, rtol=0, atol=1e-12)
        assert np.allclose(said.replicates, expected.replicates, rtol=0, atol=1e-12)
        return
    assert isinstance(said, ProgressionScores) and isinstance(expected, ProgressionScores)
    days, own_days = whole.recipe.time_days, own.recipe.time_days
    assert days[-1] <= own_days[-1]
    for patient in range(40):
        line = np.interp(days, own_days, expected.cumulative_hazard[patient])
        assert np.allclose(said.cumulative_hazard[patient], line, rtol=1e-12, atol=1e-15)
    assert said.replicates.shape == (6, 40, len(days))


def test_arms_of_one_size_draw_by_chance_of_their_own() -> None:
    """The same patients under two names: replicates of a difference between the two must not cancel."""
    data = cohort()
    rows = np.flatnonzero(data.table[THERAPY] == "immunotherapy")
    one = data.table.iloc[rows]
    table = pd.concat([one.assign(therapy="a"), one.assign(therapy="b")], ignore_index=True)
    target = data.outcome.take(np.concatenate([rows, rows]))
    whole = family_of("outcome", "ordinal_by_therapy").fit(table, target, data.columns, seed=5, replicates=6)
    scores = [whole.predict(under(therapy)) for therapy in ("a", "b")]
    assert isinstance(scores[0], OutcomeScores) and isinstance(scores[1], OutcomeScores)
    assert np.abs(scores[0].replicates - scores[1].replicates).std() > 0.05


@every
def test_the_therapy_has_what_is_the_same_for_all_of_its_patients(task: Task, family: str) -> None:
    whole = fitted(task, family)
    shares = [whole.contributions(whole.encode(under(therapy))) for therapy in whole.recipe.therapies]
    assert all(np.ptp(one[:, -1]) < 1e-9 for one in shares)
    assert np.ptp([one[0, -1] for one in shares]) > 0.01


@every
def test_a_therapy_that_few_were_given_is_named(task: Task, family: str) -> None:
    data = known(90, seed=3, noise_columns=0)
    few = data.table[THERAPY].where(np.arange(90) > 5, "vaccine")
    with pytest.raises(BadCohort, match=f"^6 patients were given vaccine, and {family} learns from them alone: "):
        family_of(task, family).fit(data.table.assign(therapy=few), data.target(task), data.columns, seed=1)


def test_more_therapies_than_it_takes_are_refused() -> None:
    data = known(90, seed=3, noise_columns=0)
    many = data.table.assign(therapy=[f"drug{row % (MOST_THERAPIES + 1)}" for row in range(90)])
    with pytest.raises(BadCohort, match="takes at most 12 therapies; seen 13"):
        family_of("outcome", "ordinal_by_therapy").fit(many, data.outcome, data.columns, seed=1)


def test_a_row_without_a_therapy_is_refused() -> None:
    whole = fitted("outcome", "ordinal_by_therapy")
    rows = whole.encode(under("targeted"))
    rows[3, -1] = np.nan
    with pytest.raises(BadCohort, match="1 rows have no therapy that the model knows"):
        whole.score(rows)


@every
def test_a_category_that_no_patient_of_one_therapy_had_is_its_usual_one_there(task: Task, family: str) -> None:
    data, name = cohort(), "clinical.grade"
    words = np.random.default_rng(8).choice(["a", "b", "c"], len(data.table), p=[0.2, 0.3, 0.5])
    targeted = (data.table[THERAPY] == "targeted").to_numpy()
    table = data.table.assign(**{name: np.where(targeted & (words == "a"), "c", words)})
    target, columns = data.target(task), [*data.columns, ColumnSpec(name, "category")]
    whole = family_of(task, family).fit(table, target, columns, seed=5, replicates=2)
    sums = {
        therapy: [
            whole.contributions(whole.encode(under(therapy).assign(**{name: word}))).sum(axis=1)
            for word in ("a", "c", "b")
        ]
        for therapy in ("targeted", "chemotherapy")
    }
    assert np.array_equal(sums["targeted"][0], sums["targeted"][1])
    if not family.startswith("xgboost"):  # trees need not look at it
        assert not np.array_equal(sums["targeted"][1], sums["targeted"][2])
        assert not np.array_equal(sums["chemotherapy"][0], sums["chemotherapy"][1])


def test_files_that_do_not_fit_the_recipe_are_refused() -> None:
    fit, family = fitted("progression", "cox_by_therapy"), family_of("progression", "cox_by_therapy")
    files = fit.files()
    assert sorted(files) == [FILE, "therapy0.cox.json", "therapy1.cox.json", "therapy2.cox.json"]
    for name in files:
        with pytest.raises(BrokenFile):
            family.load(fit.recipe, {other: content for other, content in files.items() if other != name}, fit.cohort)
    with pytest.raises(BrokenFile, match="more therapies"):
        family.load(fit.recipe, files | {"therapy3.cox.json": files["therapy2.cox.json"]}, fit.cohort)
    said = files[FILE].decode()
    for was, becomes in (
        (r'"family": "cox"', '"family": "cox_net"'),
        (r'"terms": \[', '"terms": [9999,'),
        (r'"time_days": \[\s+0,', '"time_days": [1,'),
    ):
        wrong = re.sub(was, becomes, said, count=1)
        assert wrong != said
        with pytest.raises(BrokenFile):
            family.load(fit.recipe, files | {FILE: wrong.encode()}, fit.cohort)
    terms = [term for term in fit.recipe.design.terms if term.kind != "therapy"]
    with pytest.raises(BrokenFile, match="lacks a term for a therapy"):
        family.load(replace(fit.recipe, design=Design(tuple(terms))), files, fit.cohort)


def test_admission_compares_the_trees_of_each_therapy(tmp_path: Path) -> None:
    model = loaded(tmp_path / "version", "progression", "xgboost_cox_by_therapy")
    told = compare(model, [values_of(model, row) for row in range(3)], {})
    assert [part.partition(":")[0] for part in told.split("; ")] == ["therapy0", "therapy1", "therapy2"]
    assert told.count("XGBoost's own margins on 3 rows") == 3


def test_a_column_in_several_terms_is_far_once() -> None:
    data = cohort()
    specs = fitted("outcome", "ordinal").recipe.columns
    numbers = [index for index, spec in enumerate(specs) if spec.kind == "number"]
    rows = encode(specs, (), data.table)
    once = [Term("number", index, centre=1.0, scale=2.0, fill=0.5) for index in numbers]
    twice = [*once, *(replace(term, centre=-3.0, scale=0.1) for term in once)]
    verdicts = []
    for terms in (once, twice):
        design = Design(tuple(terms))
        described = describe_cohort(design, specs, rows, np.random.default_rng(4))
        verdicts.append([CohortDistance(described, design, specs).judge(row) for row in rows[:20]])
    assert verdicts[0] == verdicts[1]


def test_where_therapies_act_otherwise_it_tells_their_difference_better() -> None:
    """The simulated cohort: what speaks for one therapy speaks against the other."""
    data, fresh = imageless(450, 80100), imageless(200, 85100)
    errors = []
    for name in ("cox", "cox_by_therapy"):
        fit = family_of("progression", name).fit(data.table, data.progression, data.columns, seed=1, replicates=0)
        days = fit.recipe.time_days
        told, truth = {}, {}
        for therapy in THERAPIES:
            scores = fit.predict(fresh.table.assign(therapy=therapy))
            assert isinstance(scores, ProgressionScores)
            told[therapy] = restricted_mean(days, scores.survival)
            truth[therapy] = np.array([fate[therapy].restricted_mean_days(days[-1]) for fate in fresh.truth])
        gain = told["immunotherapy"] - told["chemotherapy"]
        errors.append(float(np.sqrt(np.mean((gain - truth["immunotherapy"] + truth["chemotherapy"]) ** 2))))
    assert errors[1] < 0.75 * errors[0]
