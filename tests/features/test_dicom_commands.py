"""`check`, `mask` and `extract` on DICOM, as a person calls them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders.dicom import CAPTURE, MR, ROOT, ramp, rtstruct, series, square, zipped
from pydicom.dataset import Dataset
from pydicom.uid import UID

from features.__main__ import main
from features.case import Source
from features.imaging.grid import require_same_grid
from features.imaging.read import read_image, read_segmentation

STRUCTURES = {"GTV Mueller": [square(1.6, 2.6, 6.4, 5.4, 2)], "node": [square(8.6, 2.6, 10.4, 5.4, 2)]}


def folder_of(files: list[bytes], folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    for index, file in enumerate(files):
        (folder / ("deep" if index % 2 else ".") / f"{index}.dcm").write_bytes(file)
    return folder


@pytest.fixture
def scanned(tmp_path: Path) -> Path:
    return folder_of(series(ramp()), tmp_path / "series")


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    path = tmp_path / "structures.dcm"
    path.write_bytes(rtstruct(STRUCTURES))
    return path


def called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[dict[str, object]], str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_check_says_what_a_folder_holds(scanned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scanned / "rs.dcm").write_bytes(rtstruct(STRUCTURES))
    code, lines, said = called(capsys, "check", scanned)
    assert (code, said) == (0, "")
    assert (lines[0]["kind"], lines[0]["files"]) == ("CT", 5)
    assert (lines[0]["size"], lines[0]["spacing_mm"]) == ([16, 12, 5], [0.8, 1.25, 2.5])
    assert lines[1] == {"kind": "RTSTRUCT", "structures": {"1": "GTV *", "2": "node"}}


def test_check_ends_with_2_and_the_reason_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def gap(data: Dataset, index: int) -> None:
        if index > 2:
            x, y, z = data.ImagePositionPatient
            data.ImagePositionPatient = [x, y, float(z) + 2.5]

    code, lines, said = called(capsys, "check", folder_of(series(ramp(), change=gap), tmp_path / "gap"))
    assert code == 2
    assert said.startswith("python -m features: MISSING_SLICES: ")
    assert lines[0]["refused"] == {"reason": "MISSING_SLICES", "message": said.split(": ", 2)[2].strip()}


def test_check_judges_each_series_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def other(data: Dataset, index: int) -> None:
        data.SeriesInstanceUID, data.SOPInstanceUID = UID(ROOT + "77"), UID(f"{ROOT}78.{index}")

    files = [*series(ramp()), *series(ramp(), MR, change=other), *series(ramp(1), CAPTURE), b"notes"]
    files[-2] = series(ramp(1), CAPTURE, change=lambda data, _: setattr(data, "SeriesInstanceUID", UID(ROOT + "7")))[0]
    code, lines, said = called(capsys, "check", folder_of(files, tmp_path / "mixed"))
    assert code == 2
    assert {line["kind"] for line in lines} == {"CT", "MR", "capture", "other"}
    refused = {line["kind"]: line["refused"] for line in lines if "refused" in line}
    assert list(refused) == ["capture"]
    assert "SECONDARY_CAPTURE" in str(refused)
    assert "UNKNOWN_FORMAT: 1 of 12 files" in said


def test_mask_writes_what_was_understood(
    scanned: Path, structures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in (".nrrd", ".nii.gz", ".nii", ".mha"):
        out = tmp_path / f"mask{ending}"
        code, lines, _ = called(capsys, "mask", scanned, structures, "--structure", "node", "--out", out)
        assert (code, lines) == (0, [{"label": 2, "voxels": 6, "volume_mm3": 15.0}])
        written = read_segmentation(Source.of(out))
        expected = np.zeros((5, 12, 16))
        expected[2, 3:6, 9:11] = 2
        np.testing.assert_array_equal(written.labels, expected)
        require_same_grid(read_image(Source.of(scanned)).grid, written.grid)


def test_mask_asks_by_pattern_and_number_and_lists_what_there_is_at_a_miss(
    scanned: Path, structures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mask.nrrd"
    assert called(capsys, "mask", scanned, structures, "--structure-like", "gtv*", "--out", out)[1][0]["label"] == 1
    assert called(capsys, "mask", scanned, structures, "--label", "2", "--out", out)[1][0]["label"] == 2
    for wrong in (("--structure", "Node"), ("--label", "3"), ()):
        code, lines, said = called(capsys, "mask", scanned, structures, *wrong, "--out", out)
        assert (code, lines) == (2, [])
        assert "1 GTV *, 2 node" in said
    code, _, said = called(capsys, "mask", scanned, structures, "--structure", "node", "--out", tmp_path / "mask.png")
    assert code == 2 and ".nii.gz" in said


def test_extract_takes_the_same_two(
    scanned: Path, structures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ("--columns", "original_firstorder_Mean,measure.volume_mm3")
    asked = ("--structure", "node")
    from_folder = called(capsys, "extract", scanned, structures, *asked, *columns)
    assert from_folder[0] == 0
    assert from_folder[1] == [
        {"label": 2, "features": {"original_firstorder_Mean": 2000 + 80 + 9.5 - 1024, "measure.volume_mm3": 15.0}}
    ]
    packed = tmp_path / "series.zip"
    packed.write_bytes(zipped(series(ramp())))
    assert called(capsys, "extract", packed, structures, *asked, *columns) == from_folder
    mask = tmp_path / "mask.nrrd"
    called(capsys, "mask", scanned, structures, *asked, "--out", mask)
    assert called(capsys, "extract", scanned, mask, *columns) == from_folder


def test_pydicom_is_loaded_for_dicom_alone() -> None:
    script = "import sys, features.__main__, features.compute; print([one for one in sys.modules if 'pydicom' in one])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
