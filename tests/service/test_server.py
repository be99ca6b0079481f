"""The server's frame: where it listens, what it says of its health, and how it goes."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from builders.servers import digest_of, event_loop, header, image_server, images_of, refused, whole
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from radresponse.v1.image_pb2 import GetImageRequest, UploadImageRequest
from radresponse.v1.image_pb2_grpc import ImageServiceStub
from service.errors import SettingsError
from service.server import RunningServer, start
from service.settings import Settings

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


@contextmanager
def channel_to(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


def health(channel: grpc.Channel, name: str = "") -> int:
    check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # of its stubs
    return int(check(health_pb2.HealthCheckRequest(service=name), timeout=5).status)


def test_each_server_gets_a_port_of_its_own(tmp_path: Path) -> None:
    a, b = (Settings(port=0, data_folder=tmp_path / name) for name in "ab")
    with image_server(a) as first, image_server(b) as second:
        assert 0 < first.port != second.port > 0


def test_a_port_that_is_taken_is_refused_by_name(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path / "a")) as first:
        taken = Settings(port=first.port, data_folder=tmp_path / "b")
        with pytest.raises(SettingsError, match=f"127.0.0.1:{first.port}"), image_server(taken):
            pass
        with image_server(Settings(port=0, data_folder=tmp_path / "b")) as second, images_of(second) as images:
            assert images.UploadImage(whole(b"x")).image.complete  # what the refused one held is free again


def test_a_data_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match="data_folder"),
        image_server(Settings(data_folder=tmp_path / "file", port=0)),
    ):
        pass


def test_uploads_outlive_the_server(tmp_path: Path) -> None:
    settings = Settings(port=0, data_folder=tmp_path)
    with image_server(settings) as running, images_of(running) as images:
        images.UploadImage(whole(b"content"))
    with image_server(settings) as running, images_of(running) as images:
        assert images.GetImage(GetImageRequest(subject="p1", digest=digest_of(b"content"))).image.complete


def test_health_by_service(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running, channel_to(running.port) as channel:
        assert health(channel) == SERVING
        assert health(channel, "radresponse.v1.ImageService") == SERVING
        assert refused(health, channel, "radresponse.v1.Other").code is grpc.StatusCode.NOT_FOUND


def test_those_who_watch_are_told_when_the_server_goes_and_do_not_hold_it_up(tmp_path: Path) -> None:
    told: list[int] = []
    settings = Settings(port=0, data_folder=tmp_path, drain_seconds=20)
    with event_loop() as loop:
        running = asyncio.run_coroutine_threadsafe(start(settings, predicting=False), loop).result(10)
        with channel_to(running.port) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch  # type: ignore[attr-defined]  # of its stubs
            first, other = watch(health_pb2.HealthCheckRequest()), watch(health_pb2.HealthCheckRequest(service="x"))
            assert next(first).status == SERVING
            assert next(other).status == UNKNOWN
            leaving = watch(health_pb2.HealthCheckRequest())
            next(leaving)
            leaving.cancel()  # one who leaves takes nobody along
            began = time.monotonic()
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(10)
            told += [answer.status for answer in first]
            assert list(other) == []
    assert told == [NOT_SERVING]
    assert time.monotonic() - began < 5


def test_a_call_that_runs_may_end_within_the_drain_time(tmp_path: Path) -> None:
    content = b"first half, second half"
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[UploadImageRequest]:
        yield header(content)
        yield UploadImageRequest(chunk=content[:10])
        begun.set()
        go_on.wait(10)
        yield UploadImageRequest(chunk=content[10:])

    with drained(tmp_path, drain_seconds=10) as (running, loop), channel_to(running.port) as channel:
        upload = ImageServiceStub(channel).UploadImage.future(slow())
        assert begun.wait(5)
        time.sleep(0.1)
        stopping = asyncio.run_coroutine_threadsafe(running.stop(), loop)
        time.sleep(0.2)
        with channel_to(running.port) as another:
            assert refused(health, another).code is grpc.StatusCode.UNAVAILABLE  # no new calls
        assert not stopping.done()
        go_on.set()
        assert upload.result(5).image.complete
        stopping.result(5)


def test_a_call_that_does_not_end_is_ended_and_its_upload_kept(tmp_path: Path) -> None:
    content = b"first half, second half"
    gone = threading.Event()

    def endless() -> Iterator[UploadImageRequest]:
        yield header(content)
        yield UploadImageRequest(chunk=content[:10])
        gone.wait(10)

    with drained(tmp_path, drain_seconds=0.3) as (running, loop), channel_to(running.port) as channel:
        upload = ImageServiceStub(channel).UploadImage.future(endless())
        time.sleep(0.3)
        began = time.monotonic()
        asyncio.run_coroutine_threadsafe(running.stop(), loop).result(5)
        assert time.monotonic() - began < 3
        assert upload.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        gone.set()
    with image_server(Settings(port=0, data_folder=tmp_path)) as again, images_of(again) as images:
        image = images.GetImage(GetImageRequest(subject="p1", digest=digest_of(content))).image
        assert (image.received_bytes, image.complete) == (10, False)


@contextmanager
def drained(folder: Path, drain_seconds: float) -> Iterator[tuple[RunningServer, asyncio.AbstractEventLoop]]:
    settings = Settings(port=0, data_folder=folder, drain_seconds=drain_seconds)
    with event_loop() as loop:
        running = asyncio.run_coroutine_threadsafe(start(settings, predicting=False), loop).result(10)
        try:
            yield running, loop
        finally:
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(10)


def listed(channel: grpc.Channel) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = stub.ServerReflectionInfo(iter([request]), timeout=5)  # type: ignore[operator]  # of its stubs
    return {service.name for answer in answers for service in answer.list_services_response.service}


def test_reflection_shows_all_services_and_can_be_turned_off(tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running, channel_to(running.port) as channel:
        assert {"radresponse.v1.ImageService", "grpc.health.v1.Health"} <= listed(channel)
    settings = Settings(port=0, data_folder=tmp_path, reflection=False)
    with image_server(settings) as running, channel_to(running.port) as channel:
        assert refused(listed, channel).code is grpc.StatusCode.UNIMPLEMENTED


def test_without_its_registry_it_keeps_images_and_says_that_it_does_not_predict(tmp_path: Path) -> None:
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri="http://127.0.0.1:9", poll_seconds=60, drain_seconds=0.5
    )
    with event_loop() as loop:
        running = asyncio.run_coroutine_threadsafe(start(settings), loop).result(60)
        try:
            with channel_to(running.port) as channel:
                assert health(channel, "radresponse.v1.ImageService") == SERVING
                assert health(channel, "radresponse.v1.PredictionService") == NOT_SERVING
                assert health(channel, "radresponse.v1.ModelService") == NOT_SERVING
                assert health(channel) == NOT_SERVING
                assert ImageServiceStub(channel).UploadImage(whole(b"x")).image.complete
            assert running.models == ()
        finally:
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(10)
