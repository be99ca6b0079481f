"""What a prediction costs over gRPC: kept features under load, beside a bare echo; the way from a CT file; memory.

Needs nothing but this repository: the models are those of `python -m service demo`, made first where they are
missing, and the case is lung1 of pyradiomics' archive.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from features.samples import sample
from radresponse.client import Client, case, scan
from radresponse.v1 import prediction_pb2
from service.demo.process import free_port, running_server
from service.demo.show import COVARIATES, THERAPIES, prepare, registry_of

from .echo import METHOD as ECHO
from .memory import watched

Say = Callable[[str], None]

SECONDS = 6.0
"""Of each load."""
CALLERS = (1, 32)
COLD_RUNS = 5
UPLOAD_BYTES = 256 * 1024**2
SUBJECT = "bench"
DEMO = Path("build/demo")

PREDICT = "/radresponse.v1.PredictionService/Predict"
COMPARE = "/radresponse.v1.PredictionService/CompareTherapies"


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    registry = registry_of(prepare(DEMO))
    metrics_port = free_port()
    figures: dict[str, Any] = {"machine": _machine()}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), _settings(Path(folder), registry, metrics_port)) as server,
        Client(server.address) as client,
    ):
        say("\nFrom the CT file to the answer (lung1, four models, three therapies)")
        figures["from_file"] = _from_file(client, metrics_port, say)
        say("\nThe same case with its features kept, beside an echo of as many bytes")
        figures["kept"] = _kept(client, server.address, say)
        say(f"\nServer memory during an upload of {UPLOAD_BYTES // 1024**2} MiB")
        figures["upload"] = _upload(client, server.pid, Path(folder), say)
        client.delete_subject(SUBJECT)
    return figures


def _settings(folder: Path, registry: str, metrics_port: int) -> dict[str, object]:
    """With uploads and features of its own, so that nothing is kept from before."""
    return {
        "data_folder": str(folder / "data"),
        "registry_uri": registry,
        "metrics_port": metrics_port,
        "log_level": "warning",
    }


def _from_file(client: Client, metrics_port: int, say: Say) -> dict[str, float]:
    """Milliseconds of each part, median of several runs that find nothing kept."""
    image, mask = sample("lung1")
    runs: list[dict[str, float]] = []
    for _ in range(COLD_RUNS + 1):
        client.delete_subject(SUBJECT)
        before = _stages(metrics_port)
        started = time.perf_counter()
        files = [client.upload(SUBJECT, file) for file in (image, mask)]
        uploaded = time.perf_counter()
        client.compare(case(SUBJECT, [scan("ct", *files)], covariates=COVARIATES), THERAPIES)
        answered = time.perf_counter()
        after = _stages(metrics_port)
        parts = {stage: after[stage] - before.get(stage, 0.0) for stage in after}
        spent = {"upload": uploaded - started, **parts}
        spent["rest"] = (answered - uploaded) - sum(parts.values())
        runs.append({**spent, "whole": answered - started})
    names = list(runs[-1])
    middle = {name: 1000 * statistics.median(run.get(name, 0.0) for run in runs[1:]) for name in names}
    for name, milliseconds in middle.items():
        say(f"  {name:<12} {milliseconds:8.1f} ms")
    say(f"  (median of {COLD_RUNS}; the first of this server, not counted: {1000 * runs[0]['whole']:.0f} ms)")
    return {**middle, "first_of_server": 1000 * runs[0]["whole"]}


def _kept(client: Client, address: str, say: Say) -> list[dict[str, Any]]:
    image, mask = sample("lung1")
    files = [client.upload(SUBJECT, file) for file in (image, mask)]
    patient = case(SUBJECT, [scan("ct", *files)], covariates=COVARIATES)
    one = prediction_pb2.PredictRequest(models=["outcome-xgboost"], therapies=THERAPIES[:1])
    all_of_them = prediction_pb2.CompareTherapiesRequest(therapies=THERAPIES)
    one.case.CopyFrom(client.message(patient))
    all_of_them.case.CopyFrom(one.case)
    answers = (client.predict(patient, one.models, one.therapies), client.compare(patient, THERAPIES))
    rows = []
    say(f"  {'what':<44} {'callers':>7} {'p50':>9} {'p99':>9} {'calls/s':>9}")
    for what, method, request, answer in (
        ("one prediction (outcome-xgboost)", PREDICT, one, answers[0]),
        ("comparison (4 models, 3 therapies)", COMPARE, all_of_them, answers[1]),
    ):
        asked = request.SerializeToString()
        with _echo(answer.ByteSize()) as echo_address:
            for callers in CALLERS:
                for name, to, path in (
                    (what, address, method),
                    (f"  echo, {answer.ByteSize()} bytes", echo_address, ECHO),
                ):
                    figures = _load(to, path, callers, asked)
                    rows.append({"what": name.strip(), "callers": callers, **figures})
                    say(
                        f"  {name:<44} {callers:>7} {figures['p50_ms']:>6.2f} ms {figures['p99_ms']:>6.2f} ms "
                        f"{figures['calls_per_second']:>9.0f}"
                    )
    return rows


def _upload(client: Client, pid: int, folder: Path, say: Say) -> dict[str, float]:
    file = folder / "large"
    with file.open("wb") as writing:
        for _ in range(UPLOAD_BYTES // 1024**2):
            writing.write(os.urandom(1024**2))
    with watched(pid) as peak:
        started = time.perf_counter()
        client.upload(SUBJECT, file, progress=False)
        seconds = time.perf_counter() - started
    figures = {"before_mib": peak.before, "rise_mib": peak.rise, "mib_per_second": UPLOAD_BYTES / 1024**2 / seconds}
    say(f"  {peak.before:.0f} MiB before, {peak.rise:.0f} MiB more at most; {figures['mib_per_second']:.0f} MiB/s")
    return figures


def _stages(port: int) -> dict[str, float]:
    """Seconds that the server has spent in each stage so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    spent: dict[str, float] = {}
    for stage, seconds in re.findall(r'radresponse_stage_seconds_sum\{.*stage="(\w+)".*\} (\S+)', text):
        spent[stage] = spent.get(stage, 0.0) + float(seconds)
    return spent


def _load(address: str, method: str, callers: int, request: bytes) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.load", address, method, str(callers), str(SECONDS)]
    ended = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


@contextmanager
def _echo(size_bytes: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.echo", str(size_bytes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def _machine() -> dict[str, object]:
    return {"cores": len(os.sched_getaffinity(0)), "python": sys.version.split()[0]}
