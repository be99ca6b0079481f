"""`python -m models evaluate --table`: the honest report of somebody's own table, or one line and a code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.own_tables import FEATURES, site_table, written

from models.__main__ import main
from models.asking import processes
from models.baselines import baselines
from models.crossvalidation import OfBaseline, validate
from models.evaluate import Evaluating, evaluate
from models.nested import assembled, choose
from models.plain import dumps
from models.progress import progress_bar
from models.splits import Predictor, Split
from models.tabular.reading import TableRequest, read_patients

Output = pytest.CaptureFixture[str]
QUICK = ["--families", "xgboost", "--folds", "2", "--workers", "1"]


def asked(path: Path, *more: str) -> list[str]:
    return ["evaluate", "--table", str(path), "--outcome", "pcr", "--drop", "months,died,arm", *QUICK, *more]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Of an outcome, by all that the command prints as JSON."""
    path = written(tmp_path_factory.mktemp("table"), site_table(140))
    found = evaluate(
        TableRequest(path, outcome="pcr", drop=("months", "died", "arm"), groups=("Sex", "Age")),
        Evaluating(folds=3, families=("xgboost",), progress=False),
    )
    plain: dict[str, object] = json.loads(dumps(found))
    return plain


def test_a_report_holds_the_model_its_baselines_and_plain_models_on_the_same_folds(report: dict[str, object]) -> None:
    figures: list[dict[str, object]] = report["figures"]  # type: ignore[assignment]
    of_auc = [figure["of"] for figure in figures if figure["name"] == "auc"]
    assert of_auc[:6] == [
        "model",
        "clinical only",
        "volume only",
        "shuffled images",
        "plain logistic regression",
        "plain XGBoost",
    ]
    assert {figure["name"] for figure in figures} == {
        "auc",
        "brier",
        "calibration_slope",
        "calibration_intercept",
        "calibration_index",
    }
    assert all(figure["estimate"]["lower"] is not None for figure in figures)  # type: ignore[index]
    assert report["sizes"] == {"patients": 140, "positives": 86, "clinical_columns": 2, "image_columns": 3}
    assert [choice["family"] for choice in report["choices"]] == ["xgboost"] * 3  # type: ignore[attr-defined]
    assert "at most 64 reach a Cox or torch fit" in str(report["protocol"])


def test_subgroups_come_with_counts_intervals_and_their_gap(report: dict[str, object]) -> None:
    groups: list[dict[str, object]] = report["subgroups"]  # type: ignore[assignment]
    assert [group["name"] for group in groups][:2] == ["Sex: female", "Sex: male"]
    assert sum(int(group["patients"]) for group in groups[:2]) == 140  # type: ignore[call-overload]
    assert all(group["estimate"] is not None and group["gap"] is not None for group in groups)


