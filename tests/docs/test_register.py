"""The whole story over real processes: registered as the guide says, admitted, served within a minute, rolled back.

PostgreSQL under MLflow and under the releases; a service in a process of its own, under load from the client all the
while; and in the end MLflow is gone, the service is killed, and what starts again answers the same.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.brought import CASE, classifier, save_xgboost
from builders.mlflow_server import MlflowServer, mlflow_server
from builders.postgres import postgres
from builders.servers import free_port

from models.__main__ import main
from models.registry import Registry
from models.releases import PublicKeys, ReleaseStore, make_keys
from radresponse.client import Client, case
from radresponse.v1 import prediction_pb2

ROOT = Path(__file__).parents[2]
CELLS = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHIN_SECONDS = 60.0
"""Until an admitted version serves."""
PATIENT = case(
    "p-1",
    features={name: float(value) for name, value in CASE.items() if not name.startswith("clinical.")},
    age_years=CASE["clinical.age_years"],
)
NEW = {"response-mine": "2", "response-network": "1", "progression-cox-mine": "1"}
"""What the guide registers, and as which version here."""


def own() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RADRESPONSE_", "MLFLOW_"))}
    return kept | {"PYTHONPATH": f"{ROOT}/proto:{ROOT}", "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def run_cells(folder: Path, uri: str) -> None:
    """The guide's cells, as they stand, in one interpreter, against this server."""
    cells = CELLS.findall((ROOT / "docs/register.md").read_text())
    assert len(cells) == 4
    script = folder / "cells.py"
    script.write_text("\n".join(cells))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=own() | {"MLFLOW_TRACKING_URI": uri}, timeout=580,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@contextmanager
def service(folder: Path, registry: str, releases: str, key: Path, port: int) -> "Iterator[subprocess.Popen[str]]":
    words = [sys.executable, "-m", "service", "serve", "--port", str(port), "--data-folder", str(folder / "data")]
    words += ["--registry-uri", registry, "--releases-uri", releases, "--releases-key-file", str(key)]
    words += ["--poll-seconds", "1"]
    with (folder / "service.log").open("a") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=own(), cwd=ROOT)
    try:
        assert process.stdout is not None
        assert "listening on" in process.stdout.readline(), (folder / "service.log").read_text()[-3000:]
        yield process
    finally:
        process.kill()
        process.communicate()


class Load:
    """Calls without a pause; what each was answered by."""

    def __init__(self, port: int) -> None:
        self.answers: list[tuple[str, str, str]] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._call_on, args=(port,))

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _call_on(self, port: int) -> None:
        with Client(f"127.0.0.1:{port}") as client:
            while not self._stop.is_set():
                try:
                    answer = client.predict(PATIENT)
                    self.answers += [
                        (one.model.name, one.model.version, one.model.digest) for one in answer.predictions
                    ]
                except Exception as error:
                    self.failures.append(str(error))
                self._stop.wait(0.1)


def numbers(client: Client) -> dict[str, bytes]:
    """What every model says of the patient, to the bit."""
    answer = client.predict(PATIENT)
    found: dict[str, bytes] = {}
    for one in answer.predictions:
        told = prediction_pb2.Prediction(therapy=one.therapy, model=one.model)
        if one.HasField("outcome"):
            told.outcome.CopyFrom(one.outcome)
        if one.HasField("progression"):
            told.progression.CopyFrom(one.progression)
        found[f"{one.model.name} {one.model.version} {one.therapy}"] = told.SerializeToString(deterministic=True)
    return found


def until(condition: Callable[[], bool], seconds: float = WITHIN_SECONDS) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come about"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture
def database() -> Iterator[str]:
    with postgres("mlflow") as uri:
        yield uri


@pytest.mark.slow
def test_what_the_guide_registers_is_admitted_served_and_survives(tmp_path: Path, database: str) -> None:
    keys = tmp_path / "keys"
    make_keys(keys)
    port = free_port()
    with mlflow_server(tmp_path, database) as server:
        server.wait()
        told = ["--registry", server.uri, "--releases", database, "--key", str(keys / "release.key")]
        told += ["--data", str(tmp_path / "desk"), "--by", "a test"]

        def admit(name: str) -> None:
            words = ["admit", f"models:/{name}/latest", "--policy", "research", "--alias", "champion"]
            assert main([*words, *told]) == 0

        Registry(server.uri).register(save_xgboost(tmp_path / "first", classifier(), "outcome"), "response-mine")
        admit("response-mine")
        with service(tmp_path, server.uri, database, keys / "release.pub", port) as process:
            _while_it_serves(tmp_path, server, database, keys, port, admit)
            with Client(f"127.0.0.1:{port}") as client:
                before = numbers(client)
            server.stop()
            process.send_signal(signal.SIGKILL)
            process.wait()
        with service(tmp_path, server.uri, database, keys / "release.pub", port), Client(f"127.0.0.1:{port}") as client:
            assert numbers(client) == before


def _while_it_serves(
    folder: Path, server: MlflowServer, releases: str, keys: Path, port: int, admit: Callable[[str], None]
) -> None:
    with Client(f"127.0.0.1:{port}") as client, Load(port) as load:

        def version(name: str) -> str:
            return next((one.reference.version for one in client.models() if one.reference.name == name), "")

        until(lambda: version("response-mine") == "1" and bool(load.answers))
        first = {key: value for key, value in numbers(client).items() if key.startswith("response-mine")}
        run_cells(folder, server.uri)
        for name, number in NEW.items():
            admit(name)
            until(lambda name=name, number=number: version(name) == number)  # type: ignore[misc]
        until(lambda: any(one[:2] == ("response-mine", "2") for one in load.answers))
        words = ["rollback", "response-mine", "--registry", server.uri, "--releases", releases]
        assert main([*words, "--public-key", str(keys / "release.pub"), "--data", str(folder / "desk")]) == 0
        until(lambda: version("response-mine") == "1")
        assert {k: v for k, v in numbers(client).items() if k.startswith("response-mine")} == first
    assert load.failures == []
    public, store = PublicKeys.read(keys / "release.pub"), ReleaseStore(releases)
    released = {(one.name, one.version): one.verified(public).digest for one in store.releases()}
    assert {(name, number): digest for name, number, digest in load.answers}.items() <= released.items()
    assert {name for name, _, _ in load.answers} == set(NEW)
    served = [
        (event.version, event.kind) for event in store.events("response-mine") if event.kind in ("serves", "stopped")
    ]
    assert served[-4:] == [("1", "stopped"), ("2", "serves"), ("2", "stopped"), ("1", "serves")]
    store.close()
