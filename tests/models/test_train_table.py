"""`python -m models train --table`: somebody's own features become a registered version with an honest card."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders.own_tables import FEATURES, site_table, written

from models.__main__ import main
from models.load import load_model
from models.manifest import Manifest
from models.registry import Registry
from models.version import Model

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    shutil.copy(blank_database, home / "data")
    return home


def training(home: Path, table: Path, *more: str) -> list[str]:
    at = ["--registry", f"sqlite:///{home / 'data' / 'mlflow.db'}", "--data", str(home / "data")]
    return ["train", "--table", str(table), "--outcome", "pcr", "--family", "xgboost", "--folds", "2", *at, *more]


def registered(home: Path, name: str, folder: Path) -> Model:
    registry = Registry(f"sqlite:///{home / 'data' / 'mlflow.db'}")
    return load_model(registry.fetch(name, "1", folder / "model"), name, "1")


def aliased(home: Path) -> list[str]:
    return [name for name, _ in Registry(f"sqlite:///{home / 'data' / 'mlflow.db'}").aliased("champion")]


def test_a_table_becomes_a_version_that_compares_therapies_with_evidence(
    home: Path, tmp_path: Path, capsys: Output
) -> None:
    table = written(tmp_path, site_table(160))
    arguments = training(home, table, "--therapy", "arm", "--evidence", "randomised", "--drop", "months,died")
    assert main([*arguments, "--name", "mine", "--groups", "Sex", "--alias", "champion"]) == 0
    assert "registered mine version 1, alias champion" in capsys.readouterr().out
    model = registered(home, "mine", tmp_path)
    assert model.therapies == ("new", "old")
    assert {spec.name for spec in model.columns} <= {"clinical.Age", "clinical.Sex", *FEATURES}
    assert isinstance(model.manifest, Manifest)
    (comparison,) = model.manifest.facts.comparisons
    assert comparison.evidence == "randomised"
    values = {spec.name: spec.impute for spec in model.columns if spec.impute is not None}
    (difference,) = model.predict(values, ("new", "old"), reference="old").differences
    assert difference.population is not None
    assert (difference.population.therapy, difference.population.reference) == ("new", "old")
    for said in (
        "## Therapies compared",
        "Sex: female",
        "**TRIPOD+AI**",
        "**METRICS**",
        "| 27 | external testing | **missing** |",
    ):
        assert said in model.card


def test_a_score_too_high_for_so_few_is_not_promoted_until_somebody_says_why(
    home: Path, tmp_path: Path, capsys: Output
) -> None:
    table = site_table(160)
    strong = table["pcr"] * 2.2 + np.random.default_rng(0).normal(size=160)
    path = written(tmp_path, table.assign(marker=strong))
    arguments = training(home, path, "--drop", "months,died,arm", "--alias", "champion")
    assert main([*arguments, "--name", "toogood"]) == 3
    assert (
        "refused: the alias champion was not given: the score is too high for 160 patients" in capsys.readouterr().err
    )
    assert "toogood" not in aliased(home)
    assert "Nobody said why, and it is not promoted." in registered(home, "toogood", tmp_path / "first").card
    assert main([*arguments, "--name", "believed", "--accept-score", "a marker that was made for it"]) == 0
    assert "believed" in aliased(home)
    model = registered(home, "believed", tmp_path / "second")
    assert "It was accepted: a marker that was made for it" in model.card
    assert isinstance(model.manifest, Manifest)
    assert model.manifest.facts.implausible_score
    assert model.manifest.facts.accepted_score == "a marker that was made for it"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--drop", "months,died,arm", "--groups", "none"), 2, "the table has no column 'none'"),
        (("--drop", "months,died,arm", "--time", "months"), 2, "wanted an outcome column, or a time column"),
        (("--drop", "months,died,arm", "--subject", "Sex"), 3, "have one subject"),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_one_line_and_a_code(
    home: Path, tmp_path: Path, capsys: Output, more: tuple[str, ...], code: int, said: str
) -> None:
    path = written(tmp_path, site_table().drop(columns="subject"))
    assert main(training(home, path, *more)) == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err


def test_a_leak_stops_training_before_anything_is_registered(home: Path, tmp_path: Path, capsys: Output) -> None:
    path = written(tmp_path, site_table().assign(Grade=lambda table: table["pcr"]))
    assert main(training(home, path, "--drop", "months,died,arm", "--name", "leaky")) == 3
    assert "Grade alone tells outcome" in capsys.readouterr().err
    assert "leaky" not in [model.name for model in Registry(f"sqlite:///{home / 'data' / 'mlflow.db'}").list()]
