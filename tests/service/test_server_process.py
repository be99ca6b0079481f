"""`python -m service` as a process: start, health, tokens, end by SIGTERM, memory."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from builders.servers import CHUNK, free_port, image_server, refused

from radresponse.v1.image_pb2 import DeleteSubjectRequest, UploadHeader, UploadImageRequest
from radresponse.v1.image_pb2_grpc import ImageServiceStub
from service.settings import Settings
from service.tokens import read_tokens

MIB = 1024**2


def environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RADRESPONSE_", "MLFLOW_"))}
    return own | {"PYTHONPATH": "proto", "OMP_NUM_THREADS": "1"}


def service(*words: str, **of: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment() | of, timeout=60, check=False)


@dataclass
class Process:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str
    line: str
    log: Path

    def forget_peak(self) -> float:
        """Lets the peak of its memory count from now; gives what it holds, in MiB."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self._memory_mib("VmRSS")

    def peak_mib(self) -> float:
        """The most memory that it held since."""
        return self._memory_mib("VmHWM")

    def _memory_mib(self, key: str) -> float:
        found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Process]:
    log = folder / "log"
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--data-folder", str(folder / "data"), *words]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment())
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"listening on (127\.0\.0\.1:\d+)", line)
        assert found is not None, log.read_text()
        yield Process(process, found[1], line, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@dataclass(frozen=True)
class Ended:
    """What was seen of a server that answered some calls and was then told to end."""

    line: str
    log: str
    port: str
    grown_mib: float
    health: "subprocess.CompletedProcess[str]"
    code: int
    seconds: float


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, registry_folder: Path) -> Ended:
    folder, registry = tmp_path_factory.mktemp("process"), f"sqlite:///{registry_folder / 'mlflow.db'}"
    with served(folder, "--registry-uri", registry) as server:
        with grpc.insecure_channel(server.address) as channel:
            images = ImageServiceStub(channel)
            images.DeleteSubject(DeleteSubjectRequest(subject="NEEDLE"))
            refused(images.DeleteSubject, DeleteSubjectRequest(subject="NEEDLE !"))
            before = server.forget_peak()
            assert images.UploadImage(upload(256 * MIB)).image.complete
            grown_mib = server.peak_mib() - before
        port = server.address.split(":")[1]
        health = service("health", "--port", port)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(30)
        return Ended(server.line, server.log.read_text(), port, grown_mib, health, code, time.monotonic() - began)


def upload(size_bytes: int) -> Iterator[UploadImageRequest]:
    """A file that this process never holds as a whole either."""
    chunk = bytes(range(256)) * (CHUNK // 256)
    whole = hashlib.sha256()
    for _ in range(size_bytes // CHUNK):
        whole.update(chunk)
    yield UploadImageRequest(header=UploadHeader(subject="NEEDLE", digest=whole.hexdigest(), size_bytes=size_bytes))
    for _ in range(size_bytes // CHUNK):
        yield UploadImageRequest(chunk=chunk)


def test_the_first_line_says_where_and_which_models(ended: Ended) -> None:
    assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+ \(plain\); serving: [a-z-]+ 1(, [a-z-]+ 1)*\n", ended.line)


def test_a_256_mib_upload_takes_less_than_150_mib(ended: Ended) -> None:
    assert ended.grown_mib < 150


def test_it_is_healthy_until_it_is_gone(ended: Ended) -> None:
    assert (ended.health.returncode, ended.health.stdout) == (0, "SERVING\n")
    asked = service("health", "--port", ended.port)
    assert (asked.returncode, asked.stdout) == (1, "UNAVAILABLE\n")


def test_sigterm_ends_it_at_once_with_code_0_when_nothing_runs(ended: Ended) -> None:
    assert ended.code == 0
    assert ended.seconds < 10


def test_all_of_its_log_is_json_and_names_nobody(ended: Ended) -> None:
    lines = [json.loads(line) for line in ended.log.splitlines()]
    assert [line["code"] for line in lines if line["message"] == "call"] == ["OK", "INVALID_ARGUMENT", "OK"]
    assert "NEEDLE" not in ended.log


@pytest.mark.parametrize(
    ("words", "of", "told"),
    [
        (("--host", "0.0.0.0"), {}, "not loopback"),  # noqa: S104
        (("--workers", "none"), {}, "workers"),
        ((), {"RADRESPONSE_WORKER": "2"}, "RADRESPONSE_WORKER"),
        (("--settings", "missing.yaml"), {}, "missing.yaml"),
        (("--tokens-file", "missing.yaml"), {}, "tokens_file"),
    ],
)
def test_bad_settings_end_it_with_one_line_and_code_2(
    tmp_path: Path, words: tuple[str, ...], of: dict[str, str], told: str
) -> None:
    done = service("serve", "--port", "0", "--data-folder", str(tmp_path), *words, **of)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_a_token_is_printed_once_with_the_line_for_the_file(tmp_path: Path) -> None:
    done = service("token", "--name", "oncology-system", "--roles", "predict,read")
    secret, line = done.stdout.splitlines()
    file = tmp_path / "tokens.yaml"
    file.write_text(f"{line}\n")
    (token,) = read_tokens(file)
    assert (token.name, token.roles, token.expires) == ("oncology-system", ("predict", "read"), None)
    assert secret not in line
    assert (done.returncode, done.stderr) == (0, "")


def test_a_token_can_be_added_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    words = ("token", "--name", "c", "--roles", "read", "--days", "30", "--tokens-file", str(file))
    done = service(*words), service(*words)
    assert [run.stdout.count("\n") for run in done] == [1, 1]
    assert len(read_tokens(file)) == 2
    assert all(token.expires is not None for token in read_tokens(file))


def test_a_token_of_an_unknown_role_is_refused() -> None:
    done = service("token", "--name", "c", "--roles", "boss")
    assert (done.returncode, done.stdout) == (2, "")
    assert "predict, read, admin" in done.stderr


def test_health_behind_tls_is_asked_for_at_its_own_port(tmp_path: Path) -> None:
    from builders.certificates import Authority  # noqa: PLC0415

    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    certificate, key = authority.server().write(tmp_path, "server")
    settings = Settings(
        port=0,
        data_folder=tmp_path / "data",
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_client_ca_file=tmp_path / "ca.crt",
        health_port=free_port(),
        drain_seconds=1,
    )
    files = ("--tls-certificate-file", str(certificate), "--tls-key-file", str(key))
    with image_server(settings) as running:
        with grpc.insecure_channel(f"127.0.0.1:{running.health_port}") as channel:
            call = ImageServiceStub(channel).DeleteSubject
            assert refused(call, DeleteSubjectRequest(subject="p")).code is grpc.StatusCode.UNIMPLEMENTED
        asked = service("health", "--health-port", str(running.health_port), *files)
        assert (asked.returncode, asked.stdout) == (0, "SERVING\n")
    asked = service("health", *files)
    assert asked.returncode == 2
    assert "health_port" in asked.stderr
