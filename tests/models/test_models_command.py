"""`python -m models`: a cohort becomes a registered model that answers; every refusal is one line and a code."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from builders.cohorts import QUICK_PROFILE

from models.__main__ import main
from models.load import load_model
from models.manifest import read_manifest
from models.registry import Registry

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    """A simulated cohort, and two models trained on it: `sim/`, `data/`, `quick.yaml`, and what training printed."""
    home = tmp_path_factory.mktemp("home")
    (home / "quick.yaml").write_text(QUICK_PROFILE)
    (home / "data").mkdir()
    shutil.copy(blank_database, home / "data")
    assert main(["simulate", "--patients", "48", "--seed", "3", "--out", str(home / "sim")]) == 0
    assert main([*training(home, "outcome", "xgboost"), "--alias", "champion"]) == 0
    assert main([*training(home, "progression", "cox"), "--alias", "champion"]) == 0
    return home


def training(home: Path, task: str, family: str, cohort: str = "sim/cohort.csv") -> list[str]:
    arguments = ["train", "--cohort", str(home / cohort), "--task", task, "--family", family, "--folds", "3"]
    return [*arguments, "--profile", str(home / "quick.yaml"), "--workers", "1", *at(home)]


def at(home: Path) -> list[str]:
    return ["--registry", f"sqlite:///{home / 'data' / 'mlflow.db'}", "--data", str(home / "data")]


def registry(home: Path) -> Registry:
    return Registry(f"sqlite:///{home / 'data' / 'mlflow.db'}")


def spoiled(home: Path, column: str, values: object) -> str:
    """A manifest beside the right one, with one column changed or added."""
    manifest = pd.read_csv(home / "sim" / "cohort.csv", dtype=str, keep_default_na=False)
    manifest[column] = values
    manifest.to_csv(home / "sim" / "spoiled.csv", index=False)
    return "sim/spoiled.csv"


def test_a_trained_model_is_registered_with_all_that_was_found(home: Path) -> None:
    assert registry(home).aliased("champion") == [("outcome-xgboost", "1"), ("progression-cox", "1")]
    (version,) = registry(home).versions("outcome-xgboost")
    assert version.tags["radresponse.simulated"] == "true"
    assert version.tags["radresponse.figure"].startswith("auc 0.")


def test_what_was_registered_loads_and_answers_by_therapy(home: Path, tmp_path: Path) -> None:
    model = load_model(registry(home).fetch("outcome-xgboost", "1", tmp_path / "model"), "outcome-xgboost", "1")
    assert model.manifest.training_patients == 48
    assert model.manifest.simulated
    assert {metric.of for metric in model.manifest.metrics} >= {"model", "clinical only", "volume only"}
    assert "learned from simulated patients only" in model.card
    assert len(model.therapies) == 3
    values = {spec.name: spec.impute for spec in model.columns if spec.impute is not None}
    answer = model.predict(values, model.therapies, reference=model.therapies[0])
    assert [prediction.therapy for prediction in answer.predictions] == list(model.therapies)
    assert all(0 < one.outcome.probability < 1 for one in answer.predictions if one.outcome)


def test_the_fusion_network_learns_from_images_embeddings_and_therapy(home: Path, tmp_path: Path) -> None:
    assert main([*training(home, "outcome", "fusion"), "--folds", "2"]) == 0
    model = load_model(registry(home).fetch("outcome-fusion", "1", tmp_path / "model"), "outcome-fusion", "1")
    assert {spec.name.partition(".")[0] for spec in model.columns} == {"clinical", "radiomics", "embedding", "measure"}
    assert model.manifest.encoder in model.card
    values = {spec.name: spec.impute for spec in model.columns if spec.impute is not None}
    answer = model.predict(values, model.therapies, reference=model.therapies[0])
    assert len({one.outcome.probability for one in answer.predictions if one.outcome}) == 3


def test_the_same_seed_trains_the_same_files(home: Path, tmp_path: Path) -> None:
    assert main([*training(home, "outcome", "xgboost"), "--name", "again", "--seed", "0"]) == 0
    first = registry(home).fetch("outcome-xgboost", "1", tmp_path / "first")
    second = registry(home).fetch("again", "1", tmp_path / "second")
    one, other = (read_manifest((folder / "manifest.json").read_bytes()) for folder in (first, second))
    card = {"card.md": "0" * 64}  # the card's first line is the name
    assert replace(one, files={**one.files, **card}) == replace(other, files={**other.files, **card})


def test_training_prints_figures_with_intervals_and_baselines(home: Path, capsys: Output) -> None:
    assert main([*training(home, "outcome", "xgboost"), "--name", "printed", "--alias", "trial"]) == 0
    out, err = capsys.readouterr()
    lines = [re.sub(" {2,}", "  ", line) for line in out.splitlines()]
    assert lines[0] == "learned from simulated patients: figures describe the simulation"
    assert any(line.startswith("AUC  model  0.") and " to " in line for line in lines)
    assert any(line.startswith("AUC  volume only  0.") for line in lines)
    assert any(line.startswith("AUC  model minus clinical only  ") for line in lines)
    assert lines[-2:] == ["48 patients support no claim of accuracy", "registered printed version 1, alias trial"]
    assert err.splitlines()[0].startswith("features: 48 of 48 patients in ")
    assert "\r" not in err
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_list_and_show_print_what_is_registered(home: Path, capsys: Output) -> None:
    assert main(["list", *at(home)]) == 0
    listed = re.sub(" {2,}", "  ", capsys.readouterr().out)
    assert "progression-cox  1  champion: 1  concordance 0." in listed
    assert main(["show", "progression-cox", *at(home)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("progression-cox version 1, alias champion, digest ")
    assert "## Limits" in shown


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("outcom", "1", "unknown column 'outcom'; did you mean outcome"),
        ("outcome", ["7", *["1"] * 47], "column outcome, row 2 holds another value; wanted 0 or 1"),
        ("outcome", "1", "the column outcome holds 1 only"),
        ("outcome", ["1"] * 3 + ["0"] * 45, "48 patients, 3 of them with a response; wanted at least 20 patients, 5"),
        ("therapy", ["surgery", *["chemotherapy"] * 47], "therapy 'surgery' was given to 1 of the patients"),
        ("ct.baseline.mask", ["none.nii.gz", *[""] * 47], "column ct.baseline.mask, row 2"),
    ],
)
def test_a_bad_manifest_is_one_line_and_code_2(
    home: Path, capsys: Output, column: str, values: object, said: str
) -> None:
    assert main(training(home, "outcome", "xgboost", spoiled(home, column, values))) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1
    assert said in err[0]


def test_a_leak_is_refused_with_code_3_and_nothing_is_registered(home: Path, capsys: Output) -> None:
    outcomes = pd.read_csv(home / "sim" / "cohort.csv")["outcome"]
    cohort = spoiled(
        home, "clinical.shrinkage", [str(30.0 * outcome + index / 100) for index, outcome in enumerate(outcomes)]
    )
    assert main([*training(home, "outcome", "xgboost", cohort), "--name", "leaky"]) == 3
    assert "refused: clinical.shrinkage alone tells outcome of every patient" in capsys.readouterr().err
    assert "leaky" not in [model.name for model in registry(home).list()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nothing"], "the registry has no model 'nothing'"),
        (["show", "progression-cox", "--version", "9"], "no version 9; there are: 1"),
        (["list", "--registry", "http://127.0.0.1:9"], "the registry does not answer"),
    ],
)
def test_what_is_not_there_is_one_line_and_code_2(home: Path, capsys: Output, arguments: list[str], said: str) -> None:
    assert main([arguments[0], *at(home), *arguments[1:]]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1
    assert said in err[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--cohort", "none.csv", "--task", "outcome", "--family", "xgboost", "--folds", "1"],
        ["train", "--cohort", "none.csv", "--task", "outcome", "--family", "forest"],
        ["train", "--cohort", "none.csv", "--task", "outcome", "--family", "xgboost", "--alias", "a/b"],
        ["simulate"],
        ["nonsense"],
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(capsys: Output, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_family_of_the_other_task_and_no_manifest_are_code_2(home: Path, capsys: Output) -> None:
    assert main(training(home, "outcome", "cox")) == 2
    assert (
        "no family 'cox' for outcome; known: blend, fusion, ordinal, ordinal_by_therapy, xgb" in capsys.readouterr().err
    )
    assert main(training(home, "outcome", "xgboost", "none.csv")) == 2
    assert "there is no cohort manifest" in capsys.readouterr().err
    assert main(training(home, "outcome", "xgboost", "sim")) == 2
    assert "the given path is a folder" in capsys.readouterr().err


@pytest.fixture(scope="module")
def sts() -> Path:
    folder = Path(os.environ.get("RADRESPONSE_DATA", "")) / "sts_cohort"
    if not os.environ.get("RADRESPONSE_DATA") or not folder.is_dir():
        pytest.skip("RADRESPONSE_DATA with sts_cohort is not here")
    return folder


@pytest.mark.slow
def test_real_patients_become_a_model_that_claims_nothing(sts: Path, tmp_path: Path, capsys: Output) -> None:
    manifest = tmp_path / "sts" / "cohort.csv"
    assert main(["cohort", "sts", str(sts), "--out", str(manifest)]) == 0
    assert capsys.readouterr().out.strip() == str(manifest)
    # Real lesions are large: pyradiomics' diameters and an MR's many grey levels would take a minute.
    (tmp_path / "quick.yaml").write_text("featureClass: {firstorder: [Mean, Entropy, Skewness, 90Percentile]}")
    assert main(training(tmp_path, "outcome", "xgboost", "sts/cohort.csv")) == 0
    printed = capsys.readouterr().out
    assert "34 patients support no claim of accuracy" in printed
    model = load_model(registry(tmp_path).fetch("outcome-xgboost", "1", tmp_path / "model"), "outcome-xgboost", "1")
    assert "No claim of accuracy is made: 34 patients" in model.card
    assert "lung metastasis later" in model.card
    assert not model.manifest.simulated
    assert model.therapies == ()
    assert {spec.name.split(".")[1] for spec in model.columns} <= {"pt", "mr_t1"}
    values = {spec.name: spec.impute for spec in model.columns if spec.impute is not None}
    (prediction,) = model.predict(values, ()).predictions
    assert prediction.therapy == ""
    assert prediction.outcome is not None
    assert 0 < prediction.outcome.probability < 1
