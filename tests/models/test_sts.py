"""A folder laid out as the sarcoma cohort becomes a manifest that can be read; what is wrong with it is said."""

from pathlib import Path

import pytest

from models.cohort import read_cohort
from models.errors import BadCohort
from models.sts import write_sts_manifest


def sts_folder(folder: Path, outcomes: str = "patient_id,lung_metastasis\nSTS_1,0\nSTS_2,1\nSTS_3,0\n") -> Path:
    """Three patients: PET and MR, PET and an MR mask alone, PET alone."""
    for patient, files in {
        "STS_1": ("PET_image", "PET_mask", "MR_T1_image", "MR_T1_mask"),
        "STS_2": ("PET_image", "PET_mask", "MR_T1_mask"),
        "STS_3": ("PET_image", "PET_mask"),
    }.items():
        (folder / "images" / patient).mkdir(parents=True)
        for file in files:
            (folder / "images" / patient / f"{file}.nii.gz").write_bytes(b"not opened here")
    (folder / "outcomes.csv").write_text(outcomes)
    return folder


def test_the_manifest_can_be_read(tmp_path: Path) -> None:
    written = write_sts_manifest(sts_folder(tmp_path / "sts"), tmp_path / "elsewhere" / "cohort.csv")
    assert (written.patients, written.scans, written.incomplete) == (3, {"pt": 3, "mr_t1": 1}, {"mr_t1": 1})
    cohort = read_cohort(written.path).labelled("outcome")
    assert [[scan.name for scan in patient.scans] for patient in cohort.patients] == [["pt", "mr_t1"], ["pt"], ["pt"]]
    assert [patient.outcome for patient in cohort.patients] == [False, True, False]
    assert cohort.facts.endpoint["outcome"] == "lung metastasis later"
    assert not cohort.facts.simulated


def test_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    folder, out = sts_folder(tmp_path / "sts"), tmp_path / "cohort.csv"
    first = write_sts_manifest(folder, out).path.read_bytes()
    assert write_sts_manifest(folder, out).path.read_bytes() == first


@pytest.mark.parametrize(
    ("outcomes", "out", "said"),
    [
        ("patient,lung_metastasis\nSTS_1,0\n", "cohort.csv", "outcomes.csv has no column patient_id"),
        ("patient_id,lung_metastasis\nSTS_9,0\n", "cohort.csv", "there is no image with its mask"),
        ("patient_id,lung_metastasis\nSTS_1,0\n", "cohort.parquet", "wanted .csv"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, outcomes: str, out: str, said: str) -> None:
    with pytest.raises(BadCohort, match=said):
        write_sts_manifest(sts_folder(tmp_path / "sts", outcomes), tmp_path / out)


def test_a_folder_of_something_else_and_another_cohorts_facts_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BadCohort, match=r"no outcomes\.csv"):
        write_sts_manifest(tmp_path, tmp_path / "cohort.csv")
    (tmp_path / "columns.yaml").write_text("simulated: true\n")
    with pytest.raises(BadCohort, match=r"another columns\.yaml"):
        write_sts_manifest(sts_folder(tmp_path / "sts"), tmp_path / "cohort.csv")
    assert (tmp_path / "columns.yaml").read_text() == "simulated: true\n"
