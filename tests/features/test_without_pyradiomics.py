"""Features, models and service where pyradiomics is not installed, as on Python 3.12 and later.

It is hidden from child processes and theirs: nothing finds it, as if pip had never put it there.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders.feature_profiles import PROFILES

from features.radiomics.compare import SMALLEST, TOLERANCE
from features.samples import sample

ROOT = Path(__file__).parents[2]
VALUES = Path(__file__).with_name("pyradiomics_values.json")
"""Recorded by `derive_parity.py`."""

HIDE = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_the_rest(_, name, path=None, target=None):
    return None if name.partition(".")[0] == "radiomics" else find(name, path, target)

PathFinder.find_spec = classmethod(find_the_rest)
"""

IMPORT_ALL = """
import importlib, pkgutil
from importlib.util import find_spec

assert find_spec("radiomics") is None
failed = set()
for room in map(importlib.import_module, ("features", "models", "service")):
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                assert error.name == "radiomics", error
                failed.add(module.name)
print(*sorted(failed))
"""


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """The environment of a child process that does not find pyradiomics."""
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    path = [str(tmp_path), str(ROOT / "proto"), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}


def python(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, *words]
    return subprocess.run(words, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_only_the_reference_engine_needs_it(without: dict[str, str]) -> None:
    ended = python(["-W", "ignore", "-c", IMPORT_ALL], without)
    assert ended.returncode == 0, ended.stderr
    needing = {f"features.radiomics.{name}" for name in ("derive", "prepare", "reference")}
    assert set(ended.stdout.split()) == needing


@pytest.mark.parametrize("kind", PROFILES)
def test_the_command_gives_the_values_that_pyradiomics_gave(kind: str, without: dict[str, str], tmp_path: Path) -> None:
    image, mask = sample("breast1")
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILES[kind])
    ended = python(["-m", "features", "extract", str(image), str(mask), "--profile", str(profile)], without)
    assert ended.returncode == 0, ended.stderr
    values = json.loads(ended.stdout)["features"]
    wanted = json.loads(VALUES.read_text())[kind]
    assert len(wanted) > 100
    for name, value in wanted.items():
        assert math.isclose(values[name], value, rel_tol=TOLERANCE, abs_tol=TOLERANCE * SMALLEST), name


def test_the_reference_is_refused_with_the_way_to_it(without: dict[str, str]) -> None:
    image, mask = sample("breast1")
    ended = python(["-m", "features", "extract", str(image), str(mask), "--engine", "both"], without)
    assert ended.returncode == 2
    assert "pip install pyradiomics==3.0.1" in ended.stderr


@pytest.mark.slow
def test_models_and_service_run(without: dict[str, str]) -> None:
    tests = [
        "tests/models/test_table.py::test_two_processes_give_what_one_gives",
        "tests/service/test_extract.py::test_without_columns_all_of_the_profile_is_given",
        "tests/service/test_predictions.py::test_all_models_that_fit_answer_for_all_their_therapies",
    ]
    ended = python(["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], without)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert f"{len(tests)} passed" in ended.stdout


def test_recorded_values_are_what_pyradiomics_gives() -> None:
    pytest.importorskip("radiomics")
    ended = python(["-W", "ignore", str(Path(__file__).with_name("derive_parity.py"))], dict(os.environ))
    assert ended.returncode == 0, ended.stderr
    found, recorded = (json.loads(text) for text in (ended.stdout, VALUES.read_text()))
    assert list(found) == list(recorded)
    for name, values in recorded.items():
        # Not to the last digit: linear algebra rounds differently on another processor.
        assert found[name] == pytest.approx(values, rel=1e-9, abs=1e-12), name
