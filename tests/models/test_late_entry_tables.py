"""`--entry`, `--competing` and `--strata` of somebody's own table: read, learned by, told, or refused in one line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.own_tables import site_table, written

from models.__main__ import main
from models.assurance import UNASSURED
from models.errors import BadCohort
from models.families.all import stratified
from models.families.competing_progression import CompetingProgression
from models.families.cox_net import CoxNet
from models.families.target import ProgressionTarget
from models.tabular.cohort import as_cohort
from models.tabular.reading import COMPETING, LATE_ENTRY, TableRequest, read_patients
from models.train import Training, fit

Output = pytest.CaptureFixture[str]
LABELS = ["--time", "months", "--event", "died", "--drop", "pcr,arm"]


def late_table(patients: int = 110) -> pd.DataFrame:
    """A third came late; two sites, one of them slower."""
    table = site_table(patients)
    index = np.arange(patients)
    site = np.where(index % 2, "north", "south")
    months = table["months"] * np.where(index % 2, 1.5, 1.0)
    return table.assign(site=site, months=months, since=np.where(index % 3, 0.0, 0.4 * months))


def test_entry_and_strata_are_read_and_entry_is_nothing_to_learn_from(tmp_path: Path) -> None:
    path = written(tmp_path, late_table())
    table = read_patients(TableRequest(path, time="months", event="died", entry="since", strata="site", drop=("pcr",)))
    assert isinstance(table.target, ProgressionTarget)
    assert table.target.entry_days is not None
    assert (table.target.entry_days > 0).sum() == 37
    assert table.strata == "clinical.site"
    assert "since" not in table.headers.values()
    assert LATE_ENTRY in table.notices


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entry": "sinc"}, "no column 'sinc'"),
        ({"entry": "months"}, "asked for twice"),
        ({"strata": "Age"}, "no strata"),
        ({"outcome": "pcr", "time": None, "event": None}, "go with a time column"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, change: dict[str, str | None], said: str) -> None:
    path = written(tmp_path, late_table())
    asked = {"time": "months", "event": "died", "entry": "since"} | change
    with pytest.raises(BadCohort, match=said):
        read_patients(TableRequest(path, **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["", "-1", "999", "soon"])
def test_an_entry_that_is_none_is_refused_by_its_row(tmp_path: Path, cell: str) -> None:
    table = late_table().astype({"since": object})
    table.loc[4, "since"] = cell
    path = written(tmp_path, table)
    with pytest.raises(BadCohort, match=r"since.*row 6|row 6.*since"):
        read_patients(TableRequest(path, time="months", event="died", entry="since"))


def test_what_is_trained_on_late_entry_promises_nothing_of_coverage(tmp_path: Path) -> None:
    path = written(tmp_path, late_table())
    table = read_patients(
        TableRequest(path, time="months", event="died", entry="since", strata="site", drop=("pcr",), therapy="arm")
    )
    cohort, features = as_cohort(table)
    training = Training("progression", "cox_net", folds=2, progress=False)
    report, fitted = fit(cohort, features, stratified(CoxNet(), table.strata), training)
    assert fitted.recipe.assurance == UNASSURED
    assert report.comparisons == ()
    assert report.coverage[0].patients == 110
    assert any("entered late" in notice for notice in report.notices)
    assert "a baseline for each of 2 values of clinical.site; patients count" in report.method


def test_families_that_are_named_are_evaluated_by_strata_and_late_entry(tmp_path: Path, capsys: Output) -> None:
    path = str(written(tmp_path, late_table()))
    quick = ["--folds", "2", "--workers", "1", "--json"]
    asked = ["evaluate", "--table", path, *LABELS, "--entry", "since", *quick]
    assert main([*asked, "--families", "cox_net", "--strata", "site"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert LATE_ENTRY in report["notices"]
    assert {one["family"] for one in report["choices"]} == {"cox_net"}
    told = {one["of"] for one in report["figures"]}
    assert {"plain Cox", "cohort average"} < told and "plain XGBoost" not in told
    assert main([*asked, "--families", "cox"]) == 2
    assert "cox takes no late entry" in capsys.readouterr().err
    assert main([*asked, "--families", "weibull", "--strata", "site"]) == 2
    assert "knows no strata" in capsys.readouterr().err


def test_who_died_first_is_read_learned_by_and_told(tmp_path: Path, capsys: Output) -> None:
    table = late_table()
    first = (table["died"] == 0) & (table.index % 2 == 0)
    path = written(tmp_path, table.assign(dead=first.astype(int)))
    asked = TableRequest(path, time="months", event="died", competing="dead", drop=("pcr", "arm"))
    read = read_patients(asked)
    assert isinstance(read.target, ProgressionTarget)
    assert read.target.competing is not None
    assert int(read.target.competing.sum()) == int(first.sum())
    assert not read.target.plain
    assert COMPETING in read.notices
    cohort, features = as_cohort(read)
    training = Training("progression", "competing", folds=2, progress=False)
    report, fitted = fit(cohort, features, CompetingProgression(), training)
    assert f"({int(first.sum())} deaths)" in report.method
    assert fitted.recipe.assurance == UNASSURED
    path = written(tmp_path, table.assign(dead=1))
    assert main(["evaluate", "--table", str(path), *LABELS, "--competing", "dead"]) == 2
    assert "whichever came first" in capsys.readouterr().err
