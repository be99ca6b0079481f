"""The README's commands, run as a newcomer would: from the project's folder, in the order in which they stand."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script() -> str:
    """All blocks as one script; Python's run as they stand."""
    parts = []
    for language, block in BLOCKS.findall((ROOT / "README.md").read_text()):
        parts.append(block if language == "sh" else f"python - <<'PY'\n{block}PY\n")
    return "\n".join(parts)


def test_every_command_of_the_readme_works(tmp_path: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 50051)) == 0:
            pytest.fail("port 50051 is taken, which the README's commands use; stop what listens there")
    ours = ("RADRESPONSE_", "MLFLOW_", "MAKE", "MFLAGS", "ARGS", "ONLY")  # a make above this one hands its words down
    own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    shutil.rmtree(ROOT / "build/cohort", ignore_errors=True)  # of the run before: a cohort is not written over
    said = tmp_path / "said"
    with said.open("w") as out:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script()],
            cwd=ROOT,
            env=own,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            assert shell.wait(1200) == 0, said.read_text()[-4000:]
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # with the server that the script leaves running
    text = said.read_text()
    assert "SIMULATED" in text
    assert (ROOT / "build/demo/prediction.json").is_file()
    for line in ("chemotherapy outcome-xgboost 0.", "progression-mine", '"original_shape_Sphericity": 0.'):
        assert line in text
