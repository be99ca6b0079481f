"""Features of a cohort: in the manifest's order, the same on one process and on two, resumed from the cache."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.cohorts import QUICK_PROFILE, simulated_cohort

from features.embedding.encoder import DEFAULT
from models.cohort import Cohort, read_cohort
from models.errors import BadCohort
from models.table import FeatureTable, Measuring, feature_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_cohort(tmp_path_factory.mktemp("cohort") / "sim", 8).parent


def measured(cohort: Cohort, cache: Path | None, workers: int = 1, embed: bool = False) -> FeatureTable:
    return feature_table(
        cohort, Measuring(QUICK_PROFILE, DEFAULT if embed else None, cache), workers=workers, progress=False
    )


def test_rows_are_the_manifests_and_columns_the_profiles(folder: Path) -> None:
    table = measured(read_cohort(folder / "cohort.csv"), None)
    manifest = pd.read_csv(folder / "cohort.csv")
    assert list(table.frame["therapy"]) == list(manifest["therapy"])
    assert list(table.frame["clinical.ecog"]) == list(manifest["clinical.ecog"])
    assert [patient.row for patient in table.patients] == list(range(2, 10))
    names = [spec.name for spec in table.columns]
    assert names == [column for column in table.frame.columns if column != "therapy"]
    assert "radiomics.ct.baseline.largest.original_firstorder_Entropy" in names
    volume = next(spec for spec in table.columns if spec.name == "measure.ct.baseline.all.volume_mm3")
    assert volume.unit == "mm³"
    assert (table.frame[volume.name] > 0).all()
    assert len(set(table.frame[volume.name])) == 8


def test_two_processes_give_what_one_gives(folder: Path, tmp_path: Path) -> None:
    cohort = read_cohort(folder / "cohort.csv")
    alone = measured(cohort, None)
    together = measured(cohort, tmp_path / "features.db", workers=2)
    pd.testing.assert_frame_equal(alone.frame, together.frame)


def test_what_was_measured_is_not_measured_again(folder: Path, tmp_path: Path) -> None:
    """Images that are gone bad after they were measured are not opened; the digest is all that is read."""
    cohort = read_cohort(folder / "cohort.csv")
    first = measured(cohort, tmp_path / "features.db")
    with_cache = measured(cohort, tmp_path / "features.db")
    pd.testing.assert_frame_equal(first.frame, with_cache.frame)
    with sqlite3.connect(tmp_path / "features.db") as cache:
        gone = cache.executemany("DELETE FROM features WHERE image = ?", [(one,) for one in _digests(cohort, 1)])
        assert gone.rowcount > 0
    cache.close()
    pd.testing.assert_frame_equal(first.frame, measured(cohort, tmp_path / "features.db").frame)


def _digests(cohort: Cohort, patient: int) -> list[str]:
    from features.case import Source  # noqa: PLC0415

    return [Source.of(scan.image).digest for scan in cohort.patients[patient].scans]


def test_a_patient_who_cannot_be_measured_is_left_out_by_row(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sim")
    cohort = read_cohort(tmp_path / "sim" / "cohort.csv")
    cohort.patients[2].scans[0].image.write_bytes(b"no image at all")
    whole = cohort.patients[5].scans[0].mask.read_bytes()
    cohort.patients[5].scans[0].mask.write_bytes(whole[: len(whole) // 2])
    table = measured(cohort, None)
    assert [one.row for one in table.left_out] == [4, 7]
    assert [patient.row for patient in table.patients] == [2, 3, 5, 6, 8, 9]
    assert table.left_out[0].reason.startswith("scans[0].image")
    assert table.left_out[1].reason.startswith("scans[0].segmentation")
    assert "sim-" not in "".join(one.reason for one in table.left_out)
    assert len(table.frame) == 6


def test_a_cohort_that_mostly_cannot_be_measured_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sim")
    cohort = read_cohort(tmp_path / "sim" / "cohort.csv")
    for patient in cohort.patients[:5]:
        patient.scans[0].image.write_bytes(b"no image at all")
    with pytest.raises(BadCohort, match="5 of 8 patients could not be measured; the first, row 2"):
        measured(cohort, None)


def test_a_patient_without_a_scan_has_missing_features(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sim")
    manifest = pd.read_csv(tmp_path / "sim" / "cohort.csv", dtype=str, keep_default_na=False)
    manifest.loc[3, ["ct.baseline.image", "ct.baseline.mask"]] = ""
    manifest.to_csv(tmp_path / "sim" / "cohort.csv", index=False)
    table = measured(read_cohort(tmp_path / "sim" / "cohort.csv"), None)
    assert table.left_out == ()
    assert list(np.flatnonzero(table.frame["measure.ct.baseline.all.volume_mm3"].isna())) == [3]


def test_a_second_date_gives_changes(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sim")
    manifest = pd.read_csv(tmp_path / "sim" / "cohort.csv", dtype=str, keep_default_na=False)
    for part in ("image", "mask"):  # each patient's second scan is the next patient's, but for the first
        manifest[f"ct.latest.{part}"] = ["", *manifest[f"ct.baseline.{part}"][:-1]]
    manifest["ct.latest.day"] = ["", *["60"] * 7]
    manifest.to_csv(tmp_path / "sim" / "cohort.csv", index=False)
    frame = measured(read_cohort(tmp_path / "sim" / "cohort.csv"), None).frame
    volume, change = "measure.ct.baseline.all.volume_mm3", "measure.ct.delta.all.volume_mm3"
    assert list(np.flatnonzero(frame[change].isna())) == [0]
    before = frame[volume].to_numpy(dtype=float)
    assert frame[change].to_numpy(dtype=float)[1:] == pytest.approx((before[:-1] - before[1:]) / before[1:])
    assert "radiomics.ct.delta.largest.original_glcm_Contrast" in frame
