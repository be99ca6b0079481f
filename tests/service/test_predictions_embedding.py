"""Embeddings over a real server: extracted, and taken by a model."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from builders.cases import case, image_file, mask_file, scan
from builders.encoders import another
from builders.registry import AGE, EMBEDDED, THERAPIES, facts_of, patients, write
from builders.releases import put
from builders.serving import Service, refused, serving
from PIL import Image

from features.case import Case, Scan, Source
from features.compute import compute
from features.embedding.encoder import Encoder, default_encoder
from features.profile import DEFAULT_PROFILE
from models.families.columns import ColumnSpec
from models.families.xgboost_outcome import XGBoostOutcome
from models.package import write_version
from models.registry import Registry
from models.registry.encoders import register_encoder
from radresponse.v1 import prediction_pb2
from service.settings import Settings

NAME = "outcome-embedding"
COLUMNS = [spec.name for spec in EMBEDDED]
VOLUME = "measure.ct.baseline.largest.volume_mm3"
IMAGE, MASK = image_file(), mask_file()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return default_encoder()


@pytest.fixture(scope="module")
def embedding(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server whose one model takes embeddings."""
    folder = tmp_path_factory.mktemp("embedding")
    version = write(folder / "v1", NAME, encoder=encoder.identity)
    registry = Registry(data_folder=folder)
    put(registry, version, NAME)
    with serving(Settings(port=0, data_folder=folder, registry_uri=registry.uri, device="cpu")) as running:
        yield running


def test_an_embedding_is_extracted_and_says_whose_it_is(embedding: Service, encoder: Encoder) -> None:
    request = prediction_pb2.ExtractFeaturesRequest(case=case(scan(IMAGE, MASK)), columns=COLUMNS)
    answer = embedding.extract(request)
    taken = Case((Scan("ct", 0, Source.of(IMAGE), Source.of(MASK)),))
    truth = compute(taken, COLUMNS, profile=DEFAULT_PROFILE, encoder=encoder).values
    assert dict(answer.features) == pytest.approx(truth, abs=1e-5)
    assert answer.provenance.encoder_digest == encoder.identity
    assert not answer.provenance.radiomics_engine


def test_a_model_takes_embeddings_and_another_image_changes_its_answer(embedding: Service, encoder: Encoder) -> None:
    answers = [
        embedding.predict(prediction_pb2.PredictRequest(case=case(scan(image, MASK)), models=[NAME]))
        for image in (IMAGE, IMAGE, image_file(seed=8, scale=3.0))
    ]
    assert answers[0] == answers[1]
    assert answers[0].provenance.encoder_digest == encoder.identity
    assert not answers[0].provenance.profile_digests
    values = [
        {reason.feature: reason.value for reason in answer.predictions[0].contributions if reason.feature in COLUMNS}
        for answer in answers
    ]
    assert len(values[0]) == 2
    assert values[0] != values[2]
    assert answers[0].provenance.input_digest != answers[2].provenance.input_digest


def test_where_the_answer_rests_is_shown_where_it_is_wanted(embedding: Service) -> None:
    plain = prediction_pb2.CompareTherapiesRequest(case=case(scan(IMAGE, MASK)), therapies=THERAPIES, models=[NAME])
    wanted = prediction_pb2.CompareTherapiesRequest()
    wanted.CopyFrom(plain)
    wanted.board.saliency = True
    without, told = embedding.compare(plain), embedding.compare(wanted)
    assert not without.saliency
    assert told.options == without.options
    assert [one.therapy for one in told.saliency] == list(THERAPIES)
    for one in told.saliency:
        assert (one.model.name, one.scan, one.scan_name, one.day, list(one.labels)) == (NAME, 0, "ct", 0, [1])
        assert one.scale == "log-odds of response"
        grey, overlay = (Image.open(io.BytesIO(png)) for png in (one.png, one.overlay_png))
        assert grey.size == overlay.size == (one.picture.width, one.picture.height)
        assert (grey.mode, overlay.mode) == ("L", "RGBA")
        assert one.full_scale >= 0.0
        assert not one.left_out
    assert told.saliency == embedding.compare(wanted).saliency


def test_an_embedding_that_the_caller_gave_has_no_place_in_an_image(embedding: Service) -> None:
    given = case(scan(IMAGE, MASK))
    for name in COLUMNS:
        given.features[name] = 0.25
    asked = prediction_pb2.PredictRequest(case=given, models=[NAME], therapies=THERAPIES[:1])
    asked.board.saliency = True
    (told,) = embedding.predict(asked).saliency
    assert told.model.name == NAME
    assert "given by the caller" in told.left_out
    assert not told.png