def test_a_decision_curve_is_reported(report: dict[str, object]) -> None:
    curve: list[dict[str, Any]] = report["decision_curve"]  # type: ignore[assignment]
    assert [point["threshold"] for point in curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert curve[0]["everybody"]["value"] == pytest.approx(86 / 140 - 54 / 140 / 9)


def test_survival_is_reported_by_day_and_printed_for_people(tmp_path: Path, capsys: Output) -> None:
    path = written(tmp_path, site_table(120))
    arguments = ["evaluate", "--table", str(path), "--time", "months", "--event", "died", "--drop", "pcr,arm"]
    assert main([*arguments, "--families", "cox", "--folds", "2", "--groups", "Sex", "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    for said in (
        "Uno's C",
        "integrated Brier score",
        "AUC at ",
        "Brier score at ",
        "calibration index (ICI) at ",
        "events by day",
    ):
        assert said in out
    for said in ("plain Cox", "plain XGBoost", "shuffled images", "clinical only", "Sex: male"):
        assert said in out
    assert "cross-validation: 14 of 14 fits" in err


Plant = Callable[[pd.DataFrame], pd.DataFrame]


def doubled(table: pd.DataFrame) -> pd.DataFrame:
    """One patient under another pseudonym."""
    again = table.iloc[[5]].assign(subject="another")
    return pd.concat([table, again], ignore_index=True)


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """The 15 columns of 2,000 of noise that go best with everybody's outcome."""
    noise = np.random.default_rng(1).normal(size=(len(table), 2000))
    away = np.abs(noise[table["pcr"] == 1].mean(axis=0) - noise[table["pcr"] == 0].mean(axis=0))
    best = np.argsort(-away)[:15]
    kept = table.drop(columns=list(FEATURES))
    return kept.assign(**{f"original_glcm_F{index}": noise[:, column] for index, column in enumerate(best)})


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (lambda t: t.assign(Grade=t["pcr"]), "Grade alone tells outcome"),
        (lambda t: t.assign(Grade=np.where(t["pcr"] == 1, "complete", "stable")), "Grade alone tells outcome"),
        (lambda t: t.assign(shrinkage=np.exp(3 * t["pcr"]) + t["Age"] / 100), "shrinkage alone tells outcome"),
        (lambda t: t.assign(day=np.where(t["pcr"] == 1, t["Age"], np.nan)), "day alone tells outcome"),
        (lambda t: t.rename(columns={"subject": "code"}), "the column code names each patient"),
        (lambda t: t.assign(row=np.arange(len(t))), "the column row names each patient"),
        (lambda t: t.assign(subject=[*t["subject"][1:], t["subject"][5]]), "rows 6 and 91 have one subject"),
        (doubled, "rows 7 and 92 agree in all"),
        (chosen, "choosing must happen inside the folds"),
    ],
)
def test_a_planted_leak_is_refused_by_name_with_code_3(
    tmp_path: Path, capsys: Output, plant: Plant, named: str
) -> None:
    assert main(asked(written(tmp_path, plant(site_table())))) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("python -m models: refused: ")
    assert named in err


def test_a_reason_takes_chosen_columns_and_stands_in_the_report(tmp_path: Path, capsys: Output) -> None:
    path = written(tmp_path, chosen(site_table()))
    assert main(asked(path, "--accept-selection", "a published signature", "--json")) == 0
    notices = json.loads(capsys.readouterr().out)["notices"]
    assert notices == ["columns are said not to have been chosen on these patients: a published signature"]


