"""A manifest is read as it is written, and every fault in it is named by column and row, never by what a cell holds."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from models.cohort import Cohort, read_cohort
from models.errors import BadCohort
from models.families.target import OutcomeTarget, ProgressionTarget, Task

SECRET = "Jane-Doe-1970"


def manifest(folder: Path, patients: int = 12) -> pd.DataFrame:
    """A right manifest, as text cells, with its files; faults are put in by the tests."""
    rows = []
    for number in range(patients):
        for kind in ("image", "mask"):
            (folder / f"{number}_{kind}.nii.gz").write_bytes(b"not opened when a cohort is read")
        rows.append(
            {
                "subject": f"{SECRET}-{number}",
                "ct.baseline.image": f"{number}_image.nii.gz",
                "ct.baseline.mask": f"{number}_mask.nii.gz",
                "clinical.age_years": str(50 + number),
                "clinical.sex": "female" if number % 2 else "male",
                "therapy": "surgery" if number % 3 else "radiation",
                "outcome": str(number % 2),
                "time_days": str(100 + 10 * number),
                "event": str(number % 2),
            }
        )
    return pd.DataFrame(rows)


def written(frame: pd.DataFrame, folder: Path, facts: str = "") -> Path:
    frame.to_csv(folder / "cohort.csv", index=False)
    if facts:
        (folder / "columns.yaml").write_text(facts)
    return folder / "cohort.csv"


def read(frame: pd.DataFrame, folder: Path, facts: str = "") -> Cohort:
    return read_cohort(written(frame, folder, facts))


def test_a_right_manifest_is_read(tmp_path: Path) -> None:
    cohort = read(
        manifest(tmp_path), tmp_path, "simulated: true\ncolumns: {clinical.age_years: {unit: years, lower: 18}}"
    )
    first = cohort.patients[0]
    assert (first.row, first.therapy, first.outcome, first.time_days, first.event) == (
        2,
        "radiation",
        False,
        100,
        False,
    )
    assert dict(first.clinical) == {"clinical.age_years": 50.0, "clinical.sex": "male"}
    assert [(scan.name, scan.day, scan.image.name) for scan in first.scans] == [("ct", 0, "0_image.nii.gz")]
    age, sex = cohort.clinical
    assert (age.kind, age.unit, age.lower) == ("number", "years", 18)
    assert (sex.kind, sex.categories) == ("category", ("female", "male"))
    assert cohort.facts.simulated
    assert cohort.facts.evidence == "simulated"
    outcome, progression = cohort.target("outcome"), cohort.target("progression")
    assert isinstance(outcome, OutcomeTarget)
    assert isinstance(progression, ProgressionTarget)
    assert outcome.response.sum() == progression.event.sum() == 6


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    frame = manifest(tmp_path).astype({"clinical.age_years": float, "outcome": int, "time_days": float, "event": int})
    frame["event"] = frame["event"] == 1
    frame.loc[3, "clinical.age_years"] = float("nan")
    frame.to_parquet(tmp_path / "cohort.parquet")
    as_text = manifest(tmp_path)
    as_text.loc[3, "clinical.age_years"] = ""
    assert read_cohort(tmp_path / "cohort.parquet") == read(as_text, tmp_path)


def test_a_patient_without_a_label_is_left_out_and_told(tmp_path: Path) -> None:
    frame = manifest(tmp_path)
    frame.loc[4, "outcome"] = ""
    cohort = read(frame, tmp_path).labelled("outcome")
    assert len(cohort.patients) == 11
    assert [notice.message for notice in cohort.notices] == ["1 patients without outcome were left out"]


def test_a_cohort_needs_no_therapy_no_clinical_column_and_no_second_date(tmp_path: Path) -> None:
    frame = manifest(tmp_path).drop(columns=["therapy", "clinical.age_years", "clinical.sex"])
    cohort = read(frame, tmp_path).labelled("outcome")
    assert {patient.therapy for patient in cohort.patients} == {None}
    assert cohort.clinical == ()


def test_a_second_date_with_its_day_and_labels_is_read(tmp_path: Path) -> None:
    frame = manifest(tmp_path)
    frame["ct.latest.image"] = ["1_image.nii.gz", *[""] * 11]
    frame["ct.latest.mask"] = ["1_mask.nii.gz", *[""] * 11]
    frame["ct.latest.day"] = ["42", *[""] * 11]
    frame["ct.baseline.labels"] = ["1 2", *[""] * 11]
    cohort = read(frame, tmp_path)
    assert [(scan.day, scan.labels) for scan in cohort.patients[0].scans] == [(0, (1, 2)), (42, ())]
    assert len(cohort.patients[1].scans) == 1


def test_features_that_are_known_are_taken(tmp_path: Path) -> None:
    frame = manifest(tmp_path)
    frame["radiomics.ct.baseline.largest.original_glcm_Contrast"] = [str(number / 2) for number in range(12)]
    assert dict(read(frame, tmp_path).patients[3].given) == {
        "radiomics.ct.baseline.largest.original_glcm_Contrast": 1.5
    }


def test_constant_and_empty_columns_are_left_out_and_told(tmp_path: Path) -> None:
    frame = manifest(tmp_path)
    frame["clinical.age_years"] = "60"
    frame["clinical.stage"] = ""
    cohort = read(frame, tmp_path)
    assert [spec.name for spec in cohort.clinical] == ["clinical.sex"]
    assert [notice.message for notice in cohort.notices] == [
        "clinical.age_years is the same for every patient and was left out",
        "clinical.stage is empty and was left out",
    ]


def put(column: str, row: int, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row - 2, column] = value
        return frame

    return change


def without(column: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.drop(columns=[column])


def named(old: str, new: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.rename(columns={old: new})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (without("subject"), "no column subject"),
        (without("ct.baseline.mask"), "no column ct.baseline.mask"),
        (named("outcome", "outcom"), "unknown column 'outcom'; did you mean outcome"),
        (named("clinical.sex", "sex"), "a covariate would be clinical.sex"),
        (named("ct.baseline.mask", "ct.baseline.masc"), "did you mean ct.baseline.mask"),
        (named("clinical.sex", "radiomics.ct.sex"), "radiomics.<scan>.<when>"),
        (lambda frame: frame.rename(columns=lambda name: name.replace("ct.", "xray.")), "names the scan 'xray'"),
        (
            lambda frame: frame.rename(columns=lambda name: name.replace("baseline", "latest")),
            "no column ct.latest.day",
        ),
        (put("subject", 5, f"{SECRET}-0"), "column subject, row 5 holds the subject of row 2"),
        (put("subject", 5, ""), "column subject, row 5 holds nothing"),
        (
            put("ct.baseline.image", 7, "none.nii.gz"),
            "column ct.baseline.image, row 7 holds the path of a file that is not",
        ),
        (put("ct.baseline.mask", 7, ""), "column ct.baseline.mask, row 7 holds nothing"),
        (put("outcome", 3, "2"), "column outcome, row 3 holds another value; wanted 0 or 1"),
        (put("outcome", 3, "CR"), "column outcome, row 3"),
        (put("event", 3, "0.5"), "column event, row 3 holds another value; wanted 0 or 1"),
        (put("event", 3, ""), "column event, row 3 holds nothing beside a time_days"),
        (put("time_days", 3, ""), "column time_days, row 3 holds nothing beside a event"),
        (put("time_days", 3, "0"), "column time_days, row 3 holds 0; wanted days above 0"),
        (put("time_days", 3, "-4"), "column time_days, row 3 holds -4; wanted days above 0"),
        (put("time_days", 3, "inf"), "column time_days, row 3 holds a value that is not finite"),
        (put("clinical.age_years", 9, "nan"), "column clinical.age_years, row 9 holds a value that is not finite"),
        (put("clinical.age_years", 9, "n/a"), "column clinical.age_years, row 9 holds something that is no number"),
        (put("therapy", 9, ""), "column therapy, row 9 holds nothing"),
    ],
)
def test_a_fault_is_named_by_column_and_row(
    tmp_path: Path, fault: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    with pytest.raises(BadCohort) as caught:
        read(fault(manifest(tmp_path)), tmp_path)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value) + str(caught.value.details)


@pytest.mark.parametrize(
    ("fault", "task", "said"),
    [
        (lambda frame: frame.assign(outcome="1"), "outcome", "outcome holds 1 only"),
        (lambda frame: frame.assign(event="0"), "progression", "event holds 0 only"),
        (without("outcome"), "outcome", "no patient has outcome"),
        (lambda frame: frame.drop(columns=["time_days", "event"]), "progression", "no patient has time_days and event"),
        (put("therapy", 4, "protons"), "outcome", "therapy 'protons' was given to 1 of the patients"),
    ],
)
def test_a_cohort_without_variety_is_refused(
    tmp_path: Path, fault: Callable[[pd.DataFrame], pd.DataFrame], task: Task, said: str
) -> None:
    cohort = read(fault(manifest(tmp_path)), tmp_path)
    with pytest.raises(BadCohort, match=said):
        cohort.labelled(task)


def test_a_declared_therapy_that_nobody_got_is_refused(tmp_path: Path) -> None:
    facts = "columns: {therapy: {categories: [surgery, radiation, watching]}}"
    with pytest.raises(BadCohort, match="'watching' was given to 0 of the patients"):
        read(manifest(tmp_path), tmp_path, facts).labelled("outcome")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ("simulatd: true", "unknown key 'simulatd'; did you mean simulated"),
        ("simulated: 'yes'", "simulated is neither true nor false"),
        ("evidence: hearsay", "evidence is 'hearsay'; wanted simulated, randomised, observational"),
        (
            "columns: {clinical.age_years: {unti: years}}",
            "unknown key 'columns.clinical.age_years.unti'; did you mean unit",
        ),
        ("columns: {clinical.age: {unit: years}}", "describes clinical.age, which the manifest has not"),
        ("columns: {clinical.age_years: {lower: 55}}", "column clinical.age_years, row 2 holds a number below"),
        ("columns: {clinical.age_years: {upper: 55}}", "column clinical.age_years, row 8 holds a number above"),
        ("columns: {clinical.age_years: {lower: 9, upper: 3}}", "wanted lower below upper"),
        ("columns: {clinical.sex: {categories: [female]}}", "column clinical.sex, row 2 holds another word"),
        ("columns: [", "columns.yaml cannot be read"),
        ("endpoint: {outcome: 4}", "outcome is no text"),
    ],
)
def test_a_fault_in_the_facts_is_named(tmp_path: Path, facts: str, said: str) -> None:
    with pytest.raises(BadCohort) as caught:
        read(manifest(tmp_path), tmp_path, facts)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cohort.csv", b"", "empty"),
        ("cohort.csv", b"subject,outcome\n", "no patient"),
        ("cohort.csv", b"subject;outcome\na;1\n", "separated by commas"),
        ("cohort.csv", b"subject,outcome\na,1\nb\n", "row 3 has 1 cells; the header has 2"),
        ("cohort.csv", b"subject,outcome,outcome\na,1,1\n", "the column 'outcome' 2 times"),
        ("cohort.csv", b"\xff\xfe\x00\x01", "UTF-8"),
        ("cohort.parquet", b"PAR1 and no more", "Parquet"),
        ("cohort.xlsx", b"PK", "wanted .csv or .parquet"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadCohort, match=said):
        read_cohort(tmp_path / name)


def test_an_identifier_is_no_category(tmp_path: Path) -> None:
    frame = manifest(tmp_path, 30)
    frame["clinical.name"] = [f"{SECRET}-{number}" for number in range(30)]
    with pytest.raises(BadCohort, match=r"clinical\.name holds 30 different words") as caught:
        read(frame, tmp_path)
    assert SECRET not in str(caught.value)


def test_a_manifest_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadCohort, match="no cohort manifest"):
        read_cohort(tmp_path / "none.csv")
