"""What is written is an MLflow model folder: MLflow itself reads it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
from builders.tables import TEXTURE
from builders.versions import cohort, facts, fitted, written
from mlflow.models import Model

from models.manifest import read_manifest
from models.package import write_version


def test_mlflow_reads_the_signature_and_the_metadata(tmp_path: Path) -> None:
    folder = written(tmp_path / "version", "outcome", "xgboost")
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    model = Model.load(str(folder))
    assert model.metadata is not None
    assert model.metadata["radresponse.task"] == "outcome"
    assert model.metadata["radresponse.therapies"] == list(manifest.therapies)
    assert model.metadata["radresponse.profile"] == manifest.profile
    assert model.signature is not None
    assert model.signature.inputs.input_names() == [*(spec.name for spec in manifest.columns), "therapy"]
    assert model.signature.outputs.input_names() == ["probability"]
    required = {column.name: column.required for column in model.signature.inputs.inputs}
    assert required["clinical.age_years"]
    assert not required["clinical.crp_mg_l"]


def test_a_folder_is_a_function_of_its_content(tmp_path: Path) -> None:
    one = written(tmp_path / "one", "progression", "cox")
    other = written(tmp_path / "other", "progression", "cox")
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


def test_the_manifest_holds_the_digest_of_every_file_but_its_own_and_mlflows(tmp_path: Path) -> None:
    folder = written(tmp_path / "version", "outcome", "fusion")
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    assert {path.name for path in folder.iterdir()} == set(manifest.files) | {"manifest.json", "MLmodel"}
    assert set(manifest.files) == {"fusion.safetensors", "applicability.json", "card.md", "reference.json"}


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(FileExistsError):
        write_version(tmp_path, fitted("progression", "cox"), facts("progression"), "card")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


_PLAIN = ("manifest.json", "applicability.json", "reference.json", "cox.json")


def test_no_patient_stands_in_a_version(tmp_path: Path) -> None:
    """Only summaries: of a training column's values none but its ends and its median can be found."""
    folder = written(tmp_path / "version", "progression", "cox")
    text = "".join((folder / name).read_text() for name in _PLAIN)
    values = cohort().table[TEXTURE].sort_values()
    found = [value for value in values if repr(float(value)) in text]
    assert set(found) <= {values.iloc[0], values.iloc[-1]}
    assert len(found) == 2


def test_a_version_names_the_software_that_trained_it(tmp_path: Path) -> None:
    folder = written(tmp_path / "version", "progression", "cox")
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert manifest.facts.software == project["version"]


def test_mlflow_has_one_door() -> None:
    root = Path(__file__).parents[2]
    importing = {
        file.relative_to(root).parent.as_posix()
        for room in ("features", "models", "service")
        for file in (root / room).rglob("*.py")
        if re.search(r"^\s*(import|from) mlflow\b", file.read_text(), re.MULTILINE)
    }
    assert importing == {"models/registry"}


@pytest.mark.parametrize("first", ["models.package", "models.registry"])
def test_mlflow_is_quiet_whatever_is_imported_first(first: str) -> None:
    code = f"import {first}, os, sys; print(os.environ['MLFLOW_DISABLE_TELEMETRY'], 'mlflow' in sys.modules)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert said.stdout.split() == ["true", "False"]
