"""`check`: says what DICOM files hold, series by series, and whether they are one right volume."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from features.case import Source
from features.commands.extract import Subcommands
from features.errors import BadImage
from features.imaging.header import Limits
from features.imaging.read import holds_dicom, read_image


@dataclass(frozen=True, slots=True)
class Checking:
    """What is asked on the command line."""

    series: Path


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "check", help="what DICOM files hold, and whether it is a right volume", description=__doc__
    )
    parser.add_argument("series", type=Path, metavar="SERIES", help="a folder, a zip or a file")


def run(asked: Checking, out: TextIO, trouble: TextIO) -> int:
    """Prints a JSON line for each series and segmentation; the reason why it is no right volume goes to `trouble`.

    Returns:
        0 for one right volume, 2 otherwise.

    Raises:
        BadImage: The files cannot be looked at.
        OSError: A file cannot be read.
    """
    from features.dicom.listing import facts, listed  # noqa: PLC0415  loads pydicom

    source, limits = Source.of(asked.series), Limits()
    try:
        if holds_dicom(source):
            for line in listed(source, limits):
                out.write(json.dumps(line) + "\n")
            read_image(source, limits)
        else:
            out.write(json.dumps({"kind": "image file", **facts(read_image(source, limits))}) + "\n")
    except BadImage as error:
        trouble.write(f"python -m features: {error.reason}: {error}\n")
        return 2
    return 0
