"""Sites are brought onto one scale as neuroCombat does it, inside each fit; another site is refused or marked."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.own_tables import written

from models.errors import BadCohort, BrokenFile, MissingColumn, UnknownCategory
from models.evaluate import Evaluating, evaluate
from models.evaluation import area_under_curve
from models.families.all import FAMILIES, family_of, harmonised
from models.families.columns import ColumnSpec
from models.families.combat import Harmonisation, fit_combat
from models.families.family import OutcomeScores
from models.families.harmonised import Harmonised
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.load import load_model
from models.manifest import Facts
from models.package import write_version
from models.reference import describe
from models.tabular.reading import TableRequest
from models.version import TrainedModel

SITE = "clinical.site"
FEATURES = [f"radiomics.ct.baseline.largest.original_glcm_F{index}" for index in range(6)]
COLUMNS = [*(ColumnSpec(name) for name in FEATURES), ColumnSpec("clinical.age_years"),
           ColumnSpec(SITE, "category", categories=("a", "b"))]  # fmt: skip
EVERY = sorted(FAMILIES)


def cohort(patients: int = 160, seed: int = 0) -> tuple[pd.DataFrame, Target, Target]:
    """One feature decides; the scanner of site b stretches and shifts it."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=(patients, len(FEATURES)))
    site = draw.random(patients) < 0.5
    measured = truth.copy()
    measured[site, 0] = 1.5 * truth[site, 0] + 3
    frame = pd.DataFrame(measured, columns=FEATURES)
    frame["clinical.age_years"] = draw.normal(60, 8, patients).round()
    frame[SITE] = np.where(site, "b", "a")
    response = (draw.random(patients) < 1 / (1 + np.exp(-2 * truth[:, 0]))).astype(np.float64)
    days = np.ceil(draw.exponential(300 * np.exp(truth[:, 0])))
    return frame, OutcomeTarget(response), ProgressionTarget(np.minimum(days, 900), days < 900)


def version(folder: Path, unseen: str = "refuse", therapies: bool = False) -> TrainedModel:
    frame, outcome, _ = cohort()
    assert isinstance(outcome, OutcomeTarget)
    if therapies:
        frame["therapy"] = np.where(np.arange(len(frame)) % 2, "x", "y")
    family = harmonised(family_of("outcome", "xgboost"), SITE, unseen)  # type: ignore[arg-type]
    fitted = family.fit(frame, outcome, COLUMNS, seed=1, replicates=4)
    facts = Facts("response", len(frame), simulated=False, evidence="observational", profile="setting: {}\n")
    told = describe(fitted.recipe.design, fitted.encode(frame), outcome, np.random.default_rng(0))
    write_version(folder, fitted, facts, "# A card\n", reference=told)
    model = load_model(folder, "outcome-xgboost", "1")
    assert isinstance(model, TrainedModel)
    return model


def values(frame: pd.DataFrame, row: int) -> dict[str, float | str]:
    return {str(name): value for name, value in frame.iloc[row].to_dict().items()}


def test_values_are_those_of_neurocombat() -> None:
    told = json.loads((Path(__file__).parent / "combat.json").read_text())
    X, site, wanted = (np.array(told[name]) for name in ("values", "site", "mapped"))
    scale, shift = fit_combat(X, site, 3)
    assert scale[site] * X + shift[site] == pytest.approx(wanted, rel=1e-9)
    assert np.abs(X - wanted).max() > 0.3 * wanted.std()


def test_sites_that_differ_by_a_scale_and_a_shift_alone_come_together() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=(4000, 20))
    site = np.arange(4000) % 2
    X = np.where(site[:, None] == 1, 3 * truth - 7, truth)
    scale, shift = fit_combat(X, site, 2)
    mapped = scale[site] * X + shift[site]
    spread = mapped.std(axis=0)
    for part in (np.mean, np.std):
        apart = part(mapped[site == 0], axis=0) - part(mapped[site == 1], axis=0)
        assert np.abs(apart / spread).max() < 0.08, "features are drawn a little towards each other"
    assert np.corrcoef(mapped[site == 1, 3], truth[site == 1, 3])[0, 1] == pytest.approx(1.0)


def test_missing_and_constant_features_stay_what_they_are() -> None:
    draw = np.random.default_rng(2)
    X, site = draw.normal(size=(60, 5)), np.arange(60) % 2
    X[:, 1] = 4.0
    X[site == 1, 2] = np.nan
    X[::7, 3] = np.nan
    scale, shift = fit_combat(X, site, 2)
    mapped = scale[site] * X + shift[site]
    assert (mapped[:, 1] == 4.0).all() and np.array_equal(mapped[:, 2], X[:, 2], equal_nan=True)
    assert np.array_equal(np.isnan(mapped), np.isnan(X))
    assert np.isfinite(scale).all() and (scale > 0).all() and np.isfinite(shift).all()


@pytest.mark.parametrize(("task", "family"), EVERY, ids=["-".join(key) for key in EVERY])
def test_every_family_orders_patients_of_all_sites_better(task: Task, family: str) -> None:
    frame, outcome, progression = cohort(seed=3)
    target = outcome if task == "outcome" else progression
    new, response, _ = cohort(seed=4)
    assert isinstance(response, OutcomeTarget)
    order = []
    for learner, columns in (
        (harmonised(family_of(task, family), SITE), COLUMNS),
        (family_of(task, family), COLUMNS[:7]),
    ):
        fitted = learner.fit(frame, target, columns, seed=1, replicates=0)
        again = family_of(task, family).load(fitted.recipe, fitted.files(), fitted.cohort)
        scores = again.predict(new)
        better = scores.log_odds if isinstance(scores, OutcomeScores) else -scores.risk
        order.append(area_under_curve(better, response.response > 0, np.ones((1, len(new))))[0])
    assert order[0] > order[1] + 0.02


