"""One contract for every family, found by the code: a new one joins by being in `FAMILIES`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.interval_coverage import coverage
from builders.tables import TEXTURE, THERAPIES, known
from builders.versions import cohort, fitted, loaded, values_of

from models.answers import Prediction
from models.errors import BadCohort, MissingColumn, OutOfRange, UnknownCategory, UnknownTherapy, WrongType
from models.families.all import FAMILIES, family_of
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.families.target import OutcomeTarget, ProgressionTarget, Task
from models.version import Model

EVERY = sorted(FAMILIES)
every_family = pytest.mark.parametrize(("task", "family"), EVERY, ids=["-".join(key) for key in EVERY])


@pytest.fixture(params=EVERY, ids=["-".join(key) for key in EVERY])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Model]:
    yield loaded(tmp_path / "version", *request.param)


def additive(fit: Fitted) -> np.ndarray:
    """What contributions add up to, for the training patients."""
    scores = fit.predict(cohort().table)
    return scores.log_odds if isinstance(scores, OutcomeScores) else scores.risk


@every_family
def test_loaded_answers_as_fitted_to_the_bit(task: Task, family: str) -> None:
    fit = fitted(task, family)
    again = family_of(task, family).load(fit.recipe, fit.files(), fit.cohort)
    assert again.files() == fit.files()
    before, after = fit.predict(cohort().table), again.predict(cohort().table)
    if isinstance(before, OutcomeScores) and isinstance(after, OutcomeScores):
        assert np.array_equal(before.log_odds, after.log_odds)
    else:
        assert isinstance(before, ProgressionScores) and isinstance(after, ProgressionScores)
        assert np.array_equal(before.cumulative_hazard, after.cumulative_hazard)
    assert np.array_equal(before.replicates, after.replicates)
    rows = fit.encode(cohort().table)
    assert np.array_equal(fit.contributions(rows), again.contributions(rows))


@every_family
def test_the_same_seed_gives_the_same_files(task: Task, family: str) -> None:
    first, data = fitted(task, family), cohort()
    again = family_of(task, family).fit(data.table, data.target(task), data.columns, seed=5, replicates=6)
    assert first.files() == again.files()
    assert first.recipe == again.recipe


def test_the_same_question_gets_the_same_answer_from_many_threads(model: Model) -> None:
    questions = [values_of(model, row) for row in range(20)]
    alone = [model.predict(values, reference=THERAPIES[0]) for values in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda values: model.predict(values, reference=THERAPIES[0]), questions * 5))
    assert together == alone * 5


def test_curves_start_at_1_and_never_rise_and_intervals_hold_their_estimate(model: Model) -> None:
    for row in range(15):
        answer = model.predict(values_of(model, row), reference=THERAPIES[1])
        for prediction in answer.predictions:
            _check(prediction)
        for difference in answer.differences:
            for value, interval in (
                (difference.probability, difference.probability_interval),
                (difference.restricted_mean_days, difference.restricted_mean_interval),
            ):
                if value is not None:
                    assert interval is not None and interval.lower is not None and interval.upper is not None
                    assert interval.lower <= value <= interval.upper


def _check(prediction: Prediction) -> None:
    if prediction.outcome is not None:
        assert prediction.progression is None
        interval = prediction.outcome.interval
        assert interval is not None and interval.lower is not None and interval.upper is not None
        assert 0 < interval.lower < prediction.outcome.probability < interval.upper < 1
        return
    curve = prediction.progression
    assert curve is not None and curve.lower is not None and curve.upper is not None
    assert curve.time_days[0] == 0 and curve.survival[0] == curve.lower[0] == curve.upper[0] == 1.0
    assert curve.horizon_days == curve.time_days[-1]
    for values in (curve.survival, curve.lower, curve.upper):
        assert all(later <= sooner for sooner, later in pairwise(values))
        assert all(0 <= value <= 1 for value in values)
    assert all(a <= b <= c for a, b, c in zip(curve.lower, curve.survival, curve.upper, strict=True))
    means = curve.restricted_mean_interval
    assert means is not None and means.lower is not None and means.upper is not None
    assert 0 <= means.lower <= curve.restricted_mean_days <= means.upper <= curve.horizon_days
    if curve.median_days is not None:
        assert curve.median_interval is not None and curve.median_interval.lower is not None
        assert curve.median_interval.lower <= curve.median_days
        assert curve.median_interval.upper is None or curve.median_days <= curve.median_interval.upper


def test_another_image_changes_the_answer(model: Model) -> None:
    before = model.predict(values_of(model) | {TEXTURE: 25.0})
    after = model.predict(values_of(model) | {TEXTURE: 60.0})
    for one, other in zip(before.predictions, after.predictions, strict=True):
        assert (one.outcome, one.progression) != (other.outcome, other.progression)


def test_therapies_differ_and_a_predictive_feature_changes_by_how_much(model: Model) -> None:
    """Texture acts more strongly under immunotherapy in the truth."""

    def advantage(texture: float) -> float:
        answer = model.predict(values_of(model) | {TEXTURE: texture}, reference="chemotherapy")
        (against,) = [one for one in answer.differences if one.therapy == "immunotherapy"]
        value = against.probability if model.task == "outcome" else against.restricted_mean_days
        assert value is not None
        return value

    assert advantage(55.0) != 0.0
    assert advantage(55.0) != advantage(25.0)


@every_family
def test_contributions_add_up_to_the_prediction(task: Task, family: str) -> None:
    fit = fitted(task, family)
    shares = fit.contributions(fit.encode(cohort().table)).sum(axis=1)
    expected = additive(fit) - additive(fit).mean()
    trees = family.startswith(("xgboost", "blend"))
    tolerance = 1e-5 if trees else 0.01 * expected.std() if family == "fusion" else 1e-9
    assert np.allclose(shares, expected, rtol=0, atol=tolerance)
    assert expected.std() > 0.1


@every_family
def test_what_is_true_is_found(task: Task, family: str) -> None:
    fresh = known(400, seed=77, noise_columns=4)
    scores = fitted(task, family).predict(fresh.table)
    seen = scores.log_odds if isinstance(scores, OutcomeScores) else scores.risk
    truth = fresh.log_odds if task == "outcome" else fresh.log_hazard
    # A third of the patients teaches a model of one therapy, and here therapies differ little.
    assert np.corrcoef(seen, truth)[0, 1] > (0.5 if family.endswith("_by_therapy") else 0.65)


@every_family
def test_intervals_hold_the_truth_of_new_patients(task: Task, family: str) -> None:
    """On average, at this size; `builders/interval_coverage.py` gives the figures for larger ones."""
    estimate, difference = coverage(fitted(task, family), known(300, seed=41, noise_columns=4))
    assert 0.7 < estimate <= 1.0
    assert 0.6 < difference <= 1.0


@every_family
def test_a_cohort_without_therapies_makes_a_model_that_answers_once(task: Task, family: str, tmp_path: Path) -> None:
    model = loaded(tmp_path / "version", task, family, therapy=False)
    assert model.therapies == ()
    (prediction,) = model.predict(values_of(model, therapy=False)).predictions
    assert prediction.therapy == ""
    assert "therapy" not in [reason.column for reason in prediction.contributions]
    with pytest.raises(UnknownTherapy, match="knows no therapy"):
        model.predict(values_of(model, therapy=False), ["chemotherapy"])


@every_family
def test_at_most_64_columns_reach_an_engine(task: Task, family: str) -> None:
    data = known(80, seed=4, noise_columns=150)
    fit = family_of(task, family).fit(data.table, data.target(task), data.columns, seed=1, replicates=0)
    assert len(fit.recipe.design.terms) <= 64
    assert "at most 64" in fit.recipe.method
    assert fit.predict(data.table).replicates.shape[0] == 0


@every_family
def test_a_fit_tells_its_caller_between_steps(task: Task, family: str) -> None:
    class Stopped(Exception):
        pass

    def check() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        family_of(task, family).fit(
            cohort().table, cohort().target(task), cohort().columns, seed=1, replicates=2, check=check
        )


@every_family
def test_a_cohort_that_teaches_nothing_is_refused(task: Task, family: str) -> None:
    data = known(40, seed=1, noise_columns=0)
    flat = OutcomeTarget(np.ones(40)) if task == "outcome" else ProgressionTarget(np.full(40, 9.0), np.zeros(40, bool))
    fit = family_of(task, family).fit
    with pytest.raises(BadCohort, match="wanted at least"):
        fit(data.table, flat, data.columns, seed=1)
    with pytest.raises(BadCohort, match="rows and"):
        fit(data.table.head(30), data.target(task), data.columns, seed=1)
    with pytest.raises(BadCohort):
        fit(data.table, data.progression if task == "outcome" else data.outcome, data.columns, seed=1)
    with pytest.raises(BadCohort, match="no therapy"):
        fit(
            data.table.assign(therapy=pd.Series(["a", None] * 20, dtype=object)),
            data.target(task),
            data.columns,
            seed=1,
        )
    with pytest.raises(BadCohort, match="no column varies"):
        fit(
            data.table.assign(**{TEXTURE: 1.0}),
            data.target(task),
            [c for c in data.columns if c.name == TEXTURE],
            seed=1,
        )


def test_every_bad_input_is_refused_by_name(model: Model) -> None:
    good = values_of(model)
    cases: list[tuple[type[Exception], dict[str, float | str | None], str]] = [
        (MissingColumn, {"clinical.age_years": None}, "clinical.age_years"),
        (WrongType, {"clinical.age_years": "old"}, "a number in years"),
        (WrongType, {"clinical.age_years": True}, "a number"),
        (WrongType, {"clinical.sex": 1.0}, "female, male"),
        (UnknownCategory, {"clinical.sex": "Female"}, "female, male"),
        (OutOfRange, {"clinical.age_years": 17.9}, "17.9 was given; wanted 18 to 110 years"),
        (OutOfRange, {"clinical.age_years": 1e9}, "18 to 110 years"),
        (OutOfRange, {"clinical.age_years": float("nan")}, "finite"),
        (OutOfRange, {"clinical.age_years": float("inf")}, "finite"),
    ]
    for error, change, words in cases:
        with pytest.raises(error, match=words) as caught:
            model.predict(values_of(model, changes=change))
        (name,) = change
        assert caught.value.place == "case.covariates." + name.removeprefix("clinical.")  # type: ignore[attr-defined]
    with pytest.raises(OutOfRange) as image:
        model.predict(good | {TEXTURE: float("nan")})
    assert image.value.place == f"case.features.{TEXTURE}"
    with pytest.raises(UnknownTherapy, match="chemotherapy, immunotherapy, targeted") as therapy:
        model.predict(good, ["chemotherapy", "surgery"])
    assert therapy.value.place == "therapies[1]"
    assert model.predict(good) == model.predict(good | {"clinical.unrelated": 3.0})
