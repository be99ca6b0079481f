"""`python -m models encoder import`, `show` and `train --encoder`: an encoder that was brought, to a model on it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from builders.cohorts import QUICK_PROFILE, simulated_cohort
from builders.encoders import another, published

from models.__main__ import main
from models.errors import BadVersion
from models.load import load_model
from models.registry import Registry
from models.registry.encoders import keep_encoder, register_encoder

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    """A data folder with two encoders: one imported by the command, one of our own layout."""
    home = tmp_path_factory.mktemp("encoders")
    shutil.copy(blank_database, home)
    file = published("medicalnet_10", home)
    assert main(["encoder", "import", str(file), "--as", "medicalnet_10", *at(home)]) == 0
    other = another(home / "other.safetensors")
    register_encoder(registry(home), home / "other.safetensors", "other", other.identity)
    return home


def at(home: Path) -> list[str]:
    return ["--registry", f"sqlite:///{home / 'mlflow.db'}", "--data", str(home)]


def registry(home: Path) -> Registry:
    return Registry(f"sqlite:///{home / 'mlflow.db'}")


def fusion(home: Path, manifest: Path, *more: str) -> list[str]:
    (home / "quick.yaml").write_text(QUICK_PROFILE)
    words = ["train", "--cohort", str(manifest), "--task", "outcome", "--folds", "2", "--workers", "1", *more]
    return [*words, "--profile", str(home / "quick.yaml"), *at(home)]


def test_an_imported_encoder_is_a_version_that_can_be_shown(home: Path, capsys: Output) -> None:
    (version,) = registry(home).versions("encoder-medicalnet_10")
    assert main(["show", "encoder-medicalnet_10", *at(home)]) == 0
    said = capsys.readouterr().out
    assert "encoder-medicalnet_10 version 1, an encoder of 512 numbers" in said
    assert f"identity: {version.tags['radresponse.encoder']}" in said
    lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    assert json.loads(lines["architecture"]) == {"kind": "medicalnet_10"}
    assert len(lines["source_sha256"]) == 64


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"no tensors", "medicalnet_10", "neither safetensors nor a PyTorch file"),
        (None, "fmcib", "has no tensors under 'trunk_state_dict'"),
        (None, "resnet", "encoder kind 'resnet'; wanted one of"),
    ],
)
def test_a_file_that_is_not_what_it_is_called_registers_nothing(
    content: bytes | None, kind: str, message: str, home: Path, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "file"
    torch.save({"state_dict": {}}, file)
    if content is not None:
        file.write_bytes(content)
    before = registry(home).list()
    assert main(["encoder", "import", str(file), "--as", kind, *at(home)]) == 2
    assert message in capsys.readouterr().err
    assert registry(home).list() == before


def test_a_model_learns_on_a_registered_encoder_and_names_it(home: Path, tmp_path: Path, capsys: Output) -> None:
    manifest = simulated_cohort(tmp_path / "sim", 40)
    assert main(fusion(home, manifest, "--family", "fusion", "--encoder", "models:/encoder-other/latest")) == 0
    model = load_model(registry(home).fetch("outcome-fusion", "1", tmp_path / "model"), "outcome-fusion", "1")
    (version,) = registry(home).versions("encoder-other")
    assert model.manifest.encoder == version.tags["radresponse.encoder"]
    embedded = [spec.name for spec in model.columns if spec.name.startswith("embedding.")]
    assert embedded
    assert all(".largest.other." in name for name in embedded)


@pytest.mark.parametrize(
    ("family", "uri", "message"),
    [
        ("xgboost", "models:/encoder-other/1", "--encoder goes with --cohort and --family fusion"),
        ("fusion", "encoder-other", "wanted models:/encoder-NAME/VERSION"),
        ("fusion", "models:/encoder-other/7", "encoder-other has no version 7 that is an encoder; there are: 1"),
        ("fusion", "models:/encoder-none/1", "encoder-none"),
    ],
)
def test_an_encoder_that_is_not_there_is_refused(
    family: str, uri: str, message: str, home: Path, tmp_path: Path, capsys: Output
) -> None:
    manifest = tmp_path / "cohort.csv"
    assert main(fusion(home, manifest, "--family", family, "--encoder", uri)) == 2
    assert message in capsys.readouterr().err


def test_a_file_exchanged_in_the_registry_is_refused(home: Path, tmp_path: Path) -> None:
    """MLflow lets whoever can write overwrite a version's files."""
    other = another(tmp_path / "other.safetensors")
    held = registry(home)
    version = register_encoder(held, Path("features/embedding/default.safetensors"), "swapped", other.identity)
    assert version == "1"
    with pytest.raises(BadVersion, match=r"holds the encoder .*; it was registered as"):
        keep_encoder(held, "models:/encoder-swapped/1", tmp_path)
    assert not (tmp_path / "encoders" / other.identity).exists()