def test_more_columns_than_patients_are_screened_inside_folds_and_noise_gives_chance(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    noise = {f"original_glcm_F{index}": random.normal(size=80) for index in range(200)}
    table = pd.DataFrame({"pcr": np.arange(80) % 2, **noise})
    report = evaluate(
        TableRequest(written(tmp_path, table), outcome="pcr"),
        Evaluating(folds=4, families=("xgboost",), progress=False),
    )
    (auc,) = [one.estimate.value for one in report.figures if (one.name, one.of) == ("auc", "model")]
    assert auc == pytest.approx(0.5, abs=0.17)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--families", "cox"), "no family 'cox' for outcome"),
        (("--groups", "Sexx"), "the table has no column 'Sexx'"),
        (("--time", "months"), "wanted an outcome column, or a time column and an event column"),
        (("--reference", "new"), "the reference new is named, and no therapy column"),
        (("--drop", "months,died", "--therapy", "arm"), "therapies (new, old) and no reference among them"),
    ],
)
def test_a_wrong_question_is_one_line_and_code_2(
    tmp_path: Path, capsys: Output, more: tuple[str, ...], said: str
) -> None:
    assert main([*asked(written(tmp_path, site_table())), *more]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err


def test_the_family_of_each_fold_is_the_best_of_its_inner_folds(tmp_path: Path) -> None:
    """One that knows the truth is chosen over one that says the same to everybody."""
    table = site_table(120)
    patients = read_patients(TableRequest(written(tmp_path, table), outcome="pcr", drop=("months", "died", "arm")))

    def knowing(split: Split) -> np.ndarray:
        values: np.ndarray = split.test[FEATURES[1]].to_numpy() - 5
        return values

    def blank(split: Split) -> np.ndarray:
        return np.zeros(len(split.test))

    predictors: dict[str, Predictor] = {"blank": blank, "knowing": knowing}
    validation = validate(predictors, patients.frame, patients.target, folds=3, seed=0, progress=False)
    with progress_bar(3, "choosing", "fold", shown=False) as bar:
        chosen_families = choose(predictors, patients.frame, patients.target, validation, seed=0, bar=bar)
    assert chosen_families == ("knowing",) * 3
    assert (assembled(validation, chosen_families).score == validation.unseen["knowing"].score).all()
    mixed = assembled(validation, ("blank", "knowing", "blank"))
    assert (mixed.score == np.where(validation.fold == 1, validation.unseen["knowing"].score, 0.0)).all()


def test_the_report_says_which_family_stands_unless_it_is_beaten(tmp_path: Path) -> None:
    """Twenty patients tell no two families apart."""
    request = TableRequest(written(tmp_path, site_table(60)), outcome="pcr", drop=("months", "died", "arm"))
    report = evaluate(request, Evaluating(folds=2, families=("ordinal", "blend"), progress=False))
    assert "among ordinal, blend by 3 inner folds of each training fold: blend, unless another" in report.protocol
    assert [one.family for one in report.choices] == ["blend", "blend"]


def test_two_processes_say_what_one_says(tmp_path: Path) -> None:
    patients = read_patients(
        TableRequest(written(tmp_path, site_table(60)), outcome="pcr", drop=("months", "died", "arm"))
    )
    baseline: dict[str, Predictor] = {one.name: OfBaseline(one) for one in baselines(patients.columns)}
    alone = validate(baseline, patients.frame, patients.target, folds=2, seed=0, progress=False)
    with processes(2) as pool:
        shared = validate(baseline, patients.frame, patients.target, folds=2, seed=0, progress=False, pool=pool)
    for name in baseline:
        assert (alone.unseen[name].score == shared.unseen[name].score).all()


def test_a_report_says_what_is_gained_by_not_answering_those_far_away(report: dict[str, object]) -> None:
    coverage: list[dict[str, Any]] = report["coverage"]  # type: ignore[assignment]
    assert [one["patients"] for one in coverage] == [140, 126, 112, 98, 70]
    figures: list[dict[str, Any]] = report["figures"]  # type: ignore[assignment]
    brier = next(one["estimate"] for one in figures if (one["name"], one["of"]) == ("brier", "model"))
    assert coverage[0]["error"]["value"] == pytest.approx(brier["value"], abs=1e-12)
    assert all(0 < one["error"]["value"] < 0.5 for one in coverage)


def test_what_is_not_stable_is_not_evaluated_and_is_named(tmp_path: Path, capsys: Output) -> None:
    path, agreements = written(tmp_path, site_table(60)), tmp_path / "icc.csv"
    agreements.write_text(f"feature,icc,lower\n{FEATURES[0]},0.95,0.9\n{FEATURES[1]},0.6,0.4\n")
    assert main([*asked(path), "--stability", str(agreements)]) == 0
    printed = capsys.readouterr().out
    assert "1 of 3 image features are stable" in printed
    assert "2 columns of the clinical record, 1 of images" in printed
    assert "not learned from: " in printed and "original_glcm_Contrast" in printed.split("not learned from: ")[1]
    assert "Not answering" in printed
    assert main([*asked(path), "--stability", str(agreements), "--min-icc", "0.3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    lower = {one["feature"].rpartition("original_")[2]: one["lower"] for one in told["stability"]["agreements"]}
    assert lower == {"shape_MeshVolume": 0.9, "glcm_Contrast": 0.4, "firstorder_Entropy": None}
    assert told["sizes"]["image_columns"] == 2


@pytest.mark.parametrize("given", ["5", "none.csv"])
def test_stability_without_a_table_of_it_is_one_line_and_code_2(given: str, tmp_path: Path, capsys: Output) -> None:
    assert main([*asked(written(tmp_path, site_table(60))), "--stability", given]) == 2
    error = capsys.readouterr().err
    assert "feature, icc, lower" in error and error.count("\n") == 1
