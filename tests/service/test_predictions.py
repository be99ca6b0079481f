"""Predict, over a real server: what each model says of each therapy, and what made the answer."""

import hashlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import grpc
import numpy as np
import pytest
from builders.cases import case, file_of, image_file, mask_file, scan
from builders.registry import AGE, CONTRAST, CT_MODEL, MEAN, THERAPIES, VOLUME, facts_of, patients, write
from builders.releases import put
from builders.serving import Service, refused, serving, warnings_of
from builders.tumours import ball
from prometheus_client import generate_latest

from features.case import Case, Scan, Source
from features.compute import compute
from features.profile import DEFAULT_PROFILE
from features.radiomics import ENGINE
from models.families.xgboost_outcome import XGBoostOutcome
from models.load import load_model
from models.package import write_version
from models.registry import Registry
from radresponse.v1 import case_pb2, image_pb2, model_pb2, prediction_pb2
from service.settings import Settings
from service.version import VERSION

SUBJECT = "subject-1"
IMAGE, MASK = image_file(), mask_file()
COLUMNS = [VOLUME.name, MEAN.name, CONTRAST.name]


def ask(
    service: Service,
    one: case_pb2.Case | None = None,
    models: tuple[str, ...] = (),
    therapies: tuple[str, ...] = (),
) -> prediction_pb2.PredictResponse:
    one = case(scan(IMAGE, MASK)) if one is None else one
    return service.predict(prediction_pb2.PredictRequest(case=one, models=models, therapies=therapies))


def probabilities(answer: prediction_pb2.PredictResponse) -> list[float]:
    return [
        prediction.outcome.probability
        for prediction in answer.predictions
        if prediction.WhichOneof("predicted") == "outcome"
    ]


def test_all_models_that_fit_answer_for_all_their_therapies(service: Service) -> None:
    answer = ask(service)
    assert [(one.model.name, one.therapy) for one in answer.predictions] == [
        ("outcome-xgboost", "chemotherapy"),
        ("outcome-xgboost", "immunotherapy"),
        ("progression-age", ""),
        ("progression-cox", "chemotherapy"),
        ("progression-cox", "immunotherapy"),
    ]
    assert warnings_of(answer, "MODEL_LEFT_OUT") == [
        "outcome-pet does not answer: the model needs a pt scan, which the case does not have"
    ]


def test_an_answer_says_what_the_model_itself_says(service: Service, registry_folder: Path, tmp_path: Path) -> None:
    name = "outcome-xgboost"
    model = load_model(Registry(data_folder=registry_folder).fetch(name, "1", tmp_path / "v1"), name, "1")
    taken = Case((Scan("ct", 0, Source.of(IMAGE), Source.of(MASK)),))
    features = compute(taken, COLUMNS, profile=DEFAULT_PROFILE).values
    truth = model.predict({"clinical.age_years": 61.0, "clinical.sex": "female", **features})
    answer = ask(service, models=(name,))
    for one, said in zip(answer.predictions, truth.predictions, strict=True):
        assert said.outcome is not None and said.outcome.interval is not None
        assert one.therapy == said.therapy
        assert one.outcome.probability == said.outcome.probability
        assert one.outcome.endpoint == "response (RECIST 1.1)"
        interval = one.outcome.probability_interval
        assert (interval.lower, interval.upper) == (said.outcome.interval.lower, said.outcome.interval.upper)
        assert 0 <= interval.lower <= one.outcome.probability <= interval.upper <= 1
        assert [reason.feature for reason in one.contributions] == [reason.column for reason in said.contributions]
        values = {reason.feature: reason.value for reason in one.contributions if reason.HasField("value")}
        assert values == {AGE.name: 61.0, **features}
        categories = {reason.feature: reason.category for reason in one.contributions if reason.category}
        assert categories == {"clinical.sex": "female", "therapy": one.therapy}
        assert one.applicability.status == prediction_pb2.APPLICABILITY_STATUS_INSIDE
        assert warnings_of(one, "SIMULATED_TRAINING_COHORT")


