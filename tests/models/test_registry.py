"""The registry gives back what was put in, and fails with one word: on SQLite and on a real MLflow server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from models.errors import BrokenFile, ModelNotFound, RegistryUnavailable
from models.registry import Registry


def model_folder(parent: Path, text: str = "one") -> Path:
    """A folder with two files; the registry does not care what they hold."""
    folder = parent / f"model-{text}"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text(f"text: {text}\n")
    (folder / "data" / "weights.json").write_text("[1, 2]")
    return folder


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Registry:
    folder = tmp_path_factory.mktemp("registry")
    return Registry(f"sqlite:///{shutil.copy(blank_database, folder)}")


@pytest.fixture(scope="module", autouse=True)
def starting(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[int]:
    """The port of a real MLflow server of its own, one worker; it starts while other tests run."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(blank_database, folder / "server.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/files"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        try:
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its worker, which would take its time
            process.wait(20)


@pytest.fixture(scope="module")
def server(starting: int) -> Registry:
    """The server, once it answers."""
    for _ in range(300):
        try:
            with urlopen(f"http://127.0.0.1:{starting}/health", timeout=1):
                break
        except OSError:
            time.sleep(0.2)
    return Registry(f"http://127.0.0.1:{starting}")


def walk(registry: Registry, folder: Path) -> None:
    """The whole life of a model in a registry."""
    assert registry.aliased("champion") == []
    first = registry.register(
        model_folder(folder, "one"),
        "outcome-xgboost",
        params={"folds": 5},
        metrics={"auc": 0.7},
        tags={"radresponse.task": "outcome"},
        description="a card",
        alias="champion",
    )
    second = registry.register(model_folder(folder, "two"), "outcome-xgboost")
    assert (first, second) == ("1", "2")
    assert registry.aliased("champion") == [("outcome-xgboost", "1")]
    newest, oldest = registry.versions("outcome-xgboost")
    assert (newest.version, newest.aliases) == ("2", ())
    assert (oldest.version, oldest.aliases, oldest.tags["radresponse.task"]) == ("1", ("champion",), "outcome")
    assert registry.fetch("outcome-xgboost", "1", folder / "out" / "1") == folder / "out" / "1"
    assert (folder / "out" / "1" / "MLmodel").read_text() == "text: one\n"
    assert (folder / "out" / "1" / "data" / "weights.json").read_text() == "[1, 2]"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["1"]
    registry.alias("outcome-xgboost", "2", "champion")
    assert registry.aliased("champion") == [("outcome-xgboost", "2")]
    (listed,) = [model for model in registry.list() if model.name == "outcome-xgboost"]
    assert listed.latest is not None
    assert (listed.latest.version, dict(listed.aliases)) == ("2", {"champion": "2"})
    with pytest.raises(ModelNotFound, match="outcome-none"):
        registry.versions("outcome-none")
    with pytest.raises(ModelNotFound, match="version '9'"):
        registry.fetch("outcome-xgboost", "9", folder / "out" / "9")


def test_a_version_comes_back_as_it_went_in(sqlite: Registry, tmp_path: Path) -> None:
    walk(sqlite, tmp_path)


def test_files_lie_beside_the_sqlite_file(sqlite: Registry, tmp_path: Path) -> None:
    sqlite.register(model_folder(tmp_path), "beside")
    home = Path(sqlite.uri.removeprefix("sqlite:///")).parent
    assert sorted(path.name for path in home.iterdir()) == ["artifacts", "mlflow.db", "mlflow.db.lock"]


def test_too_many_files_are_refused_before_they_are_fetched(sqlite: Registry, tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    for number in range(300):
        (folder / f"{number}.txt").touch()
    version = sqlite.register(folder, "many")
    with pytest.raises(BrokenFile, match="256"):
        sqlite.fetch("many", version, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dead_server_is_said_within_seconds() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(RegistryUnavailable) as caught:
        Registry(f"http://127.0.0.1:{port}").aliased("champion")
    assert str(port) not in str(caught.value)


def test_a_file_that_is_no_database_is_the_registrys_trouble(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database at all " * 100)
    with pytest.raises(RegistryUnavailable):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}").list()


def test_the_address_is_the_one_given_then_the_environments_then_the_data_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Registry(data_folder=tmp_path).uri == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert Registry(data_folder=tmp_path).uri == "http://elsewhere"
    assert Registry("http://given", data_folder=tmp_path).uri == "http://given"


def test_processes_that_open_a_new_registry_at_once_all_open_it(tmp_path: Path) -> None:
    opened = "import sys; from models.registry import Registry; print(Registry(sys.argv[1]).aliased('champion'))"
    command = [sys.executable, "-c", opened, f"sqlite:///{tmp_path}/deep/new/mlflow.db"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        out, trouble = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "[]\n"), trouble


@pytest.mark.slow
def test_a_real_server_does_the_same(server: Registry, tmp_path: Path) -> None:
    walk(server, tmp_path)
