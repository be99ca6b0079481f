"""`simulate`: writes a cohort of simulated patients, whose truth is known."""

import argparse
from pathlib import Path


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("simulate", help="write a cohort of simulated patients", description=__doc__)
    parser.add_argument("--patients", type=int, default=240, metavar="N", help="how many (default 240)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same patients (default 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty or new folder")
    parser.set_defaults(run="simulate:run")
