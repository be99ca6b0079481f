"""A page as PDF, printed by a browser that is there: Chromium, Chrome or Edge."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
SECONDS = 120.0


class NoBrowser(Exception):
    """No browser that prints was found, or it did not print."""


def find_browser() -> str:
    """The browser that prints.

    Raises:
        NoBrowser: There is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise NoBrowser(
        "no browser to print a PDF with; wanted Chromium, Chrome or Edge on the PATH (or write --html and print that)"
    )


def print_pdf(html: str, to: Path, *, browser: str | None = None) -> None:
    """Prints a page.

    Args:
        html: Self-contained; the browser is kept from the network.
        to: The PDF; replaced when all went well.
        browser: A command; the first that is found where None.

    Raises:
        NoBrowser: There is none, or it failed; the message says how.
        OSError: The file cannot be written.
    """
    command = browser or find_browser()
    with TemporaryDirectory() as folder:
        page, made = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        try:
            ended = subprocess.run(  # noqa: S603 - a browser of this machine, our own page
                [command, *_flags(Path(folder)), f"--print-to-pdf={made}", page.as_uri()],
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NoBrowser(f"{Path(command).name} did not print within {SECONDS:.0f} s") from None
        if ended.returncode or not made.exists():
            raise NoBrowser(f"{Path(command).name} printed nothing and ended with code {ended.returncode}")
        shutil.copyfile(made, to)


def _flags(folder: Path) -> Sequence[str]:
    flags = [
        "--headless",
        "--disable-gpu",
        "--no-pdf-header-footer",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--disable-sync",
        f"--user-data-dir={folder / 'profile'}",
    ]
    return [*flags, "--no-sandbox"] if _root() else flags


def _root() -> bool:
    """Chromium refuses its sandbox to root, as in a container."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
