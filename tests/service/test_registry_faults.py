"""A real MLflow server that is slow, or goes in the middle of a download: what serves goes on, and says so."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.cases import case, image_file, mask_file, scan
from builders.cut_line import Line, line
from builders.mlflow_server import mlflow_server
from builders.registry import write
from builders.releases import release
from builders.serving import Service, serving

from models.registry import Registry
from models.releases import make_keys
from models.releases.keys import PUBLIC
from radresponse.v1 import model_pb2, prediction_pb2
from service.settings import Settings

NAME = "progression-age"
MODEL = "cox.json"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[tuple[Registry, Line, Path]]:
    """A registry behind a line, with one released version that serves; releases lie in a folder of their own."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(blank_database, folder / "server.db")
    with mlflow_server(folder, f"sqlite:///{folder}/server.db") as server, line(server.port) as between:
        server.wait()
        yield Registry(server.uri), between, folder


@pytest.fixture
def here(there: tuple[Registry, Line, Path], tmp_path: Path) -> Iterator[tuple[Service, Registry, Line, Path]]:
    registry, between, _ = there
    make_keys(tmp_path)
    admit(registry, tmp_path, write(tmp_path / "v1", NAME))
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri=f"http://127.0.0.1:{between.port}", poll_seconds=0.2,
        drain_seconds=1, releases_uri=f"sqlite:///{tmp_path / 'releases.db'}", releases_key_file=tmp_path / PUBLIC,
    )  # fmt: skip
    with serving(settings) as service:
        yield service, registry, between, tmp_path
    between.delay_seconds, between.cut_after = 0.0, None


def admit(registry: Registry, folder: Path, written: Path) -> str:
    """Registers at the server, signs into the folder's own store, and moves the alias."""
    version = registry.register(written, NAME)
    beside = Registry(f"sqlite:///{folder}/mlflow.db")  # says where releases and keys lie
    release(beside, NAME, version, written)
    registry.alias(NAME, version, "champion")
    return version


def told(service: Service) -> model_pb2.Model:
    return service.get_model(model_pb2.GetModelRequest(name=NAME)).model


def predict(service: Service) -> prediction_pb2.PredictResponse:
    asked = prediction_pb2.PredictRequest(case=case(scan(image_file(), mask_file())), models=[NAME])
    answer: prediction_pb2.PredictResponse = service.predict(asked, timeout=20)
    return answer


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def gauge(service: Service, name: str, **labels: str) -> float | None:
    return service.server.metrics.registry.get_sample_value(name, labels)


def test_a_download_that_is_cut_leaves_what_serves_and_is_tried_again(
    here: tuple[Service, Registry, Line, Path],
) -> None:
    service, registry, between, folder = here
    before = told(service).reference.version
    assert gauge(service, "radresponse_model_serves", model=NAME, version=before) == 1.0
    between.cut_after = (MODEL.encode(), 400)
    version = admit(registry, folder, write(folder / "v2", NAME, seed=2))
    until(lambda: between.cuts > 0 and bool(told(service).trouble))
    assert told(service).reference.version == before
    assert predict(service).provenance.models[0].version == before
    assert {path.name for path in (folder / "serving" / NAME).iterdir() if version in path.name.split("-")[0]} == set()
    between.cut_after = None
    until(lambda: told(service).reference.version == version)
    assert not told(service).trouble
    until(lambda: service.health("radresponse.registry") == "SERVING")


def test_a_slow_registry_delays_no_answer_and_the_new_version_comes(here: tuple[Service, Registry, Line, Path]) -> None:
    service, registry, between, folder = here
    before = told(service).reference.version
    predict(service)
    between.delay_seconds = 1.0
    version = admit(registry, folder, write(folder / "v3", NAME, seed=3))
    answered = 0
    while told(service).reference.version == before:
        assert predict(service).provenance.models[0].version in (before, version)
        answered += 1
    assert answered > 3, "a look at the registry takes several of its answers; ours went on meanwhile"
    assert told(service).reference.version == version


def test_what_is_the_matter_with_a_version_is_seen_in_health_and_metrics(
    here: tuple[Service, Registry, Line, Path],
) -> None:
    service, registry, _, folder = here
    before = told(service).reference.version
    never = registry.register(write(folder / "v4", NAME, seed=4), NAME, alias="champion")
    until(lambda: service.health("radresponse.registry") == "NOT_SERVING")
    assert service.health() == "SERVING"
    assert gauge(service, "radresponse_model_trouble", model=NAME, version=never, reason="NOT_RELEASED") == 1.0
    registry.alias(NAME, before, "champion")
    until(lambda: service.health("radresponse.registry") == "SERVING")
    assert gauge(service, "radresponse_model_trouble", model=NAME, version=never, reason="NOT_RELEASED") is None
    assert gauge(service, "radresponse_registry_answers") == 1.0
