"""No file, however it was changed, gives anything but an image, labels or an error of ours; finds are replayed.

`make fuzz` goes on for ten minutes, in memory of a fixed size; a test run takes a few hundred files of it, and a minute
where nothing may be skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders.fuzz import hostile, image, seeds, survives
from hypothesis import HealthCheck, given, settings

FINDS = sorted((Path(__file__).parent / "finds").glob("*.bin"))


@given(hostile())
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_hostile_files_are_refused_or_read(content: bytes) -> None:
    survives(content)


@pytest.mark.skipif(os.environ.get("RADRESPONSE_SERVERS") != "required", reason="a minute; make fuzz takes ten")
def test_a_minute_of_hostile_files_breaks_nothing_within_its_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "tests/fuzz.py"],
        env={**os.environ, "PYTHONPATH": "tests:.", "SECONDS": "55", "SEED": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert int(ran.stdout.split()[0]) > 200


@pytest.mark.parametrize("seed", sorted(seeds()))
def test_what_is_changed_is_whole_before(seed: str) -> None:
    survives(seeds()[seed])
    assert image().grid.size == (8, 6, 4)


@pytest.mark.parametrize("find", FINDS, ids=lambda path: path.stem)
def test_what_was_found_once_is_refused_or_read(find: Path) -> None:
    survives(find.read_bytes())
