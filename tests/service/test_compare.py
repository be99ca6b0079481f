"""CompareTherapies, over a real server: every option by one set of versions, against a reference."""

import grpc
import pytest
from builders.cases import case, image_file, mask_file, scan
from builders.registry import THERAPIES
from builders.serving import Service, refused, warnings_of

from radresponse.v1 import prediction_pb2

ONE = case(scan(image_file(), mask_file()))
CHEMOTHERAPY, IMMUNOTHERAPY = THERAPIES


def compare(service: Service, **asked: object) -> prediction_pb2.CompareTherapiesResponse:
    request = {"case": ONE, "therapies": THERAPIES, **asked}
    return service.compare(prediction_pb2.CompareTherapiesRequest(**request))  # type: ignore[arg-type]


def test_options_stand_in_the_order_asked_against_the_first_one(service: Service) -> None:
    answer = compare(service, therapies=[IMMUNOTHERAPY, CHEMOTHERAPY])
    assert [option.therapy for option in answer.options] == [IMMUNOTHERAPY, CHEMOTHERAPY]
    assert answer.reference_therapy == IMMUNOTHERAPY
    for option in answer.options:
        assert [one.model.name for one in option.predictions] == ["outcome-xgboost", "progression-cox"]
        assert {one.therapy for one in option.predictions} == {option.therapy}
    assert not answer.options[0].differences
    assert [one.model.name for one in answer.options[1].differences] == ["outcome-xgboost", "progression-cox"]


def test_a_difference_is_the_option_minus_the_reference(service: Service) -> None:
    answer = compare(service, reference_therapy=CHEMOTHERAPY)
    assert answer.reference_therapy == CHEMOTHERAPY
    reference, option = answer.options
    (outcome, progression), (before, after) = reference.predictions, option.predictions
    of_outcome, of_progression = option.differences
    assert of_outcome.probability == pytest.approx(before.outcome.probability - outcome.outcome.probability)
    assert of_outcome.probability > 0, "immunotherapy is better in the made-up cohort"
    assert of_outcome.probability_interval.lower <= of_outcome.probability <= of_outcome.probability_interval.upper
    assert not of_outcome.HasField("restricted_mean_days")
    assert of_progression.restricted_mean_days == pytest.approx(
        after.progression.restricted_mean_days - progression.progression.restricted_mean_days
    )
    assert not of_progression.HasField("probability")
    for difference in option.differences:
        assert (difference.reference_therapy, difference.evidence) == (CHEMOTHERAPY, "simulated")


def test_an_option_says_what_predict_says(service: Service) -> None:
    answer = compare(service)
    predicted = service.predict(prediction_pb2.PredictRequest(case=ONE, therapies=THERAPIES))
    compared = [one for option in answer.options for one in option.predictions]
    for one in predicted.predictions:
        assert one in compared or not one.therapy
    assert answer.provenance.input_digest != predicted.provenance.input_digest  # one model more answered there
    assert (
        compare(service, models=["progression-cox"]).provenance.input_digest
        == service.predict(prediction_pb2.PredictRequest(case=ONE, models=["progression-cox"])).provenance.input_digest
    )


def test_a_model_that_knows_no_therapy_is_left_out(service: Service) -> None:
    warnings = warnings_of(compare(service), "MODEL_LEFT_OUT")
    assert [message.split()[0] for message in warnings] == ["outcome-pet", "progression-age"]
    assert "no therapy" in warnings[1]


def test_a_model_that_knows_no_therapy_is_refused_by_name(service: Service) -> None:
    request = prediction_pb2.CompareTherapiesRequest(
        case=ONE, therapies=THERAPIES, models=["outcome-xgboost", "progression-age"]
    )
    error = refused(service.compare, request, ONE.subject)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_THERAPY")
    assert error.fields == ("models[1]",)


def test_the_same_comparison_gets_the_same_bytes(service: Service) -> None:
    first, second = compare(service), compare(service)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
