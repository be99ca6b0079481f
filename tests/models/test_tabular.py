"""Somebody's own table becomes patients to learn from; what cannot be learned from is told, or refused in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.own_tables import FEATURES, site_table, written
from scipy.io import arff

from models.errors import BadCohort
from models.families.target import OutcomeTarget, ProgressionTarget
from models.leakage.table import refuse_leaky_table
from models.tabular.kinds import model_names
from models.tabular.reading import PatientTable, TableRequest, read_patients


def outcome(path: Path, **more: object) -> TableRequest:
    return TableRequest(path, outcome="pcr", **({"drop": ("months", "died", "arm")} | more))  # type: ignore[arg-type]


def survival(path: Path, **more: object) -> TableRequest:
    return TableRequest(path, time="months", event="died", **({"drop": ("pcr", "arm")} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_table_becomes_patients_with_a_record_and_images(tmp_path: Path, name: str) -> None:
    table = site_table()
    found = read_patients(
        outcome(written(tmp_path, table, name), therapy="arm", drop=("months", "died"), groups=("Sex", "Age"))
    )
    assert [spec.name for spec in found.columns] == ["clinical.Age", "clinical.Sex", *FEATURES]
    assert [spec.name for spec in found.imaging] == list(FEATURES)
    assert found.headers["clinical.Age"] == "Age"
    assert isinstance(found.target, OutcomeTarget)
    assert found.target.response.tolist() == table["pcr"].tolist()
    assert list(found.frame["therapy"]) == table["arm"].tolist()
    assert found.frame["clinical.Age"].tolist() == table["Age"].tolist()
    assert found.groups["Sex"] == tuple(table["Sex"])
    assert found.groups["Age"] == tuple(table["Age"])
    assert found.subjects == tuple(table["subject"])
    assert found.notices == ()


def test_time_and_event_become_a_progression(tmp_path: Path) -> None:
    table = site_table()
    found = read_patients(survival(written(tmp_path, table)))
    assert isinstance(found.target, ProgressionTarget)
    assert found.target.time_days == pytest.approx(table["months"].to_numpy())
    assert found.target.event.tolist() == (table["died"] == 1).tolist()


def test_what_stands_for_nothing_is_missing_and_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    table = site_table().astype({"pcr": object, "Age": object})
    table.loc[3, "pcr"], table.loc[4, "pcr"], table.loc[5, "pcr"] = 999, "NA", None
    table.loc[8, "Age"], table.loc[9, "Age"] = "999.0", "n/a"
    found = read_patients(outcome(written(tmp_path, table), missing=("999",)))
    assert len(found.frame) == 87
    assert found.rows[:4] == (2, 3, 4, 8)
    assert found.notices == ("3 rows without pcr were left out",)
    assert found.frame["clinical.Age"].isna().sum() == 2


Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.assign(pcr=1), "the column pcr holds 1 only; wanted both 1 and 0"),
        (lambda t: t.assign(pcr=np.arange(90) == 4), "90 patients, 1 of them with a response; wanted at least 20"),
        (lambda t: t.assign(pcr=[7, *[1, 0] * 44, 1]), "column pcr, row 2 holds another value; wanted 1 or 0"),
        (lambda t: t.assign(pcr=np.nan), "no row has pcr; wanted one for each patient"),
        (lambda t: t.drop(columns="pcr"), "the table has no column 'pcr'"),
        (lambda t: t.assign(Age=[np.inf, *t["Age"][1:]]), "column Age, row 2 holds an infinite value; wanted a finite"),
        (lambda t: t.assign(Age=["old", *t["Age"][1:]]), "column Age, row 2 holds something that is no number"),
        (lambda t: t[["pcr"]].assign(months=1, died=1, arm=1, flat=2.0), "no column is left to learn from"),
        (lambda t: t.iloc[:12], "12 patients"),
        (lambda t: t.iloc[:0], "the manifest has no patient"),
    ],
)
def test_a_table_with_no_outcome_to_learn_is_refused_in_one_line(tmp_path: Path, spoil: Spoil, said: str) -> None:
    with pytest.raises(BadCohort, match=said.replace("(", r"\(")):
        read_patients(outcome(written(tmp_path, spoil(site_table()))))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.assign(died=0), "the column died holds no event; wanted patients with the event seen"),
        (lambda t: t.assign(died=np.arange(90) < 3), "90 patients with 3 events; wanted at least 20 with 5"),
        (lambda t: t.assign(months=[0.0, *t["months"][1:]]), "column months, row 2 holds 0; wanted a time above 0"),
        (lambda t: t.assign(months=[-3.0, *t["months"][1:]]), "column months, row 2 holds -3; wanted a time above 0"),
        (lambda t: t.assign(months=["soon", *t["months"][1:]]), "row 2 holds something that is no finite number"),
        (lambda t: t.assign(died=[2, *t["died"][1:]]), "column died, row 2 holds another value; wanted 1 or 0"),
    ],
)
def test_a_table_with_no_survival_to_learn_is_refused_in_one_line(tmp_path: Path, spoil: Spoil, said: str) -> None:
    with pytest.raises(BadCohort, match=said):
        read_patients(survival(written(tmp_path, spoil(site_table()))))


def test_empty_constant_sparse_wordy_and_impossible_columns_are_left_out_and_told(tmp_path: Path) -> None:
    table = site_table().assign(
        empty=np.nan,
        flat=3.0,
        rare=[1.0, 2.0, *[np.nan] * 88],
        story=[f"word {index // 2}" for index in range(90)],
        original_shape_Sphericity=[0.06, *[0.7, 0.8] * 44, 0.75],
    )
    found = read_patients(outcome(written(tmp_path, table)))
    assert [spec.name for spec in found.columns] == ["clinical.Age", "clinical.Sex", *FEATURES]
    told = "\n".join(found.notices)
    assert "1 columns are empty and were left out: empty" in told
    assert "1 columns are the same for every patient and were left out: flat" in told
    assert "1 columns are missing for more than half of the patients and were left out: rare" in told
    assert "1 columns are free text of more than 20 words and were left out: story" in told
    assert "original_shape_Sphericity: 1 patients have an impossible value; wanted 0.1 to 1" in told


@pytest.mark.parametrize(
    "wrong",
    [{}, {"outcome": "pcr", "time": "months", "event": "died"}, {"time": "months"}, {"event": "died"}],
)
def test_either_an_outcome_or_a_time_and_an_event_is_wanted(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(BadCohort, match="wanted an outcome column, or a time column and an event column"):
        TableRequest(tmp_path, **wrong)  # type: ignore[arg-type]


def test_a_header_asked_for_twice_or_misspelt_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, site_table())
    with pytest.raises(BadCohort, match="the column pcr is asked for twice"):
        read_patients(outcome(path, drop=("pcr",)))
    with pytest.raises(BadCohort, match="the table has no column 'Agee'; did you mean Age"):
        read_patients(outcome(path, groups=("Agee",)))


def test_columns_are_named_for_models_by_what_they_are() -> None:
    numbered = [f"feat_{index}" for index in range(12)]
    headers = [
        "Age",
        "T1",
        "original_shape_Sphericity",
        "wavelet-LLH_glcm_Contrast",
        "clinical.sex",
        "wash_in",
        *numbered,
    ]
    names = model_names(headers, imaging=("wash_*",))
    assert names["Age"] == "clinical.Age"
    assert names["T1"] == "clinical.T1"
    assert names["clinical.sex"] == "clinical.sex"
    assert all(names[header] == header for header in [*headers[2:4], "wash_in", *numbered])
    genes = {f"gene{chr(65 + index % 26)}{'x' * (index // 26 + 1)}" for index in range(80)}
    assert all(name == header for header, name in model_names(sorted(genes)).items())


@pytest.fixture(scope="module")
def outcomes() -> Path:
    folder = Path(os.environ.get("RADRESPONSE_DATA", "")) / "outcomes"
    if not os.environ.get("RADRESPONSE_DATA") or not folder.is_dir():
        pytest.skip("RADRESPONSE_DATA with outcomes is not here")
    return folder


def from_arff(outcomes: Path, folder: Path, name: str) -> Path:
    table = pd.DataFrame(arff.loadarff(outcomes / "sksurv" / f"{name}.arff")[0])
    words = table.select_dtypes(object)
    table[words.columns] = words.map(lambda cell: cell.decode())
    return written(folder, table, f"{name}.csv")


def lung1(outcomes: Path, folder: Path) -> Path:
    clinical = pd.read_csv(outcomes / "lung1" / "clinical_data.csv")
    whole = clinical.merge(pd.read_csv(outcomes / "lung1" / "radiomics_features.csv"), on="PatientID")
    return written(folder, whole, "lung1.csv")


CLEAN: dict[str, Callable[[Path, Path], TableRequest]] = {
    "ispy2": lambda data, _: TableRequest(
        data / "ispy2_radiomics_pcr" / "TrainDataset2024.csv",
        outcome="pCR (outcome)",
        drop=("RelapseFreeSurvival (outcome)",),
        subject="ID",
        missing=("999",),
    ),
    "mama_mia": lambda data, _: TableRequest(
        data / "mama_mia" / "clinical_and_imaging_info.csv",
        outcome="pcr",
        subject="patient_id",
        therapy="nac_agent",
        drop=("tcia_series_uid", "acquisition_date"),
    ),
    "lung1": lambda data, folder: TableRequest(
        lung1(data, folder), time="Survival.time", event="deadstatus.event", subject="PatientID"
    ),
    "hcc": lambda data, _: TableRequest(
        data / "hcc_tace" / "HCC-TACE-Seg_clinical_data-V2.csv",
        time="TTP",
        event="Censored_0_progressed_1",
        subject="TCIA_ID",
        drop=("OS", "Death_1_StillAliveorLostToFU_0"),
    ),
    "veteran": lambda data, _: TableRequest(
        data / "trials" / "survival__veteran.csv", time="time", event="status", therapy="trt", drop=("rownames",)
    ),
    "gbsg": lambda data, _: TableRequest(
        data / "trials" / "survival__gbsg.csv", time="rfstime", event="status", subject="pid", drop=("rownames",)
    ),
    "rotterdam": lambda data, _: TableRequest(
        data / "trials" / "survival__rotterdam.csv",
        time="rtime",
        event="recur",
        subject="pid",
        drop=("rownames", "dtime", "death"),
    ),
    "GBSG2": lambda data, folder: TableRequest(from_arff(data, folder, "GBSG2"), time="time", event="cens"),
    "WHAS500": lambda data, folder: TableRequest(from_arff(data, folder, "whas500"), time="lenfol", event="fstat"),
}


@pytest.mark.parametrize("name", list(CLEAN))
def test_the_alarm_stays_quiet_on_clean_cohorts(name: str, outcomes: Path, tmp_path: Path) -> None:
    table: PatientTable = read_patients(CLEAN[name](outcomes, tmp_path))
    refuse_leaky_table(table)
    assert len(table.frame) >= 100


def test_impossible_shapes_of_a_published_table_are_told(outcomes: Path, tmp_path: Path) -> None:
    table = read_patients(CLEAN["lung1"](outcomes, tmp_path))
    (told,) = [notice for notice in table.notices if "that no lesion has" in notice]
    assert "shape_MeshVolume" in told or "shape_Sphericity" in told
    assert not [spec.name for spec in table.columns if spec.name == "original_shape_MeshVolume"]
