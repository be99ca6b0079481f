"""Chromium, for tests that look at a page as a reader would."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def require(*commands: str) -> None:
    """Skips a test that needs a program of `deploy/test_servers.sh`; fails it where none may be missing."""
    for command in commands:
        if shutil.which(command) is None:
            missing = f"{command} is not installed: run deploy/test_servers.sh (Debian)"
            if os.environ.get("RADRESPONSE_SERVERS") == "required":
                pytest.fail(missing)
            pytest.skip(missing)


def text_of(pdf: Path) -> str:
    """What a PDF says, page by page, a form feed after each."""
    return subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
