"""`simulate`: writes a cohort of simulated patients, whose truth is known."""

import argparse

from models.progress import advance, progress_bar
from models.simulation import simulate


def run(chosen: argparse.Namespace) -> None:
    """Writes the cohort and prints where its manifest lies."""
    with progress_bar(chosen.patients, "simulated", "patient") as bar:
        manifest = simulate(chosen.out, chosen.patients, chosen.seed, lambda done, _: advance(bar, done))
    print(manifest)
