"""What the record of calls costs a call: the same small prediction with it, and by a server that records nothing.

The prediction is of one Cox model on covariates alone, so that what is around it weighs as much as it can.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radresponse.v1 import prediction_pb2

Say = Callable[[str], None]
TESTS = str(Path(__file__).parents[1])
METHOD = "/radresponse.v1.PredictionService/Predict"
CALLERS = (1, 32)
SECONDS = 6.0
ROUNDS = 3
SERVER = """
import asyncio, sys
from pathlib import Path
import service.server
from service.settings import Settings

class Nothing:
    def __init__(self, store, file):
        pass
    async def write(self, call):
        pass
    def write_at_once(self, make):
        return make() is not None
    def close(self):
        pass

async def main():
    folder, registry, recorded = sys.argv[1:]
    if recorded == "no":
        service.server.Writer = Nothing
    running = await service.server.start(Settings(port=0, data_folder=Path(folder), registry_uri=registry))
    print(running.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await running.stop()

asyncio.run(main())
"""


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them; the servers take turns, the best round of each counts."""
    sys.path.insert(0, TESTS)
    from builders.cases import case  # noqa: PLC0415
    from builders.registry import filled  # noqa: PLC0415

    one = case(covariates={"age_years": 61.0, "sex": "female"})
    request = prediction_pb2.PredictRequest(case=one, models=["progression-age"]).SerializeToString()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = filled(folder, ("progression-age",)).uri
        with _server(folder / "with", registry, "yes") as with_it, _server(folder / "none", registry, "no") as without:
            say(f"  {'server':<12} {'callers':>7} {'p50':>9} {'p99':>9} {'calls/s':>9}")
            for callers in CALLERS:
                best: dict[str, dict[str, float]] = {}
                for _ in range(ROUNDS):
                    for what, address in (("recording", with_it), ("not", without)):
                        seen = _load(address, callers, request)
                        if seen["calls_per_second"] > best.get(what, seen)["calls_per_second"] or what not in best:
                            best[what] = seen
                for what, seen in best.items():
                    say(
                        f"  {what:<12} {callers:>7} {seen['p50_ms']:>6.2f} ms {seen['p99_ms']:>6.2f} ms "
                        f"{seen['calls_per_second']:>9.0f}"
                    )
                figures[str(callers)] = best
    return figures


def _load(address: str, callers: int, request: bytes) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.load", address, METHOD, str(callers), str(SECONDS)]
    ended = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


@contextmanager
def _server(folder: Path, registry: str, recorded: str) -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(folder), registry, recorded]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
