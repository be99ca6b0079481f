"""The commands of docs/dicom.md run as they stand there."""

import shlex
from pathlib import Path

import pytest
from builders.dicom import ramp, rtstruct, series, square

from features.__main__ import main

DOCS = Path(__file__).parents[2] / "docs" / "dicom.md"
COMMANDS = [
    shlex.split(line)[3:]
    for line in DOCS.read_text(encoding="utf-8").splitlines()
    if line.startswith("python -m features")
]


def test_each_command_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    structures = rtstruct({"GTV": [square(2.6, 2.6, 12.4, 9.4, plane) for plane in range(2, 6)]})
    for name in ("series", "hospital"):
        Path(name).mkdir()
        for index, file in enumerate(series(ramp(8, 20, 24))):
            Path(name, f"{index}.dcm").write_bytes(file)
    Path("structures.dcm").write_bytes(structures)
    Path("hospital/structures.dcm").write_bytes(structures)
    assert [words[0] for words in COMMANDS] == ["check", "mask", "mask", "extract", "scan"]
    for words in COMMANDS:
        assert main(words) == 0
    assert {"mask.nii.gz", "mask.nrrd", "pseudonyms.key", "cohort"} <= {path.name for path in Path().iterdir()}
    assert capsys.readouterr().err == ""
