"""One XGBoost model, 100 columns, one patient a call: ours over gRPC beside MLflow's own server and MLServer.

`make bench ONLY=registry`: each peer in an environment of its own under build/bench/servers/, installed once from the
package index. The same files, one after the other on the same machine in one run, callers in a process of their own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from radresponse.v1 import case_pb2, prediction_pb2
from service.demo.process import free_port, running_server

Say = Callable[[str], None]
Load = Callable[[int], dict[str, float]]
"""Takes how many callers; gives figures."""

OURS = "radresponse, gRPC"

COLUMNS = 100
SECONDS = 3.0
ROUNDS = 7
CALLERS = (1, 32)
NAME = "plain"
FOLDER = Path(os.environ.get("RADRESPONSE_SERVERS_FOLDER", "build/bench/servers"))
PACKAGES = {
    "mlflow": ("mlflow==3.17.2", "xgboost-cpu==3.2.0"),
    "mlserver": ("mlserver==1.7.1", "mlserver-mlflow==1.7.1", "uvloop==0.21.0", "xgboost-cpu==3.2.0"),
}
START_SECONDS = 120.0
INFER = "/inference.GRPCInferenceService/ModelInfer"
MLSERVER_REQUEST = """
import json, sys
from mlserver.grpc.dataplane_pb2 import ModelInferRequest
request = ModelInferRequest(model_name=sys.argv[1])
request.parameters["content_type"].string_param = "pd"
for name, value in json.load(sys.stdin).items():
    one = request.inputs.add(name=name, datatype="FP64", shape=[1, 1])
    one.contents.fp64_contents.append(value)
sys.stdout.buffer.write(request.SerializeToString())
"""
"""Written by MLServer's own messages, in its environment."""
PREDICT = "/radresponse.v1.PredictionService/Predict"


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        place = Path(folder)
        table, truth = _version(place / "model")
        case = {str(name): float(value) for name, value in table.iloc[0].items()}
        say(
            f"One XGBoost model, {COLUMNS} columns, one patient a call: medians of {ROUNDS} rounds, "
            f"in each of which the servers take turns ({SECONDS:.0f} s each)\n"
        )
        loads: dict[str, Load] = {}
        for started in (_ours, _mlflow, _mlserver):
            try:
                loads |= running.enter_context(started(place, case, truth))
            except (subprocess.CalledProcessError, RuntimeError, OSError) as error:
                say(f"{started.__name__[1:]} did not run: {error}\n")
        figures: dict[str, Any] = {name: {callers: [] for callers in CALLERS} for name in loads}
        for _ in range(ROUNDS):
            for callers in CALLERS:
                for name, load in loads.items():
                    figures[name][callers].append(load(callers))
    _tell(figures, say)
    return figures


def _tell(figures: dict[str, Any], say: Say) -> None:
    """Beside each peer's medians how many times ours are better: the median of the rounds' own ratios."""
    say("| server | callers | p50, ms | p99, ms | predictions/s | its p50 / ours | our predictions/s / its |")
    say("|---|---|---|---|---|---|---|")
    for name, of_server in figures.items():
        for callers, rounds in of_server.items():
            p50, p99, rate = (median(one[what] for one in rounds) for what in ("p50_ms", "p99_ms", "calls_per_second"))
            row = f"| {name} | {callers} | {p50:.2f} | {p99:.1f} | {rate:.0f} |"
            if name != OURS and OURS in figures:
                pairs = list(zip(rounds, figures[OURS][callers], strict=True))
                quicker = median(its["p50_ms"] / ours["p50_ms"] for its, ours in pairs)
                more = median(ours["calls_per_second"] / its["calls_per_second"] for its, ours in pairs)
                row += f" {quicker:.1f} | {more:.1f} |"
            else:
                row += " | |"
            say(row)


def _version(folder: Path) -> tuple[pd.DataFrame, float]:
    """What a data scientist registers, and its answer for the first patient."""
    import mlflow.xgboost  # noqa: PLC0415 - seconds to import
    from mlflow.models import infer_signature  # noqa: PLC0415

    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(400, COLUMNS)), columns=[f"feature_{index}" for index in range(COLUMNS)])
    response = (table.iloc[:, 0] + draw.normal(size=400) > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1).fit(table, response)
    few = table.head()
    mlflow.xgboost.save_model(
        model, str(folder), model_format="ubj", signature=infer_signature(few, model.predict(few)), input_example=few,
        metadata={"radresponse.task": "outcome"}, pip_requirements=["xgboost"],
    )  # fmt: skip
    return table, float(model.predict_proba(table.head(1))[0, 1])


