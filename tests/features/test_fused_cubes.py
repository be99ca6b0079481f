"""The table that meshes are counted by is the one that pyradiomics' mesh gives, cube by cube."""

import subprocess
import sys
from pathlib import Path

import pytest

import features.radiomics.fused.mesh as counted

SCRIPT = Path(__file__).with_name("derive_cubes.py")


def test_the_file_is_what_the_script_derives() -> None:
    pytest.importorskip("radiomics")
    derived = subprocess.run([sys.executable, SCRIPT], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert derived == Path(counted.__file__).with_name("cubes.json").read_text()
