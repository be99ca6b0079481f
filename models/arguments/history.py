"""`history`: what served when, admitted by whom, on which evidence."""

import argparse
from pathlib import Path

from models.arguments.names import model_name_or_none
from models.arguments.train import add_registry_to


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "history",
        help="what served when, admitted by whom",
        description="What served when, admitted by whom, on which evidence, oldest first.",
    )
    parser.add_argument(
        "name", nargs="?", default="", type=model_name_or_none, metavar="NAME", help="of one model; else of all"
    )
    parser.add_argument(
        "--releases",
        metavar="URI",
        help="the store of releases (default releases.db beside the embedded registry, or in the data folder)",
    )
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="check the signatures by it")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, with the admission report")
    add_registry_to(parser)
    parser.set_defaults(run="history:run")
