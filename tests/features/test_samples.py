"""Real cases are unpacked once, whole or not at all, from the right archive only."""

import shutil
from pathlib import Path

import pytest

from features.samples import ARCHIVE, CACHE, CASES, SamplesMissing, baseline_folder, fetch, sample


def test_every_case_has_an_image_and_a_segmentation() -> None:
    for case in CASES:
        image, mask = sample(case)
        assert image.is_file()
        assert mask.is_file()
        assert image.stat().st_size > mask.stat().st_size
    assert (baseline_folder() / "baseline_glcm.csv").is_file()


def test_another_case_is_not_there() -> None:
    with pytest.raises(ValueError, match="brain1, brain2"):
        sample("liver1")


def test_without_the_archive_the_way_to_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(SamplesMissing, match="make setup"):
        sample("lung1", tmp_path)


def test_another_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(b"something else")
    for wrong in (lambda: sample("lung1", tmp_path), lambda: fetch(tmp_path)):
        with pytest.raises(SamplesMissing, match="has digest"):
            wrong()
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_the_archive_is_unpacked_once_beside_itself(tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).symlink_to(CACHE / ARCHIVE)
    image, _ = sample("breast1", tmp_path)
    assert image.read_bytes() == sample("breast1")[0].read_bytes()
    assert len(list(tmp_path.iterdir())) == 2, "no temporary folder stays"
    (tmp_path / ARCHIVE).unlink()
    assert sample("breast1", tmp_path)[0] == image
    shutil.rmtree(image.parent)
