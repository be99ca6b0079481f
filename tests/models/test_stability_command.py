"""`stability`, and `train --stability`: what is unstable is not learned from, and the version says so."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.cohorts import QUICK_PROFILE, simulated_cohort
from builders.own_tables import FEATURES, site_table, written

from features.profile import Profile
from models.__main__ import main
from models.cohort import Cohort, read_cohort
from models.load import load_model
from models.manifest import Manifest
from models.registry import Registry
from models.stability.agreement_table import read_agreements
from models.stability.repeats import Repeats, measure_repeats
from models.stability.stable import StabilityCheck
from models.table import Measuring, feature_table
from models.train import Training, train
from models.version import Model

Output = pytest.CaptureFixture[str]
MEASURING = Measuring(QUICK_PROFILE, None, None)
VOLUME = "measure.ct.baseline.all.volume_mm3"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    """`sim/cohort.csv` of 48 patients, `quick.yaml`, `data/`."""
    home = tmp_path_factory.mktemp("home")
    simulated_cohort(home / "sim", 48)
    (home / "quick.yaml").write_text(QUICK_PROFILE)
    (home / "data").mkdir()
    shutil.copy(blank_database, home / "data")
    return home


def at(home: Path) -> list[str]:
    return ["--registry", f"sqlite:///{home / 'data' / 'mlflow.db'}", "--data", str(home / "data")]


def training(home: Path, name: str, *more: str) -> list[str]:
    cohort = ["--cohort", str(home / "sim" / "cohort.csv"), "--task", "outcome", "--profile", str(home / "quick.yaml")]
    arguments = ["train", *cohort, "--family", "xgboost", "--name", name, "--folds", "2", "--workers", "1"]
    return [*arguments, *at(home), *more]


def registry(home: Path) -> Registry:
    return Registry(f"sqlite:///{home / 'data' / 'mlflow.db'}")


def registered(home: Path, name: str, folder: Path) -> Model:
    return load_model(registry(home).fetch(name, "1", folder / name), name, "1")


def repeats(home: Path, workers: int) -> Repeats:
    """Of the first three patients, twice each."""
    return measure_repeats(first(home), MEASURING, repeats=2, patients=9, seed=0, workers=workers, progress=False)


def first(home: Path) -> Cohort:
    cohort = read_cohort(home / "sim" / "cohort.csv")
    return replace(cohort, patients=cohort.patients[:3])


@pytest.fixture(scope="module")
def alone(home: Path) -> Repeats:
    return repeats(home, workers=1)


def test_repeats_lie_near_what_the_scan_itself_gives_and_differ(home: Path, alone: Repeats) -> None:
    plain = feature_table(first(home), MEASURING, workers=1, progress=False).frame[VOLUME].to_numpy(np.float64)
    volumes = alone.values[:, :, alone.features.index(VOLUME)]
    assert volumes.shape == (3, 2)
    assert (np.abs(volumes / plain[:, None] - 1.0) < 0.5).all()
    assert all(np.unique(row).size == 2 for row in volumes)


def test_two_processes_perturb_as_one_does(home: Path, alone: Repeats) -> None:
    together = repeats(home, workers=2)
    assert alone.features == together.features
    np.testing.assert_array_equal(alone.values, together.values)


def test_the_command_prints_a_table_that_training_takes(home: Path, tmp_path: Path, capsys: Output) -> None:
    arguments = ["stability", "--cohort", str(home / "sim" / "cohort.csv"), "--profile", str(home / "quick.yaml")]
    arguments += ["--perturbations", "2", "--patients", "4", "--workers", "1", "--data", str(home / "data")]
    assert main([*arguments, "--out", str(tmp_path / "icc.csv")]) == 0
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out == (tmp_path / "icc.csv").read_text()
    assert "image features are stable" in err and "of the scans of 4 patients" in err
    known = {one.feature: one for one in read_agreements(tmp_path / "icc.csv")}
    volume, contrast = known[VOLUME], known["radiomics.ct.baseline.largest.original_glcm_Contrast"]
    assert volume.icc is not None and volume.icc > 0.8
    bar = sorted(one.lower for one in known.values() if one.lower is not None)[-4]
    assert main(training(home, "bytable", "--stability", str(tmp_path / "icc.csv"), "--min-icc", str(bar))) == 0
    taken = {spec.name for spec in registered(home, "bytable", tmp_path).columns}
    above = {name for name, one in known.items() if one.reaches(bar)}
    assert len(above) >= 4 and contrast.feature in known
    assert {name for name in taken if not name.startswith("clinical.")} <= above


def test_a_version_says_how_stable_what_it_takes_is_and_what_was_dropped(home: Path, tmp_path: Path) -> None:
    training = Training(
        task="outcome",
        family="xgboost",
        name="stable",
        profile=Profile.parse(QUICK_PROFILE),
        folds=2,
        data_folder=home / "data",
        workers=1,
        progress=False,
        stability=StabilityCheck(perturbations=2, patients=6, least=0.5),
    )
    trained = train(home / "sim" / "cohort.csv", training, registry(home))
    model = registered(home, "stable", tmp_path)
    assert isinstance(model.manifest, Manifest)
    told = model.manifest.facts.stability
    assert told is not None and told == trained.report.stability
    assert (told.least, told.perturbations, told.patients) == (0.5, 2, 6)
    assert told.dropped and len(told.agreements) == len(told.kept) + len(told.dropped)
    of_images = {spec.name for spec in model.columns if not spec.name.startswith("clinical.")}
    assert of_images and of_images <= {one.feature for one in told.kept}
    assert (
        "## Stable features" in model.card and "| 14 | removal of features that are not robust | Stable" in model.card
    )
    for one in told.of(of_images):
        assert f"| `{one.feature}` | {one.icc:.3f} | {one.lower:.3f} |" in model.card
    values = {spec.name: spec.impute for spec in model.columns if spec.impute is not None}
    assert model.predict(values, model.therapies).predictions


def test_a_table_of_own_features_is_screened_by_agreements_under_its_own_headers(home: Path, tmp_path: Path) -> None:
    (tmp_path / "icc.csv").write_text(f"feature,icc,lower\n{FEATURES[0]},0.95,0.9\n{FEATURES[1]},0.9,0.6\n")
    table = written(tmp_path, site_table(90))
    arguments = ["train", "--table", str(table), "--outcome", "pcr", "--family", "xgboost", "--folds", "2"]
    arguments += ["--drop", "months,died,arm", *at(home), "--name", "own"]
    assert main([*arguments, "--stability", str(tmp_path / "icc.csv")]) == 0
    model = registered(home, "own", tmp_path)
    assert {spec.name for spec in model.columns} <= {"clinical.Age", "clinical.Sex", FEATURES[0]}
    assert "1 of 3 image features are stable" in model.card and "by a table that was given" in model.card


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("5", "a table has no images to perturb"),
        ("none.csv", "there is no table of agreements"),
    ],
)
def test_what_a_table_cannot_be_asked_is_one_line_and_code_2(
    home: Path, tmp_path: Path, capsys: Output, asked: str, said: str
) -> None:
    table = written(tmp_path, site_table(90))
    arguments = ["train", "--table", str(table), "--outcome", "pcr", "--family", "xgboost", "--drop", "months,died"]
    assert main([*arguments, *at(home), "--stability", asked]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1 and said in err[0]
