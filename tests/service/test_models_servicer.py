"""ListModels and GetModel, over a real server."""

import time
from pathlib import Path

import grpc
from builders.cases import case, scan
from builders.registry import CT_MODEL, SERVED, THERAPIES, write
from builders.releases import put
from builders.serving import Service, refused, serving

from features.profile import DEFAULT_PROFILE
from models.registry import Registry
from radresponse.v1 import model_pb2, prediction_pb2
from service.settings import Settings


def get(service: Service, name: str) -> model_pb2.GetModelResponse:
    return service.get_model(model_pb2.GetModelRequest(name=name))


def test_all_that_serve_are_listed_by_name(service: Service) -> None:
    listed = service.list_models(model_pb2.ListModelsRequest()).models
    assert [model.reference.name for model in listed] == sorted(SERVED)
    for model in listed:
        assert model == get(service, model.reference.name).model
        assert (model.reference.version, len(model.reference.digest), model.trouble) == ("1", 64, "")


def test_a_model_says_what_it_is(service: Service) -> None:
    answer = get(service, "outcome-xgboost")
    model = answer.model
    assert (model.task, model.family, model.endpoint) == (model_pb2.TASK_OUTCOME, "xgboost", "response (RECIST 1.1)")
    assert tuple(model.therapies) == THERAPIES
    assert [column.name for column in model.columns] == [spec.name for spec in CT_MODEL]
    age, sex = model.columns[:2]
    assert (age.unit, age.lower, age.upper, age.required) == ("years", 18.0, 110.0, True)
    assert (list(sex.categories), sex.required) == (["female", "male"], False)
    assert not sex.HasField("lower")
    (metric,) = model.metrics
    assert (metric.name, metric.of, metric.value, metric.lower, metric.upper) == ("auc", "model", 0.7, 0.6, 0.8)
    assert (model.training_patients, model.simulated, model.evidence) == (120, True, "simulated")
    assert model.profile_digest == DEFAULT_PROFILE.digest
    assert abs(model.serving_since.ToSeconds() - time.time()) < 600
    assert answer.card.startswith("# outcome-xgboost")


def test_a_model_without_images_or_therapies_says_so(service: Service) -> None:
    model = get(service, "progression-age").model
    assert (model.task, model.profile_digest) == (model_pb2.TASK_PROGRESSION, "")
    assert not model.therapies


def test_an_unknown_name_is_not_found(service: Service) -> None:
    error = refused(service.get_model, model_pb2.GetModelRequest(name="oracle"), "nobody")
    assert (error.code, error.reason, error.fields) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", ("name",))
    assert "outcome-xgboost" in error.message
    error = refused(service.get_model, model_pb2.GetModelRequest(), "nobody")
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("name",))


def test_a_version_that_does_not_serve_shows_as_trouble(registry: Registry, tmp_path: Path) -> None:
    name = "progression-age"
    broken = write(tmp_path / "broken", name, seed=3)
    (broken / "cox.json").write_text("{}")
    settings = Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, poll_seconds=0.05)
    with serving(settings) as service:
        put(registry, broken, name)
        deadline = time.monotonic() + 20
        while not (model := get(service, name).model).trouble:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert model.reference.version == "1"
        assert model.trouble.startswith("version 2 does not serve: ")


def test_a_model_whose_only_version_is_refused_is_listed_with_its_trouble(registry: Registry, tmp_path: Path) -> None:
    name = "outcome-new"
    broken = write(tmp_path / "broken", "outcome-xgboost", seed=3)
    (broken / "card.md").write_text("another card than the manifest's")
    put(registry, broken, name)
    with serving(Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri)) as service:
        listed = {model.reference.name: model for model in service.list_models(model_pb2.ListModelsRequest()).models}
        assert list(listed) == sorted((*SERVED, name))
        reference = model_pb2.ModelReference(name=name, version="1")
        trouble = listed[name].trouble
        assert trouble.startswith("version 1 does not serve: card.md")
        assert listed[name] == model_pb2.Model(reference=reference, trouble=trouble)
        error = refused(service.get_model, model_pb2.GetModelRequest(name=name), "nobody")
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
        assert trouble in error.message
        request = prediction_pb2.PredictRequest(case=case(scan()), models=[name])
        assert refused(service.predict, request, "subject-1").reason == "MODEL_NOT_FOUND"
        answer = service.predict(prediction_pb2.PredictRequest(case=case(scan())))
        assert name not in {one.model.name for one in answer.predictions}
