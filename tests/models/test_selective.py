"""Whether not answering those far from the cohort helps is measured on held-out patients, and said as it is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.applicability import CohortDistance, describe_cohort
from models.baselines import known_only
from models.calibration import probability
from models.crossvalidation import MODEL, CrossValidation, Unseen, cross_validate
from models.evaluation import Estimate
from models.families.all import family_of
from models.families.columns import ColumnSpec
from models.families.design import Design, main_terms
from models.families.target import OutcomeTarget, ProgressionTarget
from models.nested import assembled
from models.selective import COVERAGES, coverage_against_risk, in_words

COLUMNS = [ColumnSpec("measure.ct.baseline.all.volume_mm3"), ColumnSpec("clinical.crp_mg_l")]


def cohort(odd: float, seed: int = 0, patients: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """A fifth of the patients lie far away; the sign of the effect is theirs to turn round."""
    draw = np.random.default_rng(seed)
    far = draw.random(patients) < 0.2
    X = draw.normal(size=(patients, 2)) * np.where(far, 4.0, 1.0)[:, None]
    slope = np.where(far, odd, 1.0)
    chance = 1 / (1 + np.exp(-2 * slope * np.clip(X[:, 0], -2, 2)))
    frame = pd.DataFrame(X, columns=[spec.name for spec in COLUMNS])
    return frame, (draw.random(patients) < chance).astype(np.float64)


def validated(odd: float, seed: int = 0) -> tuple[CrossValidation, pd.DataFrame]:
    frame, response = cohort(odd, seed)
    family = family_of("outcome", "xgboost")
    return (
        cross_validate(family, frame, OutcomeTarget(response), COLUMNS, folds=4, seed=1, progress=False),
        frame,
    )


def test_where_the_far_are_otherwise_not_answering_them_helps() -> None:
    validation, _ = validated(odd=-1.0)
    rows = coverage_against_risk(validation, seed=1)
    assert [one.coverage for one in rows] == list(COVERAGES)
    assert [one.patients for one in rows] == [300, 270, 240, 210, 150]
    assert rows[0].gain.value == 0 and rows[2].gain.lower is not None and rows[2].gain.lower > 0
    assert rows[2].error.value < rows[0].error.value - 0.005
    assert in_words(rows).startswith("Not answering the 20% furthest")


def test_the_error_of_all_is_the_brier_score() -> None:
    validation, _ = validated(odd=1.0)
    rows = coverage_against_risk(validation, seed=1)
    assert isinstance(validation.target, OutcomeTarget)
    own = ((probability(validation.unseen[MODEL].score) - validation.target.response) ** 2).mean()
    assert rows[0].error.value == pytest.approx(own)
    assert rows[0].error.value == pytest.approx(validation.error(MODEL))


def test_where_distance_warns_of_nothing_that_is_said() -> None:
    """The far are the easiest here: beyond the bounds of the effect, whose sign is everybody's."""
    validation, _ = validated(odd=1.0)
    rows = coverage_against_risk(validation, seed=1)
    assert rows[-1].gain.upper is not None and rows[-1].gain.upper < 0
    assert "distance is no warning" in in_words(rows)
    unsure = [replace(rows[0]), replace(rows[1], gain=Estimate(0.001, -0.01, 0.02))]
    assert "does not tell" in in_words(unsure)


def test_progression_is_judged_by_its_integrated_error() -> None:
    frame, _ = cohort(1.0)
    draw = np.random.default_rng(4)
    worse = np.clip(frame.to_numpy(dtype=np.float64)[:, 0], -2, 2)
    days = np.ceil(300 * np.exp(draw.normal(size=300) - 0.7 * worse))
    target = ProgressionTarget(days, draw.random(300) < 0.7)
    validation = cross_validate(
        family_of("progression", "cox"), frame, target, COLUMNS, folds=3, seed=1, progress=False
    )
    rows = coverage_against_risk(validation, seed=1)
    assert rows[0].error.value == pytest.approx(validation.error(MODEL))
    assert all(0 < one.error.value < 0.3 for one in rows)


def test_ranks_are_those_of_the_distance_that_an_answer_tells() -> None:
    frame, _ = cohort(1.0)
    rows = np.column_stack([frame.to_numpy(), np.zeros(len(frame))])
    columns = [
        ColumnSpec(spec.name, impute=0.0, training_lower=float(frame[spec.name].min()),
                   training_upper=float(frame[spec.name].max()))
        for spec in COLUMNS
    ]  # fmt: skip
    design = Design(main_terms(columns, (), rows))
    distance = CohortDistance(describe_cohort(design, columns, rows, np.random.default_rng(0)), design, columns)
    one_by_one = np.array([distance.judge(row).distance_percentile for row in rows])
    ranked = distance.ranked(rows)
    assert np.minimum(ranked, 1.0) == pytest.approx(one_by_one)
    beyond = np.array([[50.0, 50.0, 0.0], [500.0, 500.0, 0.0]])
    assert 1 < distance.ranked(beyond)[0] < distance.ranked(beyond)[1]


def test_a_distance_is_told_by_the_fit_that_had_not_seen_the_patient() -> None:
    validation, frame = validated(odd=1.0)
    far = validation.unseen[MODEL].far
    assert far is not None and validation.fits is not None
    for held_out, fit in enumerate(validation.fits.fits):
        rows = np.flatnonzero(validation.fold == held_out)
        encoded = fit.encode(known_only(frame.iloc[rows].reset_index(drop=True), fit.recipe.columns))
        assert (far[rows] == fit.distance.ranked(encoded)).all()
    assert validation.unseen["cohort average"].far is None


def test_where_each_fold_chose_its_family_distances_are_of_the_chosen() -> None:
    target, fold = OutcomeTarget(np.array([0.0, 1.0, 0.0, 1.0])), np.array([0, 0, 1, 1])
    said = {name: Unseen(np.zeros(4), None, np.full(4, far)) for name, far in (("near", 0.1), ("far", 0.9))}
    both = CrossValidation(target, fold, 2, None, {**said, "silent": Unseen(np.zeros(4), None)})
    assert list(assembled(both, ("near", "far")).far) == [0.1, 0.1, 0.9, 0.9]  # type: ignore[arg-type]
    assert assembled(both, ("near", "silent")).far is None
