"""`shadow-report`: what a challenger said in shadow beside the champion, and how it does."""

import argparse

from models.arguments.names import model_name_or_none
from models.arguments.train import add_registry_to


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "shadow-report",
        help="a challenger's answers in shadow beside the champion's",
        description="Agreement, drift and performance of challengers that answered in shadow, 95 % intervals.",
    )
    parser.add_argument(
        "name", nargs="?", default="", type=model_name_or_none, metavar="NAME", help="of one model; else of all"
    )
    parser.add_argument(
        "--monitoring", metavar="URI", help="the service's store (default monitoring.db in the data folder)"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object for each therapy, and for each version")
    add_registry_to(parser)
    parser.set_defaults(run="shadow:run")