def test_a_survival_curve_starts_at_one_and_never_rises(service: Service) -> None:
    for one in ask(service, models=("progression-cox", "progression-age")).predictions:
        progression = one.progression
        curve = [point.survival for point in progression.survival]
        assert (progression.survival[0].time_days, curve[0]) == (0, 1.0)
        assert all(later <= earlier for earlier, later in pairwise(curve))
        assert all(point.lower <= point.survival <= point.upper for point in progression.survival)
        assert progression.HasField("median_days") == (min(curve) <= 0.5)
        assert 0 < progression.restricted_mean_days <= progression.horizon_days
        assert progression.endpoint == "progression or death"


def test_only_named_models_and_therapies_answer_in_the_order_asked(service: Service) -> None:
    models, therapies = ("progression-cox", "outcome-xgboost"), tuple(reversed(THERAPIES))
    answer = ask(service, models=models, therapies=therapies)
    assert [(one.model.name, one.therapy) for one in answer.predictions] == [
        (name, therapy) for name in models for therapy in therapies
    ]
    assert not warnings_of(answer, "MODEL_LEFT_OUT")


@pytest.mark.parametrize("other", ["texture", "intensity", "size"])
def test_another_image_or_mask_changes_the_probability(service: Service, other: str) -> None:
    changed = {
        "texture": scan(
            image_file(image=np.random.default_rng(1).normal(100, 8, (12, 24, 24)).astype(np.float32)), MASK
        ),
        "intensity": scan(image_file(seed=7, scale=1.6), MASK),
        "size": scan(IMAGE, mask_file(radius=5.5)),
    }[other]
    before, after = probabilities(ask(service)), probabilities(ask(service, case(changed)))
    assert len(before) == len(after) == 2
    assert all(abs(one - two) > 1e-4 for one, two in zip(before, after, strict=True))
    assert all(0 < one < 1 for one in before + after)


def test_the_same_request_gets_the_same_bytes(service: Service, registry_folder: Path, tmp_path: Path) -> None:
    first, second = ask(service), ask(service)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    key = service.server.settings.audit_key  # so that both number their answers alike
    settings = Settings(port=0, data_folder=tmp_path, registry_uri=uri, workers=1, audit_key_file=key)
    with serving(settings) as another:
        third = ask(another)
        assert first.SerializeToString(deterministic=True) == third.SerializeToString(deterministic=True)
        assert on_the_wire(service) == on_the_wire(another)
        assert len(on_the_wire(service)) == 1


def on_the_wire(service: Service) -> set[bytes]:
    """An answer with maps, as its bytes come, of several callers at once."""
    request = prediction_pb2.ExtractFeaturesRequest(case=case(scan(IMAGE, MASK))).SerializeToString()
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = service.channel.unary_unary(
        "/radresponse.v1.PredictionService/ExtractFeatures"
    )
    with ThreadPoolExecutor(4) as callers:
        return set(callers.map(lambda _: bytes(call(request)), range(8)))


def test_an_answer_says_what_made_it(service: Service) -> None:
    answer = ask(service)
    made = answer.provenance
    served = {
        model.reference.name: model.reference for model in service.list_models(model_pb2.ListModelsRequest()).models
    }
    assert list(made.models) == [served[name] for name in ("outcome-xgboost", "progression-age", "progression-cox")]
    assert {one.model.digest for one in answer.predictions} == {model.digest for model in made.models}
    assert list(made.profile_digests) == [DEFAULT_PROFILE.digest]
    (read,) = made.scans
    assert read.image_digest == hashlib.sha256(IMAGE).hexdigest()
    assert read.segmentation_digest == hashlib.sha256(MASK).hexdigest()
    assert re.fullmatch("[0-9a-f]{64}", made.input_digest)
    assert (made.software_version, made.radiomics_engine, made.encoder_digest) == (VERSION, ENGINE, "")
    assert not made.given_features


