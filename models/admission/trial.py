"""Loads and asks a version in a child process with limits: what hangs, crashes or eats memory ends there."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models.admission.report import Check
from models.errors import BrokenFile
from models.plain import from_plain, loads
from models.releases.release import Golden

ROOT = Path(__file__).resolve().parents[2]
_LARGEST_RESULT = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one trial."""

    memory_bytes: int = 12 * 2**30
    """Of address space, of which the engines themselves take some 5 GiB before any model."""
    seconds: int = 120


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial."""

    digest: str
    family: str
    task: str
    """All three empty where it did not get through."""
    checks: tuple[Check, ...]
    absent: tuple[str, ...]
    golden: tuple[Golden, ...]


def try_version(folder: Path, name: str, version: str, limits: Limits) -> Tried:
    """Runs the gates that need the version loaded; one that ends the child is refused by name."""
    with TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        words = [sys.executable, "-m", "models.admission.child", str(folder.absolute()), str(result), name, version]
        words += ["--memory-bytes", str(limits.memory_bytes), "--seconds", str(limits.seconds)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        child = subprocess.Popen(  # noqa: S603 - our own
            words,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = child.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return _ended(f"it did not answer within {limits.seconds} s")
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if code == -signal.SIGXCPU:
            return _ended(f"it did not answer within {limits.seconds} s")
        if code:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
            return _ended(f"it ended the process that loaded it, {how}")
        return _read(result)


def _read(result: Path) -> Tried:
    try:
        if result.stat().st_size > _LARGEST_RESULT:
            raise BrokenFile("the trial's result is too large")
        return from_plain(Tried, loads(result.read_bytes(), place="trial"), place="trial")
    except (OSError, BrokenFile):
        return _ended("it ended the process that loaded it before it had answered")


def _ended(why: str) -> Tried:
    return Tried("", "", "", (Check("trial", "refused", why),), (), ())
