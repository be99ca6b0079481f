"""`pseudonyms`: what stands for patients in a scanned cohort, so that outcomes can be joined where both are allowed.

Reads identifiers as the hospital has them from standard input, one a line, and prints a pseudonym for each.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from features.commands.extract import Subcommands
from features.errors import BadPseudonymKey
from features.pseudonyms import Pseudonyms


@dataclass(frozen=True, slots=True)
class Naming:
    """What is asked on the command line."""

    key: Path


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    parser = commands.add_parser("pseudonyms", help="of patients in a scanned cohort", description=__doc__)
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="that the cohort was scanned with")


def run(asked: Naming, given: TextIO, out: TextIO) -> int:
    """Prints a pseudonym for each identifier.

    Raises:
        BadPseudonymKey: There is no key: a new one would fit no cohort.
    """
    if not asked.key.exists():
        raise BadPseudonymKey("there is no key; wanted the one that the cohort was scanned with")
    pseudonyms = Pseudonyms.of_file(asked.key)
    for line in given:
        if identifier := line.strip():
            out.write(pseudonyms.patient(identifier) + "\n")
    return 0
