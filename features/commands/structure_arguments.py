"""How a structure of an RTSTRUCT or SEG is asked on the command line."""

import argparse

from features.case import Structures


def add_structure_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--structure` and `--structure-like`."""
    parser.add_argument(
        "--structure",
        dest="structure",
        action="append",
        default=[],
        metavar="NAME",
        help="of an RTSTRUCT or SEG: exactly this structure; may be given again. By number: --label",
    )
    parser.add_argument("--structure-like", default="", metavar="PATTERN", help="all that fit, e.g. 'GTV*'")


def structures_of(chosen: argparse.Namespace) -> Structures:
    """What was asked."""
    return Structures(tuple(chosen.structure), chosen.structure_like)
