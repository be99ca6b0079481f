"""`encoder train` makes the encoder that embeds lesions; `encoder import` takes a published one."""

import argparse
from pathlib import Path

from models.arguments.train import add_registry_to

KINDS = ("fmcib", "ct_fm", "medicalnet_10", "medicalnet_18", "medicalnet_34", "medicalnet_50")
"""As in `features.embedding.brought`, which takes seconds to import."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("encoder", help="train or import an encoder", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    training = kinds.add_parser(
        "train",
        help="from synthetic lesions",
        description="Trains, and prints how much of each known factor the embedding holds.",
    )
    training.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    training.add_argument("--name", default="default", metavar="NAME", help="in the columns' names (default: default)")
    training.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same weights (default 1)")
    training.add_argument("--specimens", type=int, metavar="N", help="how many to learn from (default: as shipped)")
    training.add_argument("--epochs", type=int, metavar="N", help="how often each is seen (default: as shipped)")
    training.set_defaults(run="encoder:run")
    importing = kinds.add_parser(
        "import",
        help="from a published file",
        description="Checks a published encoder tensor by tensor and registers it in MLflow; none of its code is run.",
    )
    importing.add_argument("file", type=Path, metavar="FILE", help="as its authors publish it")
    importing.add_argument("--as", dest="published", required=True, metavar="KIND", help=f"one of {', '.join(KINDS)}")
    importing.add_argument("--name", default="", metavar="NAME", help="in the columns' names (default: the kind)")
    importing.add_argument("--out", type=Path, metavar="FILE", help="also keep our own file of it here")
    add_registry_to(importing)
    importing.set_defaults(run="encoder:run_import")
