"""`scan`: makes a cohort of a folder of DICOM: pseudonyms, images and masks without a header, days, a manifest.

```
OUT/manifest.csv      subject, ct.baseline.image, ct.baseline.mask, ct.latest.image, ..., ct.latest.day
OUT/images/           NIfTI: voxels and geometry, nothing else
OUT/series.csv        where each scan came from: studies, series and frames of reference under the same key
OUT/left_out.csv      what was left out and why; subjects and series under the same key
```
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TextIO

from features.case import Structures
from features.commands.extract import Subcommands
from features.commands.structure_arguments import add_structure_arguments, structures_of


@dataclass(frozen=True, slots=True)
class Scanning:
    """What is asked on the command line."""

    folder: Path
    out: Path
    key: Path
    structures: Structures

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> "Scanning":
        """Takes the parsed arguments over."""
        return cls(chosen.folder, chosen.out, chosen.key, structures_of(chosen))


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    parser = commands.add_parser("scan", help="a cohort of a folder of DICOM", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with DICOM files at any depth")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="a folder that is not there yet")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="of pseudonyms; made if not there")
    add_structure_arguments(parser)


def run(asked: Scanning, out: TextIO) -> int:
    """Writes the cohort, and prints a JSON line of what is in it and what was left out by reason.

    Raises:
        BadPseudonymKey: The key is none, or lies with the data.
        FeatureError: No structure is asked.
        OSError: A file cannot be read or written.
    """
    from features.dicom.cohort import Left, Taken, gathered  # noqa: PLC0415  loads pydicom
    from features.pseudonyms import Pseudonyms  # noqa: PLC0415

    pseudonyms = Pseudonyms.of_file(asked.key, asked.folder, asked.out)
    asked.out.mkdir(parents=True)
    cohort = gathered(asked.folder, asked.out / "images", asked.structures, pseudonyms)
    columns = [*dict.fromkeys(name for row in cohort.rows for name in row)]
    _write(asked.out / "manifest.csv", columns, [[row.get(name, "") for name in columns] for row in cohort.rows])
    _write(asked.out / "series.csv", list(Taken.__slots__), [astuple(one) for one in cohort.taken])
    lines = [astuple(one) for one in cohort.left_out]
    _write(asked.out / "left_out.csv", list(Left.__slots__), lines)
    reasons = Counter(one.reason for one in cohort.left_out)
    told = {"subjects": len(cohort.rows), "scans": len(cohort.taken), "left_out": dict(sorted(reasons.items()))}
    out.write(json.dumps(told) + "\n")
    return 0


def _write(path: Path, columns: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(lines)