def test_a_model_is_served_with_the_registered_encoder_that_it_names(encoder: Encoder, tmp_path: Path) -> None:
    other = another(tmp_path / "other.safetensors")
    registry = Registry(data_folder=tmp_path)
    version = register_encoder(registry, tmp_path / "other.safetensors", "other", other.identity)
    assert register_encoder(registry, tmp_path / "other.safetensors", "other", other.identity) == version == "1"
    columns = [ColumnSpec(spec.name.replace(".default.", ".other.")) for spec in EMBEDDED]
    fitted = XGBoostOutcome().fit(
        (table := patients()[0]).rename(columns=dict(zip(COLUMNS, (spec.name for spec in columns), strict=True))),
        patients()[1]["outcome"], (AGE, *columns), seed=0, replicates=4,
    )  # fmt: skip
    assert set(COLUMNS) <= set(table.columns)
    write_version(tmp_path / "v1", fitted, facts_of(fitted, encoder=other.identity), "# A card\n")
    put(registry, tmp_path / "v1", "outcome-other")
    put(registry, write(tmp_path / "v2", NAME, encoder=encoder.identity), NAME)
    put(registry, write(tmp_path / "v3", NAME, encoder=other.identity), "outcome-wrong")
    settings = Settings(port=0, data_folder=tmp_path, registry_uri=registry.uri, device="cpu")
    with serving(settings) as running:
        both = running.predict(prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK)), therapies=["chemotherapy"]))
        one = running.predict(prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK)), models=["outcome-other"]))
        asked = prediction_pb2.ExtractFeaturesRequest(
            case=case(scan(IMAGE, MASK)), columns=[*COLUMNS, VOLUME, *(spec.name for spec in columns)]
        )
        numbers = running.extract(asked)
        asked.columns.append("embedding.ct.baseline.largest.third.0")
        unknown = refused(running.extract, asked, "subject-1")
        asked.encoder_digests.append("a" * 64)
        absent = refused(running.extract, asked, "subject-1")
        listed = running.server.models
    assert {made.model.name for made in both.predictions} == {"outcome-other", NAME}
    assert one.provenance.encoder_digest == other.identity
    values = {reason.feature: reason.value for reason in one.predictions[0].contributions}
    taken = Case((Scan("ct", 0, Source.of(IMAGE), Source.of(MASK)),))
    names = [spec.name for spec in columns]
    truth = compute(taken, names, profile=DEFAULT_PROFILE, encoder=other).values
    assert {name: values[name] for name in names if name in values} == pytest.approx(
        {name: truth[name] for name in names if name in values}
    )
    own = compute(taken, COLUMNS, profile=DEFAULT_PROFILE, encoder=encoder).values
    assert {name: numbers.features[name] for name in truth} == pytest.approx(truth, abs=1e-5)
    assert {name: numbers.features[name] for name in own} == pytest.approx(own, abs=1e-5)
    assert VOLUME in numbers.features
    assert list(numbers.provenance.encoder_digests) == sorted((encoder.identity, other.identity))
    assert list(both.provenance.encoder_digests) == list(numbers.provenance.encoder_digests)
    assert unknown.fields == (f"columns[{2 * len(COLUMNS) + 1}]",)
    assert absent.fields == ("encoder_digests[0]",)
    assert sorted(listed) == [f"{NAME} 1", "outcome-other 1"], "columns of an encoder that is not the one named"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_a_missing_gpu_is_said_in_health_and_metrics_and_calls_go_on(encoder: Encoder, tmp_path: Path) -> None:
    registry = Registry(data_folder=tmp_path)
    put(registry, write(tmp_path / "v1", NAME, encoder=encoder.identity), NAME)
    settings = Settings(port=0, data_folder=tmp_path, registry_uri=registry.uri, device="cuda:0")
    with serving(settings) as running:
        answer = running.predict(prediction_pb2.PredictRequest(case=case(scan(IMAGE, MASK)), models=[NAME]))
        metrics = running.server.metrics.registry
        statuses = {name: running.health(name) for name in ("", "radresponse.embedding.device")}
    assert len(answer.predictions) > 0
    assert statuses == {"": "SERVING", "radresponse.embedding.device": "NOT_SERVING"}
    assert metrics.get_sample_value("radresponse_embedding_device_up", {"device": "cuda:0"}) == 0.0
    assert (metrics.get_sample_value("radresponse_embedding_batch_lesions_count") or 0) > 0
    assert metrics.get_sample_value("radresponse_embedding_queue_depth") == 0.0


def test_of_two_encoders_of_one_name_the_meant_one_is_told(encoder: Encoder, tmp_path: Path) -> None:
    other = another(tmp_path / "other.safetensors", name="default")
    registry = Registry(data_folder=tmp_path)
    register_encoder(registry, tmp_path / "other.safetensors", "other", other.identity)
    put(registry, write(tmp_path / "v1", NAME, encoder=other.identity), NAME)
    asked = prediction_pb2.ExtractFeaturesRequest(case=case(scan(IMAGE, MASK)), columns=COLUMNS)
    taken = Case((Scan("ct", 0, Source.of(IMAGE), Source.of(MASK)),))
    with serving(Settings(port=0, data_folder=tmp_path, registry_uri=registry.uri, device="cpu")) as running:
        error = refused(running.extract, asked, "subject-1")
        assert error.fields == ("encoder_digests",) and other.identity in error.message
        for meant in (encoder, other):
            asked.encoder_digests[:] = [meant.identity]
            truth = compute(taken, COLUMNS, profile=DEFAULT_PROFILE, encoder=meant).values
            answer = running.extract(asked)
            assert dict(answer.features) == pytest.approx(truth, abs=1e-5)
            assert list(answer.provenance.encoder_digests) == [meant.identity]
