"""Metrics: what is counted, over HTTP too, and that no label can hold a patient."""

import threading
import urllib.request
from pathlib import Path

import grpc
import prometheus_client
import pytest
from builders.servers import free_port, image_server, images_of, refused, whole
from prometheus_client.parser import text_string_to_metric_families

from models.drift import Drift
from models.evaluation import Estimate
from models.live import Live
from models.monitoring.summary import Monitored
from radresponse.v1.image_pb2 import DeleteSubjectRequest, GetImageRequest
from service.errors import SettingsError
from service.metrics import Metrics
from service.settings import Settings


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_calls_are_counted_by_method_and_code(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running, images_of(running) as images:
        content = b"content" * 1000
        images.UploadImage(whole(content, "NEEDLE-subject"))
        images.UploadImage(whole(content, "NEEDLE-subject"))
        refused(images.GetImage, GetImageRequest(subject="p2", digest="0" * 64))
        images.DeleteSubject(DeleteSubjectRequest(subject="p1"))
        metrics = running.metrics
    upload, get = "radresponse.v1.ImageService/UploadImage", "radresponse.v1.ImageService/GetImage"
    assert value(metrics, "radresponse_calls_total", method=upload, code="OK") == 2
    assert value(metrics, "radresponse_calls_total", method=get, code="NOT_FOUND") == 1
    assert value(metrics, "radresponse_call_seconds_count", method=upload) == 2
    assert value(metrics, "radresponse_upload_bytes_total") == 7000
    assert b"NEEDLE" not in prometheus_client.generate_latest(metrics.registry)


@pytest.mark.parametrize("method", ["/radresponse.v1.ImageService/NEEDLE", "/NEEDLE.v1.Service/Call"])
@pytest.mark.parametrize("kind", ["unary_unary", "stream_unary", "unary_stream", "stream_stream"])
def test_a_method_that_is_not_there_is_refused_as_any_and_its_name_is_noted_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str, kind: str
) -> None:
    caplog.set_level("DEBUG")
    with (
        image_server(Settings(port=0, data_folder=tmp_path)) as running,
        grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        call = getattr(channel, kind)(method)
        request = iter([b"what", b"ever"]) if kind.startswith("stream") else b"whatever"

        def ask() -> None:
            answer = call(request)
            if kind.endswith("stream"):
                next(answer)

        refusal = refused(ask)
        metrics = running.metrics
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD")
    assert value(metrics, "radresponse_calls_total", method="unknown", code="UNIMPLEMENTED") == 1
    assert b"NEEDLE" not in prometheus_client.generate_latest(metrics.registry)
    assert not [record for record in caplog.records if "NEEDLE" in str(record.__dict__)]


def test_stages_are_timed_by_model_and_version() -> None:
    metrics = Metrics()
    metrics.observe("decode", 0.5)
    metrics.observe("predict", 0.01, model="outcome-xgboost", version="3")
    metrics.observe("predict", 0.03, model="outcome-xgboost", version="3")
    labels = {"stage": "predict", "model": "outcome-xgboost", "version": "3"}
    assert value(metrics, "radresponse_stage_seconds_sum", **labels) == pytest.approx(0.04)
    assert value(metrics, "radresponse_stage_seconds_count", stage="decode", model="", version="") == 1


def test_the_queue_is_asked_when_it_is_read() -> None:
    metrics = Metrics()
    depth = [3]
    metrics.queue_depth(lambda: depth[0])
    assert value(metrics, "radresponse_queue_depth") == 3
    depth[0] = 0
    assert value(metrics, "radresponse_queue_depth") == 0


def test_only_these_labels_exist() -> None:
    metrics = Metrics()
    metrics.observe("x", 1)
    metrics.call("m", "OK", 1)
    estimate = Estimate(0.7, 0.6, 0.8)
    drift = Drift("clinical.age_years", 30, 0.3, 0.1, None, None, 0.0, 0.0)
    live = Live(30, 9, 8.0, (("auc", estimate),))
    metrics.monitored([Monitored("outcome", "1", "d" * 64, 30, (drift,), (drift,), True, live)])
    labels = {label for family in metrics.registry.collect() for sample in family.samples for label in sample.labels}
    assert labels == {"stage", "model", "version", "method", "code", "le", "of", "figure"}


def test_two_servers_count_for_themselves() -> None:
    first, second = Metrics(), Metrics()
    first.uploaded(5)
    assert value(second, "radresponse_upload_bytes_total") == 0
    held = {family.name for family in prometheus_client.REGISTRY.collect()}
    assert not any(name.startswith("radresponse") for name in held)


def test_prometheus_reads_them_over_http_on_loopback(tmp_path: Path) -> None:
    port = free_port()
    with (
        image_server(Settings(port=0, data_folder=tmp_path, metrics_port=port)) as running,
        images_of(running) as images,
    ):
        images.DeleteSubject(DeleteSubjectRequest(subject="p1"))
        with urllib.request.urlopen(f"http://127.0.0.1:{running.metrics_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {"radresponse_calls", "radresponse_call_seconds", "radresponse_queue_depth"} <= families.keys()
    assert families["radresponse_calls"].samples[0].value == 1
    assert not [thread for thread in threading.enumerate() if "serve_forever" in thread.name]


def test_by_default_nobody_listens(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running:
        assert running.metrics_port == 0


def test_a_port_that_is_taken_is_refused_by_name(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path / "a")) as running:
        settings = Settings(port=0, data_folder=tmp_path / "b", metrics_port=running.port)
        with pytest.raises(SettingsError, match="metrics_port"), image_server(settings):
            pass
