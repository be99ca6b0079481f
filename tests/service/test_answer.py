"""What models answer, as messages."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders.registry import write
from google.protobuf.json_format import MessageToDict

from models.answers import (
    Applicability,
    Contribution,
    Difference,
    Interval,
    LowerBound,
    Outcome,
    OutcomeSet,
    Prediction,
    Progression,
)
from models.effects.answers import Comparison, Effect, Estimated, Overlap, Reason
from models.load import load_model
from models.version import Model
from radresponse.v1 import prediction_pb2
from service.answer import MAIN_REASONS, difference_of, prediction_of

NAME = "progression-age"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("version") / "v1"
    return load_model(write(folder, NAME), NAME, "1")


CURVE = Progression(
    time_days=(0, 30, 60),
    survival=(1.0, 0.8, 0.7),
    lower=None,
    upper=None,
    median_days=None,
    median_interval=Interval(45.0, None, 0.9),
    restricted_mean_days=50.0,
    restricted_mean_interval=None,
    horizon_days=60.0,
)
PREDICTION = Prediction(
    therapy="",
    outcome=None,
    progression=CURVE,
    contributions=tuple(Contribution(f"c{one}", None, "", 14.0 - one, "log-odds of response") for one in range(14)),
    applicability=Applicability("unknown", 0.0, (), ()),
    notices=(),
)


def test_the_main_reasons_are_given_and_no_more(model: Model) -> None:
    message = prediction_of(model, PREDICTION)
    assert [reason.feature for reason in message.contributions] == [f"c{one}" for one in range(MAIN_REASONS)]
    assert not message.contributions[0].HasField("value")


def test_what_a_model_does_not_bring_is_absent_and_not_zero(model: Model) -> None:
    progression = prediction_of(model, PREDICTION).progression
    assert not progression.HasField("median_days")
    assert not progression.HasField("restricted_mean_days_interval")
    assert progression.median_days_interval.lower == 45.0
    assert not progression.median_days_interval.HasField("upper")
    assert not any(point.HasField("lower") or point.HasField("upper") for point in progression.survival)


def test_promises_come_over_and_are_absent_where_there_are_none(model: Model) -> None:
    assert not prediction_of(model, PREDICTION).progression.HasField("lower_bound")
    bounded = replace(CURVE, lower_bound=LowerBound(30.5, 0.9, 80))
    bound = prediction_of(model, replace(PREDICTION, progression=bounded)).progression.lower_bound
    assert bound == prediction_pb2.LowerBound(days=30.5, level=0.9, patients=80)
    plain, likely = Outcome(0.3, None), OutcomeSet(response=False, no_response=True, level=0.9, patients=70)
    outcome = replace(PREDICTION, progression=None, outcome=plain)
    assert not prediction_of(model, outcome).outcome.HasField("outcome_set")
    told = prediction_of(model, replace(outcome, outcome=replace(plain, likely=likely))).outcome.outcome_set
    assert told == prediction_pb2.OutcomeSet(response=False, no_response=True, level=0.9, patients=70)


def test_a_withheld_prediction_has_neither_outcome_nor_progression(model: Model) -> None:
    message = prediction_of(model, replace(PREDICTION, progression=None))
    assert message.WhichOneof("predicted") is None


@pytest.mark.parametrize("status", ["inside", "outside"])
def test_applicability_comes_over(model: Model, status: str) -> None:
    judged = Applicability(status, 0.25, ("a",), ("b",))  # type: ignore[arg-type]
    message = prediction_of(model, replace(PREDICTION, applicability=judged)).applicability
    wanted = prediction_pb2.ApplicabilityStatus.Value(f"APPLICABILITY_STATUS_{status.upper()}")
    assert message == prediction_pb2.Applicability(
        status=prediction_pb2.ApplicabilityStatus.Name(wanted),
        distance_percentile=0.25,
        outside_range=["a"],
        imputed=["b"],
    )


def test_percentiles_by_part_come_over_and_are_absent_where_there_are_none(model: Model) -> None:
    judged = Applicability("inside", 0.25, (), (), embedding_percentile=0.0, feature_percentile=0.5)
    message = prediction_of(model, replace(PREDICTION, applicability=judged)).applicability
    assert message.HasField("embedding_percentile") and message.embedding_percentile == 0.0
    assert message.feature_percentile == 0.5
    message = prediction_of(model, PREDICTION).applicability
    assert not message.HasField("embedding_percentile") and not message.HasField("feature_percentile")


def compared(*effects: Effect) -> Difference:
    overlap = Overlap(
        "weak" if effects else "refused", (Reason("NO_OVERLAP", "apart"),), 40, 60, 35.0, 50.0, 0.1, 0.9, ()
    )
    comparison = Comparison("new", "old", "", "observational", 0.9, overlap, effects)
    return Difference("new", "old", None, None, 30.0, Interval(-5.0, 65.0, 0.9), None, population=comparison)


def test_what_the_cohort_as_a_whole_says_goes_with_a_difference(model: Model) -> None:
    ends = Estimated(400.0, 380.0, 420.0), Estimated(380.0, 360.0, 400.0), Estimated(20.0, -4.0, 44.0)
    told = difference_of(model, compared(Effect("restricted_mean", 600.0, *ends, 1.6, 1.0, ()))).population
    assert told.overlap == prediction_pb2.OVERLAP_VERDICT_WEAK
    assert (told.difference, told.difference_interval.lower, told.difference_interval.upper) == (20.0, -4.0, 44.0)
    assert (told.horizon_days, told.e_value, told.e_value_of_limit) == (600.0, 1.6, 1.0)
    assert (told.option_patients, told.reference_patients, told.option_effective) == (40, 60, 35.0)
    assert told.evidence == "observational"
    assert MessageToDict(told)["reasons"] == [{"reason": "NO_OVERLAP", "message": "apart"}]


def test_a_refused_comparison_brings_its_reason_and_no_number(model: Model) -> None:
    told = difference_of(model, compared()).population
    assert told.overlap == prediction_pb2.OVERLAP_VERDICT_REFUSED
    assert MessageToDict(told)["reasons"] == [{"reason": "NO_OVERLAP", "message": "apart"}]
    for field in ("difference", "difference_interval", "horizon_days", "e_value", "e_value_of_limit"):
        assert not told.HasField(field)
    assert not difference_of(model, replace(compared(), population=None)).HasField("population")
