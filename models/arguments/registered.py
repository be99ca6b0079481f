"""`list` and `show`: what the registry holds."""

import argparse

from models.arguments.names import model_name
from models.arguments.train import add_registry_to


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares both commands."""
    listing = commands.add_parser("list", help="list registered models", description="Lists registered models.")
    add_registry_to(listing)
    listing.set_defaults(run="registered:run_list")
    showing = commands.add_parser("show", help="print a model's card", description="Prints a model's card.")
    showing.add_argument("name", type=model_name, metavar="NAME", help="the registered name")
    showing.add_argument("--version", metavar="V", help="default: the alias champion, else the newest")
    add_registry_to(showing)
    showing.set_defaults(run="registered:run_show")