def test_the_input_digest_follows_what_the_models_saw(service: Service) -> None:
    answers = {
        "as it was": ask(service),
        "another age": ask(service, case(scan(IMAGE, MASK), covariates={"age_years": 62, "sex": "female"})),
        "no sex": ask(service, case(scan(IMAGE, MASK), covariates={"age_years": 61})),
        "another mask": ask(service, case(scan(IMAGE, mask_file(5.5)))),
        "fewer models": ask(service, models=("outcome-xgboost",)),
    }
    digests = {change: answer.provenance.input_digest for change, answer in answers.items()}
    assert len(set(digests.values())) == len(digests)
    unseen = case(scan(IMAGE, MASK), covariates={"age_years": 61, "sex": "female", "hair": "red"}, subject="another")
    assert ask(service, unseen).provenance.input_digest == digests["as it was"]


def test_given_features_are_used_and_nothing_is_read(service: Service) -> None:
    given = {VOLUME.name: 500.0, MEAN.name: 100.0, CONTRAST.name: 5.0}
    answer = ask(service, case(features=given), models=("outcome-xgboost",))
    made = answer.provenance
    assert list(made.given_features) == sorted(given)
    assert not made.scans and not made.profile_digests and not made.radiomics_engine
    values = {reason.feature: reason.value for reason in answer.predictions[0].contributions}
    assert values.items() >= given.items()


def test_a_given_feature_takes_the_place_of_a_computed_one(service: Service) -> None:
    answer = ask(service, case(scan(IMAGE, MASK), features={VOLUME.name: 1500.0}), models=("outcome-xgboost",))
    values = {reason.feature: reason.value for reason in answer.predictions[0].contributions}
    assert values[VOLUME.name] == 1500.0
    assert list(answer.provenance.given_features) == [VOLUME.name]
    assert len(answer.provenance.scans) == 1


def test_a_covariate_that_no_model_knows_is_named_without_its_value(service: Service) -> None:
    told: dict[str, float | str] = {"age_years": 61.0, "sex": "female", "tumor_grade": "poorly", "agee_years": 17.25}
    answer = ask(service, case(scan(IMAGE, MASK), covariates=told, features={"radiomics_score": 3.125}))
    (message,) = warnings_of(answer, "UNKNOWN_COVARIATE")
    assert "agee_years, tumor_grade" in message
    assert not re.search(r"poorly|17\.25", message)
    assert "radiomics_score" in warnings_of(answer, "UNUSED_FEATURE")[0]


def test_a_covariate_that_may_be_missing_is_imputed_and_said_so(service: Service) -> None:
    answer = ask(service, case(scan(IMAGE, MASK), covariates={"age_years": 61.0}), models=("outcome-xgboost",))
    one = answer.predictions[0]
    assert list(one.applicability.imputed) == ["clinical.sex"]
    assert "clinical.sex" in warnings_of(one, "IMPUTED")[0]


def test_a_patient_unlike_the_cohort_is_marked(service: Service) -> None:
    huge = case(scan(image_file(scale=9.0), mask_file(radius=11)), covariates={"age_years": 18})
    one = ask(service, huge, models=("outcome-xgboost",)).predictions[0]
    assert one.applicability.status == prediction_pb2.APPLICABILITY_STATUS_OUTSIDE
    assert MEAN.name in one.applicability.outside_range
    assert warnings_of(one, "OUTSIDE_TRAINING_COHORT")
    assert 0 < one.outcome.probability < 1


def test_a_named_model_that_lacks_an_input_is_an_error(service: Service) -> None:
    request = prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK)), models=["outcome-xgboost", "outcome-pet"])
    error = refused(service.predict, request, SUBJECT)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MISSING_COLUMN")
    assert (error.fields, "a pt scan" in error.message) == (("case.scans",), True)


