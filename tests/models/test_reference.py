"""What an answer tells of the training cohort: percentiles as SciPy has them, near neighbours, no patient's row."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.versions import cohort, fitted, loaded, reference, values_of
from lifelines.utils import survival_table_from_events
from scipy.stats import percentileofscore

from models.answers import SimilarPatient
from models.errors import BrokenFile
from models.families.target import OutcomeTarget, ProgressionTarget
from models.reference import FEWEST, Neighbourhood, describe, read_reference, write_reference


def test_a_percentile_is_what_scipy_says() -> None:
    model, told = fitted("outcome", "xgboost"), reference("outcome", "xgboost")
    for index, spec in enumerate(model.recipe.columns):
        if spec.kind != "number":
            assert told.percentile(index, 0.0) is None
            continue
        seen = np.asarray(cohort().table[spec.name].dropna(), dtype=np.float64)
        for value in [
            *np.quantile(seen, [0.03, 0.31, 0.77]),
            float(seen[4]),
            float(seen.min()) - 1,
            float(seen.max()) + 1,
        ]:
            found = told.percentile(index, float(value))
            assert found == pytest.approx(
                percentileofscore(seen, value, kind="mean") / 100, abs=0.04
            )  # one block in 27


def test_of_tied_values_a_percentile_is_the_middle() -> None:
    model = fitted("outcome", "xgboost")
    index = next(index for index, spec in enumerate(model.recipe.columns) if spec.name == "clinical.age_years")
    rows = model.encode(cohort().table)
    rows[:, index] = np.repeat([40.0, 60.0, 80.0], len(rows) // 3)
    told = describe(model.recipe.design, rows, cohort().outcome, np.random.default_rng(0))
    assert told.percentile(index, 60.0) == pytest.approx(0.5, abs=0.01)
    assert told.percentile(index, 30.0) == 0.0
    assert told.percentile(index, 90.0) == 1.0


def test_numbers_at_risk_are_lifelines() -> None:
    model = fitted("progression", "cox")
    target = cohort().progression
    weeks = ProgressionTarget(np.ceil(target.time_days / 7) * 7, target.event)
    told = describe(model.recipe.design, model.encode(cohort().table), weeks, np.random.default_rng(0))
    for code, therapy in enumerate(model.recipe.therapies):
        given = np.asarray(cohort().table["therapy"] == therapy)
        table = survival_table_from_events(weeks.time_days[given], weeks.event[given])
        days = tuple(int(day) for day in table.index)
        assert told.at_risk(code, days) == tuple(table["at_risk"])
    assert reference("outcome", "xgboost").at_risk(0, (0, 100)) is None


def test_the_patient_most_like_a_training_patient_is_that_patient() -> None:
    model = fitted("outcome", "xgboost")
    rows, response = model.encode(cohort().table), cohort().outcome.response
    finder = Neighbourhood(reference("outcome", "xgboost"), model.recipe.design, model.recipe.therapies)
    for row in range(0, 150, 10):
        nearest = finder.nearest(rows[row], 3)
        assert nearest[0].distance < 0.01
        assert nearest[0].responded == bool(response[row])
        assert nearest[0].therapy == cohort().table["therapy"].iloc[row]
        assert [one.distance for one in nearest] == sorted(one.distance for one in nearest)


def test_a_typical_distance_is_about_one() -> None:
    model = fitted("outcome", "xgboost")
    rows = model.encode(cohort().table)
    finder = Neighbourhood(reference("outcome", "xgboost"), model.recipe.design, model.recipe.therapies)
    distances = [one.distance for row in rows for one in finder.nearest(row, len(rows))]
    assert np.sqrt(np.mean(np.square(distances))) == pytest.approx(1.0, abs=0.01)


def test_a_model_of_progression_tells_how_long_its_patients_were_followed(tmp_path: Path) -> None:
    model = loaded(tmp_path / "model", "progression", "cox")
    found = model.similar(values_of(model, 4))
    assert len(found) == 10
    target = cohort().progression
    assert found[0] == SimilarPatient(
        distance=found[0].distance,
        therapy=cohort().table["therapy"].iloc[4],
        responded=None,
        time_days=int(np.ceil(target.time_days[4] / 7) * 7),
        event=bool(target.event[4]),
    )
    assert found[0].distance < 0.01


def test_answers_carry_percentiles_groups_and_numbers_at_risk(tmp_path: Path) -> None:
    model = loaded(tmp_path / "model", "progression", "cox")
    answer = model.predict(values_of(model))
    for code, prediction in enumerate(answer.predictions):
        assert prediction.progression is not None
        assert prediction.progression.at_risk is not None
        assert prediction.progression.at_risk[0] == (cohort().table["therapy"] == model.therapies[code]).sum()
        assert list(prediction.progression.at_risk) == sorted(prediction.progression.at_risk, reverse=True)
        total = sum(reason.contribution for reason in prediction.contributions)
        assert sum(group.contribution for group in prediction.groups) == pytest.approx(total)
        numbers = {spec.name for spec in model.columns if spec.kind == "number"}
        for reason in prediction.contributions:
            assert (reason.percentile is not None) == (reason.column in numbers and reason.value is not None)


def test_a_version_that_tells_nothing_predicts_the_same(tmp_path: Path) -> None:
    telling = loaded(tmp_path / "model", "outcome", "xgboost")
    silent = replace(telling, reference=None)
    one, other = (model.predict(values_of(telling)).predictions[0] for model in (telling, silent))
    assert one.outcome == other.outcome
    assert {reason.percentile for reason in other.contributions} == {None}
    assert silent.similar(values_of(telling)) == ()


def test_of_a_small_cohort_no_patient_is_shown() -> None:
    model, few = fitted("outcome", "xgboost"), FEWEST - 1
    rows = model.encode(cohort().table)[:few]
    told = describe(model.recipe.design, rows, OutcomeTarget(cohort().outcome.response[:few]), np.random.default_rng(0))
    assert Neighbourhood(told, model.recipe.design, model.recipe.therapies).nearest(rows[0]) == ()


def test_no_row_of_the_table_can_be_read_from_the_file() -> None:
    content = write_reference(reference("outcome", "xgboost"))
    places = json.loads(content)["places"]
    assert {len(place) for place in places} == {8}
    assert all(round(number, 2) == number for place in places for number in place)
    model = fitted("outcome", "xgboost")
    order = Neighbourhood(read_reference(content), model.recipe.design, model.recipe.therapies)
    rows = model.encode(cohort().table)
    assert order.nearest(rows[0], 1)[0].distance < 0.01
    responded = json.loads(content)["followed"]["responded"]
    assert responded != [bool(one) for one in cohort().outcome.response], "the order of the cohort is not kept"
    assert sorted(responded) == sorted(bool(one) for one in cohort().outcome.response)


def test_the_file_comes_back_as_it_was() -> None:
    for task, family in (("outcome", "xgboost"), ("progression", "cox")):
        told = reference(task, family)  # type: ignore[arg-type]
        assert read_reference(write_reference(told)) == told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"responded": [', b'"responded": [true,'),
        (b'"weeks": []', b'"weeks": [3]'),
        (b'"places": [', b'"places": [[1.0],'),
        (b'"ladders": [', b'"ladders": [[2.0, 1.0, 3.0],'),
        (b'"therapy": [', b'"therapy": ["x",'),
    ],
)
def test_a_damaged_file_is_refused(old: bytes, new: bytes) -> None:
    content = write_reference(reference("outcome", "xgboost"))
    assert old in content
    with pytest.raises(BrokenFile):
        read_reference(content.replace(old, new, 1))
