"""Ordered classes: a published table of R's polr, and scikit-learn's logistic regression, are the truth."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from builders.own_tables import site_table, written
from builders.tables import Known, known
from sklearn.linear_model import LogisticRegression

from models.card import card
from models.errors import BadCohort, BrokenFile
from models.families.design import DesignMatrix
from models.families.family import Fitted, OutcomeScores
from models.families.ordinal_engine import FILE, OrdinalEngine
from models.families.ordinal_outcome import OrdinalOutcome
from models.families.proportional_odds import class_probabilities, fit_odds
from models.families.target import GRADES, OutcomeTarget
from models.leakage.selection import dealt_anew
from models.tabular.cohort import as_cohort
from models.tabular.reading import TableRequest, read_patients
from models.train import Training, fit

HOUSING = """
21 21 28  34 22 36  10 11 36   61 23 17  43 35 40  26 18 54   13 9 10  8 8 12  6 7 9   18 6 7  15 13 13  7 5 11
14 19 37  17 23 40  3 5 23   78 46 43  48 45 86  15 25 62   20 23 20  10 22 24  7 10 21   57 23 13  31 21 13  5 6 13
"""
"""Satisfaction (low, medium, high) within influence (the same), within type (tower, apartment, atrium, terrace), within
contact (low, high), of 1,681 tenants of Copenhagen: Madsen, Scand J Stat 3 (1976) 97; `housing` of R's MASS.
"""
POLR = {
    "influence medium": 0.5664,
    "influence high": 1.2888,
    "apartment": -0.5724,
    "atrium": -0.3662,
    "terrace": -1.0910,
    "contact high": 0.3603,
}
"""Of `polr(Sat ~ Infl + Type + Cont, weights = Freq, data = housing)`: Venables and Ripley, MASS, 4th ed. (2002)."""
POLR_CUTS = (-0.4961, 0.6907)


def housing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = np.array([float(word) for word in HOUSING.split()])
    grade = np.tile([0.0, 1.0, 2.0], 24)
    influence, kind, contact = (
        np.tile(np.repeat(range(3), 3), 8),
        np.tile(np.repeat(range(4), 9), 2),
        np.arange(72) // 36,
    )
    X = [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
    return np.column_stack(X).astype(np.float64), grade, counts


def test_a_fit_is_the_published_one() -> None:
    X, grade, counts = housing()
    assert counts.sum() == 1681
    fit = fit_odds(X, grade, 3, np.zeros(6), counts)
    assert np.allclose(fit.coefficients, list(POLR.values()), rtol=0, atol=6e-5)
    assert np.allclose(fit.cuts, POLR_CUTS, rtol=0, atol=6e-5)
    told = class_probabilities(fit.above(X))
    assert np.allclose(told.sum(axis=1), 1.0)
    deviance = -2 * counts @ np.log(told[np.arange(72), grade.astype(int)])
    assert deviance == pytest.approx(3479.149, abs=1e-3)


def test_two_classes_are_logistic_regression() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(120, 4))
    X /= X.std(axis=0)
    response = (generator.random(120) < 1 / (1 + np.exp(-X[:, 0] + 0.5))).astype(np.float64)
    fit = fit_odds(X, response, 2, np.full(4, 0.05))
    theirs = LogisticRegression(C=1 / (120 * 0.05), tol=1e-10, max_iter=1000).fit(X, response)
    assert np.allclose(fit.coefficients, theirs.coef_[0], rtol=0, atol=1e-5)
    assert -fit.cuts[0] == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_classes_that_a_column_parts_without_a_penalty_have_no_fit() -> None:
    X = np.arange(30.0)[:, None]
    grade = np.repeat([0.0, 1.0, 2.0], 10)
    with pytest.raises(BadCohort, match="no fit of ordered classes"):
        fit_odds(X, grade, 3, np.zeros(1))
    assert fit_odds(X, grade, 3, np.full(1, 0.1)).coefficients[0] > 0


def graded(patients: int = 200, seed: int = 3) -> tuple[Known, OutcomeTarget]:
    """Patients whose best response rests on what their response rests on."""
    data = known(patients, seed=seed, noise_columns=4)
    latent = data.log_odds + np.random.default_rng(seed).logistic(size=patients)
    return data, OutcomeTarget.of_grades(np.digitize(latent, (-1.5, 0.0, 1.8)).astype(np.float64))


@cache
def fitted_to_grades() -> Fitted:
    data, target = graded()
    return OrdinalOutcome().fit(data.table, target, data.columns, seed=1, replicates=6)


def engine_of(fit: Fitted) -> OrdinalEngine:
    assert isinstance(fit.engine, OrdinalEngine)
    return fit.engine


def test_classes_sum_up_to_the_response_that_is_answered() -> None:
    fit, (data, _) = fitted_to_grades(), graded()
    engine, X = engine_of(fit), DesignMatrix(fit.recipe.design).apply(fit.encode(data.table))
    told, scores = engine.class_probabilities(X), fit.predict(data.table)
    assert engine.classes == GRADES
    assert isinstance(scores, OutcomeScores)
    assert np.allclose(told.sum(axis=1), 1.0)
    assert np.allclose(told[:, 2:].sum(axis=1), scores.probability, rtol=0, atol=1e-12)
    assert "PD < SD < PR < CR" in fit.recipe.method
    assert "probability of PR or CR" in fit.recipe.method


def test_grades_of_new_patients_are_as_frequent_as_told() -> None:
    fit, (fresh, target) = fitted_to_grades(), graded(500, seed=78)
    assert target.grade is not None
    told = engine_of(fit).class_probabilities(DesignMatrix(fit.recipe.design).apply(fit.encode(fresh.table)))
    seen = np.bincount(target.grade.astype(int), minlength=4) / 500
    assert np.abs(told.mean(axis=0) - seen).max() < 0.08
    assert np.corrcoef(told @ np.arange(4), target.grade)[0, 1] > 0.4


def test_a_class_that_nobody_had_is_no_class_of_the_model() -> None:
    data, target = graded()
    assert target.grade is not None
    without = OutcomeTarget.of_grades(np.where(target.grade == 3, 2.0, target.grade))
    fit = OrdinalOutcome().fit(data.table, without, data.columns, seed=1, replicates=2)
    assert engine_of(fit).classes == ("PD", "SD", "PR")


def test_a_grade_that_denies_the_response_is_refused_and_dealing_anew_turns_it_round() -> None:
    with pytest.raises(BadCohort, match="PD, SD, PR, CR"):
        OutcomeTarget(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    with pytest.raises(BadCohort, match="PD, SD, PR, CR"):
        OutcomeTarget.of_grades(np.array([4.0, 0.0]))
    target = OutcomeTarget.of_grades(np.array([0.0, 1.0, 2.0, 3.0]))
    dealt = dealt_anew(target, np.array([True, True, True, False]))
    assert isinstance(dealt, OutcomeTarget)
    assert dealt.grade is not None
    assert dealt.grade.tolist() == [3.0, 2.0, 1.0, 3.0]
    assert dealt.response.tolist() == [1.0, 1.0, 0.0, 1.0]


def test_files_of_other_classes_are_refused() -> None:
    fit = fitted_to_grades()
    (content,) = fit.files().values()
    for old, new in (
        (b'"PD",\n  "SD"', b'"SD",\n  "PD"'),
        (b'"CR"', b'"NE"'),
        (b'  "PD",\n', b""),
        (b'"cuts": [', b'"cuts": [99.0,'),
        (b'"coefficients": [', b'"coefficients": [0.0,'),
    ):
        assert old in content
        with pytest.raises(BrokenFile):
            OrdinalOutcome().load(fit.recipe, {FILE: content.replace(old, new)}, fit.cohort)


def test_best_responses_of_a_table_are_responses_and_the_report_tells_of_each_class(tmp_path: Path) -> None:
    table = site_table(120)
    random = np.random.default_rng(1)
    best = np.where(table["pcr"] > 0, random.choice(["CR", "pr "], 120), random.choice(["SD", "PD", ""], 120))
    path = written(tmp_path, table.assign(best=best))
    asked = TableRequest(path, outcome="best", drop=("pcr", "months", "died"), therapy="arm")
    cohort, features = as_cohort(read_patients(asked))
    report, _ = fit(cohort, features, OrdinalOutcome(), Training("outcome", "ordinal", folds=2, progress=False))
    assert [one.name for one in report.grades] == list(GRADES)
    assert sum(one.patients for one in report.grades) == int((best != "").sum()) == report.patients
    assert sum(one.told for one in report.grades) == pytest.approx(1.0)
    assert report.positives == int(table["pcr"].sum())
    assert "| class | patients |" in card(report)
    path = written(tmp_path, table.assign(best=np.where(np.arange(120) == 4, "NE", best)))
    with pytest.raises(BadCohort, match="row 6"):
        read_patients(asked)
    assert len(read_patients(replace(asked, missing=("NE",))).rows) <= report.patients
