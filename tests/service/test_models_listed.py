"""Pages of ListModels and the stream of WatchModels, over a real server."""

import asyncio
import queue
import threading
import time
from pathlib import Path

import grpc
import pytest
from builders.registry import SERVED, write
from builders.releases import put
from builders.serving import Service, refused, serving
from hypothesis import given
from hypothesis import strategies as st

from models.registry import Registry
from radresponse.cli import main
from radresponse.client import Client
from radresponse.v1 import model_pb2, model_pb2_grpc
from service.errors import BadRequestField
from service.hosting import ServingSet
from service.pages import LARGEST_SIZE, USUAL_SIZE, page_of
from service.settings import Settings
from service.watched import Watched

NAMES = sorted(SERVED)


def models_of(names: list[str]) -> dict[str, model_pb2.Model]:
    return {name: model_pb2.Model(reference=model_pb2.ModelReference(name=name)) for name in sorted(names)}


@given(st.sets(st.text("abc-é", min_size=1, max_size=6), max_size=20), st.integers(1, 7))
def test_pages_together_hold_each_model_once(names: set[str], size: int) -> None:
    models, seen, token = models_of(list(names)), [], ""
    for _ in range(len(names) + 1):
        page = page_of(models, size, token)
        assert len(page.items) <= size
        seen += [model.reference.name for model in page.items]
        if not (token := page.next_token):
            break
    assert seen == sorted(names)


def test_a_model_that_comes_or_goes_between_pages_moves_no_other() -> None:
    first = page_of(models_of(["b", "d", "f", "h"]), 2, "")
    second = page_of(models_of(["a", "b", "c", "f", "h"]), 2, first.next_token)  # "d", the last one seen, has gone
    assert [model.reference.name for model in (*first.items, *second.items)] == ["b", "d", "f", "h"]
    assert second.next_token == ""


def test_sizes_have_a_default_and_a_limit() -> None:
    many = models_of([f"{number:05}" for number in range(LARGEST_SIZE + 5)])
    assert len(page_of(many, 0, "").items) == USUAL_SIZE
    assert len(page_of(many, 10**6, "").items) == LARGEST_SIZE


def test_pages_over_grpc(service: Service) -> None:
    first = service.list_models(model_pb2.ListModelsRequest(page_size=3))
    rest = service.list_models(model_pb2.ListModelsRequest(page_size=3, page_token=first.next_page_token))
    assert [model.reference.name for model in (*first.models, *rest.models)] == NAMES
    assert (len(first.models), rest.next_page_token) == (3, "")


@pytest.mark.parametrize("token", ["x", "é", "YWZ0ZXI6", "YWZ0ZXI6/w==", "b3RoZXI=", "a" * 5000])
def test_a_token_of_nobodys_is_refused(token: str) -> None:
    with pytest.raises(BadRequestField, match="not one that this service gave"):
        page_of(models_of(["a"]), 0, token)


def test_bad_pages_name_their_field(service: Service) -> None:
    for request, field in (
        (model_pb2.ListModelsRequest(page_size=-1), "page_size"),
        (model_pb2.ListModelsRequest(page_token="?"), "page_token"),
    ):
        error = refused(service.list_models, request, "nobody")
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


def test_a_watch_tells_what_serves_then_each_change_and_ends_with_the_server(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(
        port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, poll_seconds=0.05, drain_seconds=20
    )
    changes: queue.Queue[model_pb2.WatchModelsResponse | str] = queue.Queue()

    def watch(address: str) -> None:
        with Client(address) as client:
            for change in client.watch_models():
                changes.put(change)
        changes.put("ended")

    def next_change() -> model_pb2.WatchModelsResponse:
        change = changes.get(timeout=60)
        assert isinstance(change, model_pb2.WatchModelsResponse)
        return change

    with serving(settings) as service:
        address = f"127.0.0.1:{service.server.port}"
        watching = threading.Thread(target=watch, args=(address,))
        command = threading.Thread(target=main, args=(["models", "--watch", "--server", address],))
        watching.start()
        command.start()
        first = next_change()
        assert list(first.models) == list(service.list_models(model_pb2.ListModelsRequest()).models)
        assert abs(first.time.ToSeconds() - time.time()) < 600
        put(registry, write(tmp_path / "v2", "progression-age", seed=4), "progression-age")
        change = next_change()
        assert [(model.reference.name, model.reference.version) for model in change.models] == [
            ("progression-age", "2")
        ]
        assert not change.gone
        began = time.monotonic()
    watching.join(60)
    command.join(60)
    assert changes.get(timeout=1) == "ended"
    assert time.monotonic() - began < 15  # watchers did not hold up the drain
    printed = capsys.readouterr().out
    assert "progression-age v2" in printed and "outcome-xgboost v1" in printed


def test_a_model_that_goes_is_told_and_two_watch_at_once() -> None:
    async def watched() -> None:
        sets = [ServingSet(), ServingSet(), ServingSet()]
        at = [0]
        several = Watched(lambda: sets[at[0]], look_seconds=0.001)
        streams = [several.each(), several.each()]
        assert [await anext(stream) for stream in streams] == [sets[0]] * 2
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0.01)
        assert not any(one.done() for one in waiting)
        at[0] = 2
        assert [await asyncio.wait_for(one, 30) for one in waiting] == [sets[2]] * 2
        last = [asyncio.ensure_future(anext(stream, None)) for stream in streams]
        await several.end()
        assert [await asyncio.wait_for(one, 30) for one in last] == [None, None]
        assert await anext(several.each(), None) is None

    asyncio.run(watched())


def test_what_served_when_is_told_page_by_page_with_who_admitted_it(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(port=0, data_folder=tmp_path / "data", registry_uri=registry.uri, poll_seconds=0.05)
    with serving(settings) as service, Client(f"127.0.0.1:{service.server.port}") as client:
        put(registry, write(tmp_path / "v2", "progression-age", seed=4), "progression-age")
        until = time.monotonic() + 60
        while client.model("progression-age").model.reference.version != "2":
            assert time.monotonic() < until
            time.sleep(0.02)
        while len(client.serving_periods("progression-age")) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        first, second = client.serving_periods("progression-age")
        assert (first.model.version, second.model.version) == ("1", "2")
        assert first.since.ToDatetime() <= first.until.ToDatetime() <= second.since.ToDatetime()
        assert not second.HasField("until")
        assert second.model.digest == client.model("progression-age").model.reference.digest
        assert (second.admission.by, second.admission.policy, second.admission.signature) == (
            "a test",
            "research",
            "good",
        )
        every = client.serving_periods()
        assert {one.model.name for one in every} == set(SERVED)
        stub = model_pb2_grpc.ModelServiceStub(service.channel)
        page = stub.ListServingPeriods(model_pb2.ListServingPeriodsRequest(page_size=2))
        rest = stub.ListServingPeriods(model_pb2.ListServingPeriodsRequest(page_token=page.next_page_token))
        assert [*page.periods, *rest.periods] == list(every)
        error = refused(stub.ListServingPeriods, model_pb2.ListServingPeriodsRequest(page_token="?"), "nobody")
        assert error.fields == ("page_token",)
        assert main(["models", "--history", "progression-age", "--server", f"127.0.0.1:{service.server.port}"]) == 0
        shown = capsys.readouterr().out
        assert "progression-age v1" in shown
        assert "admitted for research use by a test" in shown
        assert "signature good" in shown