def test_a_model_of_images_never_answers_without_one_though_each_column_may_be_imputed(
    registry: Registry, tmp_path: Path
) -> None:
    table, targets = patients()
    for row, spec in enumerate((VOLUME, MEAN, CONTRAST)):
        table.loc[row, spec.name] = np.nan
    fitted = XGBoostOutcome().fit(table, targets["outcome"], CT_MODEL, seed=0, replicates=2)
    assert not any(spec.required for spec in fitted.recipe.columns if spec.name.count(".") > 1)
    write_version(tmp_path / "v1", fitted, facts_of(fitted), "# A card\n")
    put(registry, tmp_path / "v1", "outcome-imputing")
    with serving(Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri)) as service:
        for scans in ((), (scan(IMAGE, MASK, modality=case_pb2.MODALITY_PT),)):
            one = case(*scans)
            request = prediction_pb2.PredictRequest(case=one, models=["outcome-imputing"])
            error = refused(service.predict, request, SUBJECT)
            assert (error.reason, error.fields) == ("MISSING_COLUMN", ("case.scans",))
            assert "outcome-imputing: the model needs a ct scan" in error.message
            answer = ask(service, one)
            assert "outcome-imputing" not in {prediction.model.name for prediction in answer.predictions}
            assert any("outcome-imputing" in told for told in warnings_of(answer, "MODEL_LEFT_OUT"))
        assert len(probabilities(ask(service, models=("outcome-imputing",)))) == 2


def test_what_every_model_lacks_is_an_error(service: Service) -> None:
    error = refused(service.predict, prediction_pb2.PredictRequest(case=case(covariates={})), SUBJECT)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MISSING_COLUMN")
    assert "clinical.age_years" in error.message


def test_a_feature_that_cannot_be_computed_leaves_its_models_out(service: Service) -> None:
    point = np.zeros((12, 24, 24), bool)
    point[6, 12, 12] = True
    answer = ask(service, case(scan(IMAGE, mask_file(mask=point))))
    assert [one.model.name for one in answer.predictions] == ["progression-age"]
    left_out = warnings_of(answer, "MODEL_LEFT_OUT")
    assert [message.split()[0] for message in left_out] == ["outcome-pet", "outcome-xgboost", "progression-cox"]
    assert "voxel" in left_out[1]


def test_a_bad_covariate_is_refused_before_any_image_is_opened(service: Service) -> None:
    one = case(scan(b"no image"), covariates={"age_years": -4.0})
    error = refused(service.predict, prediction_pb2.PredictRequest(case=one), SUBJECT)
    assert (error.reason, error.fields) == ("OUT_OF_RANGE", ("case.covariates.age_years",))


