"""What the image runs, run without the image: its start command, its health check and its secrets, over TLS."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yaml
from builders.servers import free_port, refused

from radresponse.v1.model_pb2 import ListModelsRequest
from radresponse.v1.model_pb2_grpc import ModelServiceStub

ROOT = Path(__file__).parents[2]
IN_CONTAINER = Path("/run/secrets")


def instruction(word: str) -> list[str]:
    """The words of the Dockerfile's last instruction of that name (exec form)."""
    text = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith(f"{word} ")]
    words: list[str] = json.loads("[" + lines[-1].split("[", 1)[1])
    return words


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What deploy/secrets.sh makes."""
    if shutil.which("openssl") is None:
        pytest.skip("deploy/secrets.sh needs openssl (Debian: apt-get install openssl)")
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run(
        ["bash", "deploy/secrets.sh"],
        cwd=ROOT,
        env=os.environ | {"SECRETS": str(folder)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder


@contextmanager
def started(secrets: Path, data: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The image's start command with the paths of this machine in place of the container's."""
    settings = yaml.safe_load((ROOT / "deploy/service.yaml").read_text())
    port, health = free_port(), free_port()
    own = {key: value for key, value in os.environ.items() if not key.startswith(("RADRESPONSE_", "MLFLOW_"))}
    environment = own | {
        "RADRESPONSE_HOST": "127.0.0.1",
        "RADRESPONSE_PORT": str(port),
        "RADRESPONSE_HEALTH_PORT": str(health),
        "RADRESPONSE_DATA_FOLDER": str(data),
        "RADRESPONSE_REGISTRY_URI": f"sqlite:///{data}/mlflow.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for key, value in settings.items():
        if key.endswith("_file"):
            inside = Path(value)
            assert inside.parent == IN_CONTAINER
            environment[f"RADRESPONSE_{key.upper()}"] = str(secrets / inside.name)
    log = data / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            instruction("CMD"), cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=written, text=True
        )
    try:
        assert process.stdout is not None
        assert "127.0.0.1" in process.stdout.readline(), log.read_text()
        yield port, environment
    finally:
        process.terminate()
        process.communicate(timeout=40)
        assert process.returncode == 0


def channel(port: int, secrets: Path, certificate: bool = True) -> grpc.Channel:
    key, own = ((secrets / name).read_bytes() for name in ("client.key", "client.crt"))
    credentials = grpc.ssl_channel_credentials(
        (secrets / "ca.crt").read_bytes(), key if certificate else None, own if certificate else None
    )
    return grpc.secure_channel(f"localhost:{port}", credentials)


def test_the_start_command_serves_with_the_secrets_that_the_script_makes(secrets: Path, tmp_path: Path) -> None:
    token = (secrets / "oncology-system.token").read_text().strip()
    with started(secrets, tmp_path) as (port, environment):
        health = subprocess.run(instruction("HEALTHCHECK"), cwd=ROOT, env=environment, check=False, timeout=60)
        assert health.returncode == 0
        with channel(port, secrets) as called:
            answered = ModelServiceStub(called).ListModels(
                ListModelsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=20
            )
            assert list(answered.models) == []
            without = refused(ModelServiceStub(called).ListModels, ListModelsRequest())
            assert without.code is grpc.StatusCode.UNAUTHENTICATED
        with channel(port, secrets, certificate=False) as stranger, pytest.raises(grpc.RpcError) as error:
            ModelServiceStub(stranger).ListModels(ListModelsRequest(), timeout=10)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


def test_the_script_keeps_the_secrets_that_are_there(secrets: Path) -> None:
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}
    again = os.environ | {"SECRETS": str(secrets)}
    subprocess.run(["bash", "deploy/secrets.sh"], cwd=ROOT, env=again, check=True, capture_output=True, timeout=60)
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before


def test_compose_mounts_every_file_that_the_settings_name_and_the_script_makes(secrets: Path) -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    settings = yaml.safe_load((ROOT / "deploy/service.yaml").read_text())
    named = {Path(value).name for key, value in settings.items() if key.endswith("_file")}
    mounted = {secret["target"]: secret["source"] for secret in compose["services"]["service"]["secrets"]}
    assert named <= set(mounted)
    for name, declared in compose["secrets"].items():
        if name != "release-private-key":
            assert (secrets / Path(declared["file"]).name).is_file()
    assert compose["secrets"]["release-private-key"] == {"environment": "RELEASE_KEY"}
    assert (secrets / "release.key").stat().st_mode & 0o077 == 0
    assert set(mounted.values()) <= set(compose["secrets"])
