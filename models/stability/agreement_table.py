"""Agreements of features as a table, CSV: feature, icc, lower; a site with its own radiomics brings its own."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from models.errors import BadCohort, BrokenFile
from models.manifest_table import bad_cell, read_table
from models.stability.stable import Agreement

HEADER = ("feature", "icc", "lower")


def read_agreements(path: Path) -> tuple[Agreement, ...]:
    """Reads and checks a table; columns beside these three are left aside.

    Raises:
        BadCohort: No such file, a column is missing, a feature stands twice, or a row is no agreement.
    """
    if not path.is_file():
        raise BadCohort("there is no table of agreements at the given path; wanted a .csv with feature, icc, lower")
    table = read_table(path)
    for column in HEADER:
        if column not in table.columns:
            raise BadCohort(f"the table of agreements has no column {column}; wanted feature, icc, lower")
    found: dict[str, Agreement] = {}
    for row in table.rows:
        feature = row.cells.get("feature", "")
        if not feature or feature in found:
            raise bad_cell("feature", row.number, "nothing, or a feature for a second time", "each feature once")
        try:
            found[feature] = Agreement(feature, row.number_in("icc"), row.number_in("lower"))
        except BrokenFile as error:
            raise bad_cell("icc", row.number, "no agreement", "lower <= icc <= 1, or both cells empty") from error
    return tuple(found.values())


def write_agreements(agreements: Sequence[Agreement], file: TextIO) -> None:
    """Writes what `read_agreements` reads, to the last digit; an empty cell where nothing could be told."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((one.feature, _cell(one.icc), _cell(one.lower)) for one in agreements)


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(value)
