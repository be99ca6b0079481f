"""Real tumours that any machine can have: the cases in pyradiomics' source archive.

Five CT and MR images with a segmentation each and the feature values that pyradiomics' own
tests expect (BSD-3). `python -m features.samples` fetches the archive once; nothing is
fetched otherwise.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CASES = ("brain1", "brain2", "breast1", "lung1", "lung2")
ARCHIVE = "pyradiomics-3.0.1.tar.gz"
DIGEST = "47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5"
CACHE = Path(__file__).resolve().parent.parent / ".cache"

_INSIDE = "pyradiomics-3.0.1/data"
_UNPACKED = "pyradiomics-3.0.1-data"

_OLD_NAMES = """\
import configparser
configparser.SafeConfigParser = configparser.ConfigParser
configparser.RawConfigParser.readfp = configparser.RawConfigParser.read_file
"""
"""What the archive's setup.py calls and Python 3.12 no longer has."""


class SamplesMissing(FileNotFoundError):
    """The archive was not fetched, or is not the one that is wanted."""


def sample(name: str, cache: Path = CACHE) -> tuple[Path, Path]:
    """Image and segmentation (label 1) of one case.

    Args:
        name: One of `CASES`.
        cache: The folder that holds the archive.

    Raises:
        SamplesMissing: `python -m features.samples` has not run.
    """
    if name not in CASES:
        raise ValueError(f"no case {name}; there are {', '.join(CASES)}")
    folder = _data_folder(cache)
    return folder / f"{name}_image.nrrd", folder / f"{name}_label.nrrd"


def baseline_folder(cache: Path = CACHE) -> Path:
    """The CSV files of expected values, `baseline_<class>.csv`.

    Raises:
        SamplesMissing: `python -m features.samples` has not run.
    """
    return _data_folder(cache) / "baseline"


def fetch(cache: Path = CACHE) -> str:
    """Puts the archive in its place, by pip, unless it is there; says what was done.

    Raises:
        SamplesMissing: What came has another digest.
        subprocess.CalledProcessError: pip failed.
    """
    archive = cache / ARCHIVE
    if archive.is_file():
        _require_digest(archive)
        return f"{ARCHIVE} is there, its digest is right"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        # pip runs the archive's setup.py to learn its name; that needs this environment's numpy.
        options = ["--no-deps", "--no-build-isolation", "--no-binary", "pyradiomics", "--dest", folder]
        command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "pyradiomics==3.0.1"]
        (Path(folder) / "sitecustomize.py").write_text(_OLD_NAMES, encoding="ascii")
        environment = os.environ | {"PYTHONPATH": folder}
        subprocess.run(command, check=True, stdout=sys.stderr, env=environment)  # noqa: S603 - fixed words
        came = Path(folder) / ARCHIVE
        _require_digest(came)
        came.replace(archive)
    return f"{ARCHIVE} fetched, its digest is right"


def _data_folder(cache: Path) -> Path:
    folder = cache / _UNPACKED
    if folder.is_dir():
        return folder
    archive = cache / ARCHIVE
    if not archive.is_file():
        raise SamplesMissing(f"{ARCHIVE} is not in {cache.name}/; wanted: make setup, or python -m features.samples")
    _require_digest(archive)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        with tarfile.open(archive) as packed:
            wanted = [member for member in packed.getmembers() if member.name.startswith(_INSIDE + "/")]
            packed.extractall(temporary, wanted, filter="data")
        try:
            # One rename: whoever looks sees all of it or nothing.
            (Path(temporary) / _INSIDE).rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
    return folder


def _require_digest(archive: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != DIGEST:
        raise SamplesMissing(f"{archive.name} has digest {digest}; wanted {DIGEST}")


def _main() -> int:
    sys.stderr.write(f"Real cases for tests and the demo: {ARCHIVE} (35 MB, BSD-3) ...\n")
    try:
        said = fetch()
        folder = _data_folder(CACHE)
    except (SamplesMissing, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{said}; {len(CASES)} cases in {os.path.relpath(folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
