"""The real server in a process of its own, on a free port of this machine, stopped cleanly."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_SECONDS = 180.0
STOP_SECONDS = 30.0


class ServerFailed(Exception):
    """The server did not start, or did not stop as it should."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers."""

    address: str
    pid: int


@contextmanager
def running_server(folder: Path, settings: Mapping[str, object]) -> Iterator[RunningServer]:
    """Starts `python -m service serve`, waits until it is healthy, and ends it by SIGTERM.

    Args:
        folder: For `service.yaml` (written here) and `server.log`.
        settings: Of the service; host and port are set here.

    Raises:
        ServerFailed: It ended early, did not become healthy, or did not end when it was told.
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    file, log = folder / "service.yaml", folder / "server.log"
    file.write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
    command = [sys.executable, "-m", "service", "serve", "--settings", str(file)]
    environment = own_environment() | {"RADRESPONSE_HOST": "127.0.0.1", "RADRESPONSE_PORT": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        _wait_until_healthy(address, process, log)
        yield RunningServer(address, process.pid)
    finally:
        _stop(process, log)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_environment() -> dict[str, str]:
    """This process's variables without those that would send the demo to someone's real registry or settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RADRESPONSE_", "MLFLOW_")) or name == "RADRESPONSE_DATA"
    }


def _wait_until_healthy(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    with grpc.insecure_channel(address, options=(("grpc.max_reconnect_backoff_ms", 250),)) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < end:
            if process.poll() is not None:
                raise ServerFailed(f"the server ended with code {process.returncode}:\n{_tail(log)}")
            try:
                answer = health.Check(health_pb2.HealthCheckRequest(), timeout=2)  # type: ignore[attr-defined]  # of its stubs
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.RpcError:
                pass
            time.sleep(0.1)
    raise ServerFailed(f"the server was not healthy after {START_SECONDS:.0f} s:\n{_tail(log)}")


def _stop(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailed(f"the server did not end {STOP_SECONDS:.0f} s after SIGTERM:\n{_tail(log)}") from None
    if code != 0:
        raise ServerFailed(f"the server ended with code {code} after SIGTERM:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
