"""Other packages of radiomic features beside our engine, on what both compute: the original image, bins of width 25.

`python -m tests.benchmarks peers`: each in an environment of its own under build/bench/peers/, installed once from the
package index (RADRESPONSE_PEERS names another folder). Values are compared with flash-radiomics alone, which has
pyradiomics' names. To those that read files in each call our time is compared with our reading added.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from features.radiomics.compare import SMALLEST, TOLERANCE

from .radiomics import Case, Figures, Say, cases, run

FOLDER = Path(os.environ.get("RADRESPONSE_PEERS", "build/bench/peers"))
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Peer:
    """A package, and what it is installed with."""

    name: str
    packages: tuple[str, ...]
    python: str = "python3.11"
    reads: bool = False
    """Whether each call reads the files."""
    lacks: tuple[str, ...] = ()
    """Parts of our names that it does not compute; ours then leaves them out as well."""


PEERS = (
    Peer(
        "flash-radiomics",
        (
            *("flash-radiomics==1.0.0", "numpy", "h5py", "SimpleITK", "pykwalify", "PyWavelets", "scipy"),
            *("scikit-image", "scikit-learn", "trimesh"),
        ),
    ),
    Peer("fastrad", ("fastrad", "SimpleITK")),
    Peer("pictologics", ("pictologics==0.9.0",), python="python3.12", lacks=("MCC", "Maximum2DDiameter")),
    Peer("mirp", ("mirp==2.7.0",), reads=True),
    Peer("nyxus", ("nyxus==0.11.0", "SimpleITK"), reads=True),
)


def measure(say: Say) -> Figures:
    """Prints figures and gives them."""
    figures: Figures = {}
    say(f"\n  {'warm CPU, ms':<18}{'ours':>10}{'theirs':>10}{'ratio':>8}{'cold, s':>9}   values")
    for case in _cases():
        say(f"\n{case.name}")
        for peer in PEERS:
            try:
                python = installed(peer)
                figures.setdefault(case.name, {})[peer.name] = told = _beside(peer, python, case)
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                say(f"  {peer.name:<18} did not run: {error.__class__.__name__}")
                continue
            say(
                f"  {peer.name:<18}{told['ours_ms']:>10.1f}{told['theirs_ms']:>10.1f}{told['times']:>7.0f}x"
                f"{told['cold_s']:>9.1f}   {told['values']}{told['agree']}"
            )
    return figures


def _cases() -> Iterator[Case]:
    wanted = ("lung1", "lung2", "brain1")
    for case in cases():
        if case.name.startswith(wanted) and case.name.endswith("original"):
            yield case


def installed(peer: Peer) -> str:
    """The Python of a peer's environment, made where it is missing."""
    python = FOLDER / peer.name / "bin" / "python"
    if not python.exists():
        found = which(peer.python)
        if found is None:
            raise FileNotFoundError(peer.python)
        subprocess.run([found, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *peer.packages], check=True, stdout=sys.stderr)
    return str(python.absolute())


def _beside(peer: Peer, python: str, case: Case) -> Figures:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        # Never in threads, which not all of them bear.
        ours.append(run([sys.executable, "-m", f"{__package__}.extraction"], "fused", case, 0.0, peer.lacks))
        theirs.append(run([python, "-m", f"{__package__}.peer_engines"], peer.name, case, 0.0))
    own = min(min(one["warm_cpu_s"]) + (one["decode_s"] if peer.reads else 0.0) for one in ours)
    other = min(min(one["warm_cpu_s"]) for one in theirs)
    mine, others = ours[0]["values"], theirs[0]["values"]
    shared = set(mine) & set(others)
    apart = [one for one in shared if abs(mine[one] - others[one]) > TOLERANCE * max(abs(mine[one]), SMALLEST)]
    return {
        "ours_ms": 1000 * own,
        "theirs_ms": 1000 * other,
        "times": other / own,
        "cold_s": min(one["cold_s"] for one in theirs),
        "values": len(others),
        "differ": sorted(apart),
        "agree": f", {len(shared)} of our names, {len(apart)} with another value" if shared else "",
    }
