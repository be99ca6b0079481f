"""The wheel, alone in an empty environment, compares therapies against the running service."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from builders.cases import image_file, mask_file
from builders.registry import THERAPIES

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mlflow", "radiomics", "SimpleITK", "numpy", "features", "models", "service")
ASK = """
import json, sys
from radresponse.client import Client, case, scan
address, image, mask, *therapies = sys.argv[1:]
with Client(address) as client:
    answer = client.compare(case("p-1", [scan("ct", image, mask)], age_years=61, sex="female"), therapies)
print(json.dumps({
    option.therapy: [one.outcome.probability for one in option.predictions if one.HasField("outcome")]
    for option in answer.options
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of an earlier build gets in."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "proto", source / "proto", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = made.glob("radresponse-*.whl")
    return built


def test_the_wheel_holds_the_contract_and_its_client_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    code = [name for name in names if ".dist-info/" not in name]
    assert all(name.startswith("radresponse/") for name in code)
    assert {"radresponse/client.py", "radresponse/py.typed", "radresponse/v1/case.proto"} <= set(code)
    assert "radresponse/v1/prediction_pb2.pyi" in code


@pytest.mark.slow
def test_the_wheel_alone_compares_therapies(wheel: Path, address: str, tmp_path: Path) -> None:
    python = _empty_environment(tmp_path / "venv")
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Could not find a version" in installed.stderr or "No matching distribution" in installed.stderr:
        pytest.skip("no package index can be reached")
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "ct.nrrd").write_bytes(image_file())
    (tmp_path / "mask.nrrd").write_bytes(mask_file())
    files = ["ct.nrrd", "mask.nrrd"]

    found = f"import importlib.util as u; print([name for name in {HEAVY!r} if u.find_spec(name)])"
    assert _run(tmp_path, python, "-c", found) == "[]\n"
    answer = json.loads(_run(tmp_path, python, "-c", ASK, address, *files, *THERAPIES))
    assert list(answer) == list(THERAPIES)
    assert all(0 < probability < 1 for probabilities in answer.values() for probability in probabilities)

    table = _run(
        tmp_path,
        *(str(python.with_name("radresponse")), "compare", "--server", address, "--subject", "p-1"),
        *("--ct", *files, "--covariate", "age_years=61", "--covariate", "sex=female"),
        *(word for therapy in THERAPIES for word in ("--therapy", therapy)),
    )
    assert all(therapy in table for therapy in THERAPIES)


def _empty_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


def _run(folder: Path, *command: object) -> str:
    environment = {"PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
