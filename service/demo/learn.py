"""The models of the demo: simulated patients, and what `python -m models train` learns from them."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from models.__main__ import main as models_command
from models.releases import make_keys
from models.releases.keys import PRIVATE
from models.simulation import simulate

PATIENTS = 160
SEED = 7
TRAININGS = (("outcome", "xgboost"), ("outcome", "fusion"), ("progression", "cox"), ("progression", "fusion"))
"""Task and family of each."""

_CODE = ("features", "models")


class TrainingFailed(Exception):
    """A training command did not end well; it said why."""


def cohort(folder: Path, patients: int, progress: Callable[[int, int], None]) -> Path:
    """The manifest of the simulated cohort, made anew only when there is none of that size and code."""
    made = folder / f"cohort-{patients}-{SEED}-{_digest(Path('models/simulation'))[:12]}"
    manifest = made / "cohort.csv"
    return manifest if manifest.exists() else simulate(made, patients, SEED, progress)


def train(manifest: Path, data: Path, registry: str, progress: Callable[[str], None]) -> None:
    """Learns and registers all models; what a training reports goes to a file.

    Args:
        manifest: Of the cohort.
        data: Where features that were measured are kept.
        registry: MLflow's address, told outright so that no other is ever meant.
        progress: Called with what comes next.

    Raises:
        TrainingFailed: A training did not end well.
    """
    for task, family in TRAININGS:
        progress(f"{family} for {task}")
        words = ["train", "--cohort", str(manifest), "--task", task, "--family", family]
        _run(words, data, registry, data / f"{task}-{family}.txt")


def admit(data: Path, registry: str, progress: Callable[[str], None]) -> None:
    """Admits the newest version of all models with a key that is made for it, and lets them serve.

    Raises:
        TrainingFailed: One was refused.
    """
    if not (data / PRIVATE).exists():
        make_keys(data)
    for task, family in TRAININGS:
        progress(f"{task}-{family}")
        words = ["admit", f"models:/{task}-{family}/latest", "--policy", "research", "--by", "the demo"]
        _run([*words, "--alias", "champion"], data, registry, data / f"{task}-{family}-admission.txt")


def _run(words: Sequence[str], data: Path, registry: str, report: Path) -> None:
    with report.open("w", encoding="utf-8") as file, redirect_stdout(file):
        code = models_command([*words, "--data", str(data), "--registry", registry])
    if code:
        raise TrainingFailed(f"python -m models {' '.join(words)} ended with code {code}")


def learned_from(manifest: Path) -> str:
    """A digest of all that the models depend on: the cohort's table and our code."""
    whole = hashlib.sha256(manifest.read_bytes())
    for room in _CODE:
        whole.update(_digest(Path(room)).encode())
    return whole.hexdigest()


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".py", ".yaml", ".json", ".safetensors"):
            whole.update(f"{file.relative_to(folder)}\n".encode())
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
