"""Requests at the edges of the contract: each gets one plain sentence and its field, and nothing hangs or echoes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import grpc
import pytest
from builders.cases import case, covariate, image_file, scan
from builders.registry import MEAN
from builders.serving import Service, refused, warnings_of
from google.protobuf.timestamp_pb2 import Timestamp

from radresponse.v1 import case_pb2, image_pb2, model_pb2, prediction_pb2

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
SUBJECT = "anna-secret-7"
LONG = "x" * 2**20
PSEUDONYM = "wanted a pseudonym of 1 to 128 letters, digits, '.', '_' and '-'"

Predict, Compare = prediction_pb2.PredictRequest, prediction_pb2.CompareTherapiesRequest
Extract = prediction_pb2.ExtractFeaturesRequest


def good(*scans: case_pb2.Scan, **more: object) -> case_pb2.Case:
    return case(*(scans or (scan(),)), **{"subject": SUBJECT, **more})  # type: ignore[arg-type]


def without(part: Literal["image", "segmentation"]) -> case_pb2.Scan:
    message = scan()
    message.ClearField(part)
    return message


def taken(seconds: int) -> case_pb2.Scan:
    message = scan()
    message.date.CopyFrom(Timestamp(seconds=seconds))
    return message


@dataclass(frozen=True)
class Odd:
    """One request, and how it must be refused."""

    request: Callable[[], object]
    field: str
    says: str
    code: grpc.StatusCode = INVALID
    reason: str = "BAD_FIELD"


ODD = {
    "nothing to predict": Odd(Predict, "case.subject", f"empty; {PSEUDONYM}"),
    "nothing to compare": Odd(Compare, "therapies", "0 to compare"),
    "nothing to extract": Odd(Extract, "case.subject", f"empty; {PSEUDONYM}"),
    "no name": Odd(model_pb2.GetModelRequest, "name", "empty; wanted the name of a model"),
    "no image to ask for": Odd(image_pb2.GetImageRequest, "subject", f"empty; {PSEUDONYM}"),
    "nobody to delete": Odd(image_pb2.DeleteSubjectRequest, "subject", f"empty; {PSEUDONYM}"),
    "no scan to extract from": Odd(
        lambda: Extract(case=case(subject=SUBJECT)), "case.scans", "none, and no columns are named"
    ),
    "an empty inline image": Odd(lambda: Predict(case=good(scan(b""))), "case.scans[0].image", "no file"),
    "no image": Odd(lambda: Predict(case=good(without("image"))), "case.scans[0].image", "no file"),
    "no segmentation": Odd(
        lambda: Predict(case=good(without("segmentation"))), "case.scans[0].segmentation", "no file"
    ),
    "an upper-case digest": Odd(
        lambda: Predict(case=good(scan("A" * 64))), "case.scans[0].image.digest", "wanted 64 lower-case hexadecimal"
    ),
    "a label below 1": Odd(
        lambda: Predict(case=good(scan(labels=[1, -5]))), "case.scans[0].labels[1]", "label -5; wanted 1 or more"
    ),
    "the largest label": Odd(
        lambda: Predict(case=good(scan(labels=[2**31 - 1]))),
        "case.scans[0].segmentation",
        "2147483647",
        reason="LABEL_NOT_FOUND",
    ),
    "a hundred thousand labels": Odd(
        lambda: Predict(case=good(scan(labels=range(1, 100_001)))),
        "case.scans[0].segmentation",
        "more; it has 1",
        reason="LABEL_NOT_FOUND",
    ),
    "one scan of the last day": Odd(
        lambda: Predict(case=good(scan(day=2**31 - 1))), "case.scans[0].day", "wanted day 0", reason="BAD_SCAN_DATE"
    ),
    "a date beyond the calendar": Odd(
        lambda: Predict(case=good(taken(10**12))), "case.scans[0].date", "outside the years 1 to 9999"
    ),
    "a day and a date": Odd(
        lambda: Predict(case=good(scan(day=0), taken(10**9))), "case.scans[1].date", "for all", reason="BAD_SCAN_DATE"
    ),
    "too many scans": Odd(
        lambda: Predict(case=good(*(scan(day=day) for day in range(33)))), "case.scans", "33 scans; at most 32"
    ),
    "a modality of another contract": Odd(
        lambda: Predict(case=good(scan(modality=99))),  # type: ignore[arg-type]
        "case.scans[0].modality",
        "MODALITY_CT",
    ),
    "a covariate that is not a number": Odd(
        lambda: Predict(case=good(covariates={"age_years": math.nan})), "case.covariates.age_years", "finite"
    ),
    "a covariate without a value": Odd(
        lambda: Predict(case=case_pb2.Case(subject=SUBJECT, covariates={"age_years": case_pb2.Covariate()})),
        "case.covariates.age_years",
        "no value; wanted a number or a category",
    ),
    "a covariate with the column's prefix": Odd(
        lambda: Predict(case=good(covariates={"clinical.age_years": 61.0})),
        "case.covariates.clinical.age_years",
        "wanted without the prefix: age_years",
    ),
    "a covariate's name with a new line": Odd(
        lambda: Predict(case=good(covariates={"a\nERROR": 1.0})), "case.covariates", "a name of another form"
    ),
    "a feature that is infinite": Odd(
        lambda: Predict(case=good(features={MEAN.name: math.inf})), f"case.features.{MEAN.name}", "finite"
    ),
    "a therapy with a new line": Odd(
        lambda: Predict(case=good(), therapies=["chemo\nERROR"]),
        "therapies[0]",
        r"'chemo\nERROR' is not known",
        reason="UNKNOWN_THERAPY",
    ),
    "an empty therapy": Odd(lambda: Predict(case=good(), therapies=[""]), "therapies[0]", "empty; wanted a name"),
    "a long subject": Odd(
        lambda: Predict(case=good(subject=LONG)), "case.subject", f"1048576 characters of another form; {PSEUDONYM}"
    ),
    "a long series": Odd(lambda: Predict(case=good(scan(series=LONG))), "case.scans[0].series", "wanted 1 to 32"),
    "a long digest": Odd(lambda: Predict(case=good(scan(LONG))), "case.scans[0].image.digest", "1048576 characters"),
    "a long covariate": Odd(lambda: Predict(case=good(covariates={LONG: 1.0})), "case.covariates", "1 to 128"),
    "a long category": Odd(
        lambda: Predict(case=good(covariates={"age_years": 61.0, "sex": LONG})),
        "case.covariates.sex",
        "wanted female, male",
        reason="UNKNOWN_CATEGORY",
    ),
    "a long feature": Odd(lambda: Predict(case=good(features={LONG: 1.0})), "case.features", "another form"),
    "a long therapy": Odd(
        lambda: Predict(case=good(), therapies=[LONG]),
        "therapies[0]",
        "known: chemotherapy, immunotherapy",
        reason="UNKNOWN_THERAPY",
    ),
    "a long model": Odd(
        lambda: Predict(case=good(), models=[LONG]), "models[0]", "outcome-xgboost", NOT_FOUND, "MODEL_NOT_FOUND"
    ),
    "a long reference": Odd(
        lambda: Compare(case=good(), therapies=["chemotherapy", "immunotherapy"], reference_therapy=LONG),
        "reference_therapy",
        "not among the therapies",
    ),
    "a long column": Odd(
        lambda: Extract(
            case=good(), columns=["measure.ct.baseline.all.count", f"radiomics.ct.baseline.largest.{LONG}"]
        ),
        "columns[1]",
        "wants a pyradiomics name",
        reason="UNKNOWN_COLUMN",
    ),
    "a long profile": Odd(lambda: Extract(case=good(), profile=LONG), "profile", "at most 65536"),
    "a profile of brackets": Odd(
        lambda: Extract(case=good(), profile="[" * 60_000), "profile", "too deeply", reason="BAD_PROFILE"
    ),
    "a model that is not there": Odd(
        lambda: model_pb2.GetModelRequest(name=LONG), "name", "outcome-xgboost", NOT_FOUND, "MODEL_NOT_FOUND"
    ),
}


def method_of(service: Service, request: object) -> Callable[..., object]:
    methods: dict[type, Callable[..., object]] = {
        Predict: service.predict,
        Compare: service.compare,
        Extract: service.extract,
        model_pb2.GetModelRequest: service.get_model,
        image_pb2.GetImageRequest: service.image,
        image_pb2.DeleteSubjectRequest: service.delete,
    }
    return methods[type(request)]


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_request_is_refused_in_one_sentence_by_its_field(service: Service, kind: str) -> None:
    odd = ODD[kind]
    request = odd.request()
    error = refused(method_of(service, request), request, SUBJECT)
    assert (error.code, error.reason, error.fields) == (odd.code, odd.reason, (odd.field,))
    assert odd.says in error.message
    assert len(error.message) < 600
    assert "\n" not in error.message


def test_much_that_no_model_takes_is_named_in_part(service: Service) -> None:
    many = {f"x{number}": 1.0 for number in range(10_000)}
    request = Predict(case=good(features=many))
    for name in (*many, "age_years"):
        request.case.covariates[name].CopyFrom(covariate(61.0))
    answer = service.predict(request)
    for reason in ("UNKNOWN_COVARIATE", "UNUSED_FEATURE"):
        (message,) = warnings_of(answer, reason)
        assert message.endswith("x0, x1, x10, x100, x1000 and 9995 more")


def test_a_later_scan_may_be_of_the_last_day(service: Service) -> None:
    far = good(scan(day=0), scan(image_file(8), day=2**31 - 1))
    column = MEAN.name.replace("baseline", "delta")
    assert service.extract(Extract(case=far, columns=[column])).features[column] != 0


def test_zero_is_a_value_and_absence_is_none(service: Service) -> None:
    told = service.predict(Predict(case=good(features={MEAN.name: 0.0}), models=["outcome-xgboost"]))
    reasons = {one.feature: one for one in told.predictions[0].contributions}
    assert reasons[MEAN.name].HasField("value")
    assert reasons[MEAN.name].value == 0.0
    unsexed = service.predict(Predict(case=good(covariates={"age_years": 61.0}), models=["outcome-xgboost"]))
    reasons = {one.feature: one for one in unsexed.predictions[0].contributions}
    assert not reasons["clinical.sex"].HasField("value")


def test_what_no_model_can_answer_names_the_one_that_lacks_an_input(service: Service) -> None:
    error = refused(service.predict, Predict(case=case(covariates={}, subject=SUBJECT)), SUBJECT)
    assert error.message == (
        "none of 4 models can answer; outcome-pet: the model needs clinical.age_years, a pt scan, which the case does "
        "not have"
    )
    named = Predict(case=case(covariates={}, subject=SUBJECT), models=["outcome-xgboost"])
    assert refused(service.predict, named, SUBJECT).message.startswith("outcome-xgboost: the model needs ")