@contextmanager
def _ours(folder: Path, case: dict[str, float], truth: float) -> Iterator[dict[str, Load]]:
    """Registered and admitted as docs/register.md says."""
    from models.__main__ import main  # noqa: PLC0415
    from models.registry import Registry  # noqa: PLC0415

    home = folder / "home"
    registry = Registry(data_folder=home)
    registry.register(folder / "model", NAME)
    with open(os.devnull, "w") as quiet:  # noqa: PTH123
        out, sys.stdout = sys.stdout, quiet
        try:
            keys = main(["keys", "--out", str(home)])
            admit = ["admit", f"models:/{NAME}/1", "--policy", "research", "--alias", "champion", "--data", str(home)]
            admitted = main([*admit, "--registry", registry.uri])
        finally:
            sys.stdout = out
    if keys or admitted:
        raise RuntimeError("the version was not admitted")
    request = prediction_pb2.PredictRequest(case=case_pb2.Case(subject="bench", features=case), models=[NAME])
    settings = {"data_folder": str(home), "registry_uri": registry.uri, "log_level": "warning"}
    with running_server(folder, settings) as server:
        import grpc  # noqa: PLC0415

        from radresponse.v1 import prediction_pb2_grpc  # noqa: PLC0415

        with grpc.insecure_channel(server.address) as channel:
            answer = prediction_pb2_grpc.PredictionServiceStub(channel).Predict(request)
        _require(answer.predictions[0].outcome.probability, truth)
        yield {OURS: lambda callers: _load("load", request.SerializeToString(), server.address, PREDICT, str(callers))}


@contextmanager
def _mlflow(folder: Path, case: dict[str, float], truth: float) -> Iterator[dict[str, Load]]:
    port = free_port()
    words = ["-m", "mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    body = json.dumps({"dataframe_split": {"columns": list(case), "data": [list(case.values())]}}).encode()
    with _server("mlflow", [*words, "--port", str(port), "--host", "127.0.0.1"], folder, port, "/health"):
        _require_class(_post(port, "/invocations", body)["predictions"][0], truth)
        yield {"mlflow models serve": lambda callers: _load("http_load", body, str(port), "/invocations", str(callers))}


@contextmanager
def _mlserver(folder: Path, case: dict[str, float], truth: float) -> Iterator[dict[str, Load]]:
    port, home = free_port(), folder / "mlserver"
    home.mkdir()
    told = {
        "name": NAME,
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(folder / "model")},
    }
    (home / "model-settings.json").write_text(json.dumps(told))
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "host": "127.0.0.1"}
    (home / "settings.json").write_text(json.dumps({**ports, "parallel_workers": 1, "debug": False}))
    inputs = [{"name": name, "shape": [1, 1], "datatype": "FP64", "data": [value]} for name, value in case.items()]
    body = json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()
    path = f"/v2/models/{NAME}/infer"
    with _server("mlserver", ["-m", "mlserver.cli.main", "start", str(home)], folder, port, f"/v2/models/{NAME}/ready"):
        _require_class(_post(port, path, body)["outputs"][0]["data"][0], truth)
        address = f"127.0.0.1:{ports['grpc_port']}"
        message = subprocess.run(
            [str(_installed("mlserver")), "-c", MLSERVER_REQUEST, NAME],
            input=json.dumps(case).encode(), stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        yield {
            "MLServer, REST": lambda callers: _load("http_load", body, str(port), path, str(callers)),
            "MLServer, gRPC": lambda callers: _load("load", message, address, INFER, str(callers)),
        }


@contextmanager
def _server(peer: str, words: list[str], folder: Path, port: int, health: str) -> Iterator[None]:
    python = _installed(peer)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
    own |= {"PATH": f"{python.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    with (folder / f"{peer}.log").open("wb") as log:
        process = subprocess.Popen([str(python), *words], stdout=log, stderr=log, env=own, cwd=folder)
    try:
        end = time.monotonic() + START_SECONDS
        while not _healthy(port, health):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / f"{peer}.log").read_text()[-300:].replace("\n", " "))
            time.sleep(0.3)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _installed(peer: str) -> Path:
    """The Python of a peer's environment, made where it is missing."""
    python = (FOLDER / peer / "bin" / "python").absolute()
    if not (FOLDER / peer / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / peer)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES[peer]], check=True)
        (FOLDER / peer / "ready").touch()
    return python


def _healthy(port: int, path: str) -> bool:
    from urllib.request import urlopen  # noqa: PLC0415

    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
            return True
    except OSError:
        return False


def _post(port: int, path: str, body: bytes) -> Any:  # noqa: ANN401 - JSON
    from urllib.request import Request, urlopen  # noqa: PLC0415

    request = Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def _require(probability: float, truth: float) -> None:
    if abs(probability - truth) > 1e-6:
        raise RuntimeError(f"it answers {probability}; wanted {truth}")


def _require_class(predicted: float, truth: float) -> None:
    """MLflow's servers answer with the class."""
    if float(predicted) != float(truth > 0.5):
        raise RuntimeError(f"it answers {predicted}; wanted {float(truth > 0.5)}")


def _load(module: str, request: bytes, *words: str) -> dict[str, float]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *words, str(SECONDS)]
    ended = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures
