"""`python -m features extract`, as its users call it."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders.tumours import ball, labels_of, nrrd, texture, tumour

from features.__main__ import main
from features.embedding.encoder import default_encoder
from features.measures import measure_lesion
from features.profile import DEFAULT_PROFILE
from features.radiomics import extract
from features.samples import sample

BIG = ball(centre=(5, 7, 7), radius=4.2)
SMALL = ball(centre=(6, 17, 17), radius=3.0)
ONE_VOXEL = ball(centre=(1, 1, 22), radius=0.5)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Three lesions, of which the second has one voxel."""
    image, mask = tmp_path / "image.nrrd", tmp_path / "mask.nrrd"
    image.write_bytes(nrrd(texture(7).astype(np.int16)))
    mask.write_bytes(nrrd(labels_of(BIG, ONE_VOXEL, SMALL)))
    return str(image), str(mask)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def test_every_lesion_is_a_line_and_one_that_cannot_be_measured_says_why(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", *files]) == 0
    one, two, three = lines(capsys)
    assert one == {"label": 1, "features": extract(tumour(BIG), DEFAULT_PROFILE.for_modality("ct")).values}
    message = "one voxel in the lesion; wanted 2 or more"
    assert two == {"label": 2, "error": {"reason": "LESION_TOO_SMALL", "message": message}}
    assert three == {"label": 3, "features": extract(tumour(SMALL), DEFAULT_PROFILE.for_modality("ct")).values}


def test_one_label_some_columns_and_measures(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    names = "original_glcm_Contrast,original_shape_Sphericity"
    assert main(["extract", *files, "--label", "3", "--columns", names, "--measures"]) == 0
    (line,) = lines(capsys)
    wanted = extract(tumour(SMALL), DEFAULT_PROFILE.for_modality("ct"), names.split(",")).values
    measured = {f"measure.{name}": value for name, value in measure_lesion(tumour(SMALL)).items() if name != "area_mm2"}
    assert line == {"label": 3, "features": {**wanted, **measured}}


def test_a_measure_alone_is_given_for_a_lesion_of_one_voxel(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", *files, "--label", "2", "--columns", "measure.volume_mm3"]) == 0
    assert lines(capsys) == [{"label": 2, "features": {"measure.volume_mm3": 2.0}}]


def test_csv_has_a_row_a_lesion_and_a_column_for_what_went_wrong(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", *files, "--format", "csv", "--label", "all"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["1", "2", "3"]
    assert [row["error"].partition(":")[0] for row in rows] == ["", "LESION_TOO_SMALL", ""]
    wanted = extract(tumour(BIG), DEFAULT_PROFILE.for_modality("ct")).values
    assert {name: float(rows[0][name]) for name in wanted} == wanted
    assert {rows[1][name] for name in wanted} == {""}


def test_the_profile_and_the_modality_decide(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump({"setting": {"binWidth": 7}, "featureClass": {"glcm": ["Contrast"]}}))
    found = []
    for more in (["--profile", str(profile)], ["--modality", "pt"], ["--modality", "ct"]):
        assert main(["extract", *files, "--label", "1", "--columns", "original_glcm_Contrast", *more]) == 0
        found.append(lines(capsys)[0]["features"])
    assert len({str(one) for one in found}) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["IMAGE", "MASK", "--label", "9"], "9"),
        (["IMAGE", "MASK", "--label", "none"], "wanted a label"),
        (["IMAGE", "MASK", "--columns", "original_glcm_Kontrast"], "did you mean original_glcm_Contrast"),
        (["IMAGE", "MASK", "--columns", "radiomics.ct.baseline.largest.original_glcm_Contrast"], "pyradiomics names"),
        (["IMAGE", "MASK", "--columns", ","], "no name"),
        (["IMAGE", "MASK", "--profile", "BAD"], "did you mean binWidth"),
        (["IMAGE", "MASK", "--profile", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["IMAGE", "MASK", "--profile", "IMAGE"], "profile"),
        (["nowhere.nrrd", "MASK"], "nowhere.nrrd: No such file"),
        (["BAD", "MASK"], ""),
        (["IMAGE", "BAD"], ""),
        (["IMAGE", "MASK", "--modality", "xray"], "xray"),
        (["IMAGE", "MASK", "--colums", "x"], "--colums"),
        (["IMAGE"], "MASK"),
    ],
)
def test_bad_input_is_one_line_of_trouble_and_exit_2(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("setting: {binwidth: 3}")
    named = {"IMAGE": files[0], "MASK": files[1], "BAD": str(bad)}
    try:
        code = main(["extract", *(named.get(one, one) for one in arguments)])
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_the_command_runs_as_a_process_on_a_real_tumour_and_says_nothing_else() -> None:
    image, mask = sample("breast1")
    call = [sys.executable, "-m", "features", "extract", str(image), str(mask), "--columns", "original_glcm_Contrast"]
    done = subprocess.run(call, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    (line,) = [json.loads(one) for one in done.stdout.splitlines()]
    # data/baseline/baseline_glcm.csv of pyradiomics' archive, breast1
    assert line == {"label": 1, "features": {"original_glcm_Contrast": pytest.approx(0.6712186625058774, rel=1e-12)}}


def test_a_reader_that_stops_early_is_no_trouble() -> None:
    image, mask = sample("breast1")
    call = f"'{sys.executable}' -m features extract '{image}' '{mask}' | head -c 5; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", call], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stderr == ""
    assert done.stdout.startswith('{"lab')


def test_embeddings_are_added_on_request(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    columns = "original_shape_Sphericity"
    assert main(["extract", *files, "--label", "1", "--columns", columns, "--embedding", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    encoder = default_encoder()
    wanted = encoder.embed([tumour(BIG)], ["ct"])[0]
    assert [float(row[f"embedding.default.{index}"]) for index in range(encoder.dimension)] == pytest.approx(
        wanted, abs=1e-5
    )