def test_a_case_is_mapped_by_its_own_site_and_told_as_it_was_measured(tmp_path: Path) -> None:
    model = version(tmp_path / "v", therapies=True)
    frame, *_ = cohort()
    row = int(np.flatnonzero(frame[SITE] == "b")[0])
    given = values(frame, row)
    answer = model.predict(given)
    assert answer.predictions[0].applicability.status == "inside"
    other = model.predict({**given, SITE: "a"})
    assert answer.predictions[0].outcome != other.predictions[0].outcome
    (reason,) = [one for one in answer.predictions[0].contributions if one.column == FEATURES[0]]
    assert reason.value == given[FEATURES[0]]
    mapped = model.fitted.harmonised(np.append(model.encoding.row(given, {}), 0.0)[None, :])[0]
    at = [spec.name for spec in model.columns].index(FEATURES[0])
    assert mapped[at] != given[FEATURES[0]]
    assert model.reference is not None and reason.percentile == model.reference.percentile(at, mapped[at])
    # The site itself moves nothing.
    (own,) = [one for one in answer.predictions[0].contributions if one.column == SITE]
    assert own.contribution == 0.0 and own.value == "b"
    assert model.similar(given)


def test_another_site_is_refused_by_name(tmp_path: Path) -> None:
    model = version(tmp_path / "v")
    given = values(cohort()[0], 0)
    with pytest.raises(UnknownCategory, match=r"clinical.site: category 'c' was given; wanted a, b"):
        model.predict({**given, SITE: "c"})
    with pytest.raises(MissingColumn):
        model.predict({name: value for name, value in given.items() if name != SITE})


def test_another_site_is_answered_as_measured_and_marked_where_that_is_the_policy(tmp_path: Path) -> None:
    model = version(tmp_path / "v", "flag")
    given = values(cohort()[0], 0)
    (known,) = model.predict(given).predictions
    assert known.applicability.status == "inside" and not [n for n in known.notices if "SITE" in n.reason]
    for changed in ({**given, SITE: "c"}, {name: value for name, value in given.items() if name != SITE}):
        model.encoding.require_taken(changed)
        (told,) = model.predict(changed).predictions
        assert told.outcome is not None and told.applicability.status == "outside"
        (notice,) = [one for one in told.notices if one.reason == "UNHARMONISED_SITE"]
        assert "none that this model learned from (a, b)" in notice.message
        assert not [one for one in told.notices if one.reason == "IMPUTED"]


def test_what_cannot_be_harmonised_is_refused() -> None:
    frame, outcome, _ = cohort()
    learner = Harmonised(family_of("outcome", "xgboost"), SITE)
    lacking = frame.assign(**{SITE: frame[SITE].where(np.arange(len(frame)) > 2, None)})
    few = frame.assign(**{SITE: np.where(np.arange(len(frame)) < 3, "c", frame[SITE])})
    few_columns = [*COLUMNS[:-1], replace(COLUMNS[-1], categories=("a", "b", "c"))]
    for table, columns, match in (
        (lacking, COLUMNS, "3 patients have no clinical.site"),
        (few, few_columns, "fewer than 5 patients of c"),
        (frame.assign(**{SITE: "a"}), COLUMNS, "1 sites; wanted 2 to 50"),
        (frame, COLUMNS[6:], "no image feature to harmonise"),
        (frame, COLUMNS[:-1], "no column of categories"),
    ):
        with pytest.raises(BadCohort, match=match):
            learner.fit(table, outcome, columns, seed=1, replicates=0)


def test_a_recipe_whose_harmonisation_does_not_fit_is_refused() -> None:
    frame, outcome, _ = cohort()
    fitted = Harmonised(family_of("outcome", "xgboost"), SITE).fit(frame, outcome, COLUMNS, seed=1, replicates=0)
    of = fitted.recipe.harmonisation
    assert of is not None
    for wrong in (replace(of, site=0, columns=of.columns[1:], scale=tuple(row[1:] for row in of.scale),
                          shift=tuple(row[1:] for row in of.shift)),
                  replace(of, columns=(99, *of.columns[1:]))):  # fmt: skip
        with pytest.raises(BrokenFile):
            replace(fitted.recipe, harmonisation=wrong)
    for part in ({"scale": of.scale[:1]}, {"patients": (1,)}, {"scale": tuple((-1.0,) * len(r) for r in of.scale)}):
        with pytest.raises(BrokenFile):
            Harmonisation(**{"site": of.site, "columns": of.columns, "scale": of.scale, "shift": of.shift,
                             "patients": of.patients, **part})  # type: ignore[arg-type]  # fmt: skip


def test_a_table_is_judged_and_harmonised_by_the_column_that_is_named(tmp_path: Path) -> None:
    frame, outcome, _ = cohort(patients=240, seed=6)
    assert isinstance(outcome, OutcomeTarget)
    table = frame.rename(columns={name: name.rpartition(".")[2] for name in frame.columns})
    table["response"] = outcome.response.astype(int)
    path = written(tmp_path, table)
    how = Evaluating(folds=3, families=("xgboost",), progress=False)
    auc = {}
    for column in ("site", None):
        request = TableRequest(path, outcome="response", harmonise=column, drop=() if column else ("site",))
        report = evaluate(request, how)
        auc[column] = next(one.estimate.value for one in report.figures if (one.name, one.of) == ("auc", "model"))
    assert auc["site"] > auc[None] + 0.03
    with pytest.raises(BadCohort, match="no few words"):
        evaluate(TableRequest(path, outcome="response", harmonise="age_years"), how)
