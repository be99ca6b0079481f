"""A real MLflow server of its own, one worker, on loopback and a free port, that can be stopped and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from builders.servers import free_port

START_SECONDS = 240


class MlflowServer:
    """Its process."""

    def __init__(self, folder: Path, backend: str) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.files = folder / "files"
        self._log = folder / "mlflow.log"
        self._folder = folder
        self._backend = backend
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begins; `wait` until it answers."""
        words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--workers", "1", "--backend-store-uri", self._backend, "--artifacts-destination", str(self.files)]
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "RADRESPONSE_"))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                words, stdout=log, stderr=log, cwd=self._folder, start_new_session=True, env=own
            )

    def wait(self) -> None:
        """Until it answers."""
        assert self._process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            try:
                with urlopen(f"{self.uri}/health", timeout=2):  # noqa: S310 - of this machine
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        """At once, with its worker."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
        self._process = None


@contextmanager
def mlflow_server(folder: Path, backend: str) -> Iterator[MlflowServer]:
    """One that begins; `wait` for it."""
    server = MlflowServer(folder, backend)
    server.start()
    try:
        yield server
    finally:
        server.stop()