def test_an_uploaded_image_is_as_good_as_an_inline_one(service: Service) -> None:
    def upload(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()

        def parts() -> Iterator[image_pb2.UploadImageRequest]:
            header = image_pb2.UploadHeader(subject=SUBJECT, digest=digest, size_bytes=len(content))
            yield image_pb2.UploadImageRequest(header=header)
            yield image_pb2.UploadImageRequest(chunk=content)

        assert service.upload(parts()).image.complete
        return digest

    image, mask = upload(IMAGE), upload(MASK)
    assert ask(service, case(scan(image, mask))) == ask(service)
    foreign = prediction_pb2.PredictRequest(case=case(scan(image, mask), subject="subject-2"))
    assert refused(service.predict, foreign, "subject-2").reason == "IMAGE_NOT_FOUND"
    service.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
    gone = prediction_pb2.PredictRequest(case=case(scan(image, mask)))
    assert refused(service.predict, gone, SUBJECT).reason == "IMAGE_NOT_FOUND"


def test_callers_side_by_side_get_their_own_answers(service: Service) -> None:
    cases = [case(scan(image_file(seed=seed), mask_file(3 + seed % 3)), subject=f"s{seed}") for seed in range(8)]
    alone = [ask(service, one) for one in cases]
    with ThreadPoolExecutor(8) as callers:
        together = list(callers.map(lambda one: ask(service, one), cases * 3))
    assert together == alone * 3


def test_a_deadline_that_passes_ends_the_call_and_no_other(service: Service) -> None:
    request = prediction_pb2.PredictRequest(case=case(scan(image_file(seed=77), mask_file(9))))
    with pytest.raises(grpc.RpcError) as raised:
        service.predict(request, timeout=0.002)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(probabilities(service.predict(request, timeout=30))) == 2


def test_the_next_version_is_picked_up_between_requests_and_none_fails(registry: Registry, tmp_path: Path) -> None:
    name = "outcome-xgboost"
    seen: list[prediction_pb2.PredictResponse] = []
    settings = Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, poll_seconds=0.05)
    with serving(settings) as service, ThreadPoolExecutor(1) as trainer:
        first = ask(service, models=(name,))
        registered = trainer.submit(lambda: put(registry, write(tmp_path / "v2", name, seed=5), name))
        while not seen or seen[-1].predictions[0].model.version == "1":
            seen.append(ask(service, models=(name,)))
            assert len(seen) < 20_000
        assert registered.result() == "2"
    assert probabilities(seen[0]) == probabilities(first)
    assert seen[-1].predictions[0].model.version == "2"
    assert probabilities(seen[-1]) != probabilities(first)
    for answer in seen:
        assert len({one.model.digest for one in answer.predictions}) == 1


def test_nothing_that_serves_is_an_error_of_the_server(registry: Registry, tmp_path: Path) -> None:
    settings = Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, alias="nobody")
    with serving(settings) as service:
        error = refused(service.predict, prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK))), SUBJECT)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_MODEL")
        extracted = service.extract(
            prediction_pb2.ExtractFeaturesRequest(case=case(scan(IMAGE, MASK)), columns=COLUMNS)
        )
        assert extracted.features[VOLUME.name] == 2.0 * ball(radius=4.0).sum()


def test_only_the_columns_that_models_need_are_computed(service: Service) -> None:
    names = {reason.feature for one in ask(service).predictions for reason in one.contributions}
    assert names == {spec.name for spec in CT_MODEL} | {"therapy"}


def test_a_full_queue_says_when_to_come_again(registry: Registry, tmp_path: Path) -> None:
    settings = Settings(
        port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, workers=1, queue_size=1, drain_seconds=1
    )
    big = file_of(np.random.default_rng(0).normal(100, 40, (40, 80, 80)).round().astype(np.int16))
    mask = file_of(ball((40, 80, 80), 18.0).astype(np.uint8))
    request = prediction_pb2.ExtractFeaturesRequest(case=case(scan(big, mask)))
    with serving(settings) as service:
        running = [service.extract.future(request) for _ in range(2)]
        deadline = time.monotonic() + 10
        while not (service.server.busy and service.server._predicting._work.depth == 1):  # type: ignore[union-attr]
            assert time.monotonic() < deadline
            time.sleep(0.001)
        error = refused(service.predict, prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK))), SUBJECT)
        assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        assert 1 <= error.retry_after_seconds <= 60
        for call in running:
            call.cancel()
        while service.server.busy:
            assert time.monotonic() < deadline, "cancelled calls went on working"
            time.sleep(0.005)
        assert len(probabilities(ask(service))) == 2


def test_stages_are_timed_by_model_and_version_and_never_by_patient(service: Service) -> None:
    ask(service, case(scan(image_file(seed=91), MASK), subject="subject-for-metrics"))
    told = generate_latest(service.server.metrics.registry).decode()
    for labels in (
        'model="outcome-xgboost",stage="predict",version="1"',
        *(f'model="",stage="{stage}",version=""' for stage in ("queue", "decode", "radiomics", "measures")),
    ):
        counted = re.search(rf"radresponse_stage_seconds_count\{{{labels}\}} (\S+)", told)
        assert counted and float(counted[1]) > 0, labels
    assert "subject" not in told
