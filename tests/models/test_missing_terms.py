"""That a value is missing counts where it tells something of the patient, in every family, and nowhere else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.crossvalidation import OfFamily, validate
from models.errors import BrokenFile
from models.evaluation import area_under_curve
from models.families.all import FAMILIES, family_of
from models.families.columns import ColumnSpec
from models.families.design import DesignMatrix
from models.families.family import Fitted, OutcomeScores
from models.families.preparation import keep, prepare
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task

GRADE, AGE = "clinical.grade", "clinical.age_years"
PET = [f"radiomics.pt.baseline.largest.original_glcm_N{index}" for index in range(3)]
EVERY = sorted(FAMILIES)


def cohort(telling: bool, patients: int = 240, seed: int = 0) -> tuple[pd.DataFrame, Target, Target]:
    """A third lack the grade; where that tells, they respond four times in five and progress late, others seldom."""
    draw = np.random.default_rng(seed)
    lacking = draw.random(patients) < 1 / 3
    known_by = lacking if telling else draw.random(patients) < 1 / 3
    frame = pd.DataFrame({
        GRADE: np.where(lacking, np.nan, draw.normal(size=patients)),
        AGE: draw.normal(60, 8, patients).round(),
    })  # fmt: skip
    response = (draw.random(patients) < np.where(known_by, 0.8, 0.2)).astype(np.float64)
    days = np.ceil(draw.exponential(np.where(known_by, 900, 200)))
    end = draw.uniform(300, 1500, patients).round()
    return frame, OutcomeTarget(response), ProgressionTarget(np.minimum(days, end), days <= end)


def fitted(task: Task, family: str, frame: pd.DataFrame, target: Target) -> Fitted:
    columns = [ColumnSpec(str(name)) for name in frame.columns]
    return family_of(task, family).fit(frame, target, columns, seed=3, replicates=0)


@pytest.mark.parametrize(("task", "family"), EVERY, ids=["-".join(key) for key in EVERY])
def test_what_is_missing_moves_the_answer_of_every_family(task: Task, family: str) -> None:
    frame, outcome, progression = cohort(telling=True)
    model = fitted(task, family, frame, outcome if task == "outcome" else progression)
    assert "clinical.grade is missing" in model.recipe.design.names(model.recipe.columns, ())
    asked = pd.DataFrame({GRADE: [np.nan, 0.0], AGE: [60.0, 60.0]})
    scores = model.predict(asked)
    if isinstance(scores, OutcomeScores):
        lacking, graded = scores.probability
        assert 0.65 < lacking < 0.9 and 0.1 < graded < 0.35
    else:
        middle = scores.survival[:, len(model.recipe.time_days) // 2]
        assert middle[0] > middle[1] + 0.2
    # Its share stands under the column's own name.
    shares = model.contributions(model.encode(asked))
    at = [spec.name for spec in model.recipe.columns].index(GRADE)
    better = shares[0, at] - shares[1, at]
    assert better > 0.5 if task == "outcome" else better < -0.5


def test_what_is_missing_by_chance_counts_in_one_cohort_of_twenty() -> None:
    told = [
        any(term.kind == "missing" for term in prepare(frame, target, [ColumnSpec(GRADE), ColumnSpec(AGE)]).terms)
        for frame, outcome, progression in (cohort(telling=False, seed=seed) for seed in range(80))
        for target in (outcome, progression)
    ]
    assert sum(told) < 0.1 * len(told), "5 in 100 are wanted"


def test_held_out_patients_are_ordered_by_it_and_by_its_odds() -> None:
    """Of a two-by-two table nothing is better than its own odds."""
    frame, outcome, _ = cohort(telling=True, patients=400, seed=5)
    assert isinstance(outcome, OutcomeTarget)
    columns = (ColumnSpec(GRADE), ColumnSpec(AGE))
    said = validate(
        {"model": OfFamily(family_of("outcome", "xgboost"), columns, 1)},
        frame,
        outcome,
        folds=4,
        seed=1,
        progress=False,
    )
    weights = np.ones((1, 400))
    lacking = frame[GRADE].isna().to_numpy().astype(np.float64)
    of_table = float(area_under_curve(lacking, outcome.response > 0, weights)[0])
    assert area_under_curve(said.unseen["model"].score, outcome.response > 0, weights)[0] > of_table - 0.02


def test_columns_that_the_same_patients_lack_share_one_term() -> None:
    frame, outcome, _ = cohort(telling=True)
    draw = np.random.default_rng(1)
    scanned = ~frame[GRADE].isna().to_numpy()
    for name in PET:
        frame[name] = np.where(scanned, draw.normal(size=len(frame)), np.nan)
    columns = [ColumnSpec(str(name)) for name in frame.columns]
    prepared = prepare(frame, outcome, columns)
    assert [term.column for term in prepared.terms if term.kind == "missing"] == [0]
    without = prepare(frame.drop(columns=GRADE), outcome, columns[1:])
    (lacking,) = [index for index, term in enumerate(without.terms) if term.kind == "missing"]
    # It goes with its own column, and is not made again for another that is kept without it.
    numbers = [index for index, term in enumerate(without.terms) if term.kind == "number"]
    assert not [one for one in keep(without, numbers).terms if one.kind == "missing"]
    alone = keep(without, [lacking])
    assert [one.kind for one in alone.terms] == ["number", "missing"]


def test_few_that_lack_a_value_tell_nothing() -> None:
    frame, outcome, _ = cohort(telling=True)
    assert isinstance(outcome, OutcomeTarget)
    rare = frame.assign(**{GRADE: 1.0 + np.arange(len(frame)) % 7})
    few = (outcome.response > 0) & (np.cumsum(outcome.response) <= 9)
    rare[GRADE] = rare[GRADE].where(~few)
    terms = prepare(rare, outcome, [ColumnSpec(GRADE), ColumnSpec(AGE)]).terms
    assert {term.kind for term in terms} == {"number"}


def test_a_recipe_that_takes_a_required_column_for_missing_is_refused() -> None:
    frame, outcome, _ = cohort(telling=True)
    model = fitted("outcome", "xgboost", frame, outcome)
    required = tuple(replace(spec, required=True) for spec in model.recipe.columns)
    with pytest.raises(BrokenFile, match="does not fit its columns"):
        replace(model.recipe, columns=required)
    rows = model.encode(pd.DataFrame({GRADE: [np.nan, 1.0], AGE: [60.0, 60.0]}))
    at = [term.kind for term in model.recipe.design.terms].index("missing")
    assert DesignMatrix(model.recipe.design).apply(rows)[:, at].tolist() == [1.0, 0.0]
