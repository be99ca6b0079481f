"""A cohort manifest as cells of text: CSV or Parquet, one row a patient."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.errors import BadCohort

FIRST_ROW = 2
"""Number of the first patient's row, as a spreadsheet counts: the header is row 1."""


@dataclass(frozen=True, slots=True)
class Row:
    """One patient's cells, by column; an empty cell is not there."""

    number: int
    cells: Mapping[str, str]

    def number_in(self, column: str) -> float | None:
        """A finite number, or None for an empty cell.

        Raises:
            BadCohort: Something else stands there.
        """
        cell = self.cells.get(column)
        if cell is None:
            return None
        value = as_number(cell)
        if value is None:
            raise bad_cell(column, self.number, "something that is no number", "a number, or an empty cell")
        if not math.isfinite(value):
            raise bad_cell(column, self.number, "a value that is not finite", "a number, or an empty cell")
        return value

    def flag_in(self, column: str) -> bool | None:
        """True for 1, False for 0, None for an empty cell.

        Raises:
            BadCohort: Something else stands there.
        """
        cell = self.cells.get(column)
        if cell is None:
            return None
        value = as_number(cell)
        if value not in (0.0, 1.0):
            raise bad_cell(column, self.number, "another value", "0 or 1")
        return value == 1.0


@dataclass(frozen=True, slots=True)
class ManifestTable:
    """A manifest's header and rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def first_row_with(self, column: str) -> Row | None:
        """The first row that has something in a column."""
        return next((row for row in self.rows if column in row.cells), None)


def bad_cell(column: str, row: int, seen: str, wanted: str) -> BadCohort:
    """The error for one cell: its column and row, never what it holds."""
    return BadCohort(f"column {column}, row {row} holds {seen}; wanted {wanted}", place=column, column=column, row=row)


def as_number(cell: str) -> float | None:
    """The number that a cell holds, infinite and NaN among them, or None."""
    try:
        return float(cell)
    except ValueError:
        return None


def read_table(path: Path) -> ManifestTable:
    """Reads a manifest by its ending, `.csv` or `.parquet`.

    Raises:
        BadCohort: No such file, another format, a damaged file, or a header with a name twice.
    """
    if path.is_dir():
        raise BadCohort("the given path is a folder; wanted the manifest in it, a .csv or .parquet file")
    if not path.is_file():
        raise BadCohort("there is no cohort manifest at the given path; wanted a .csv or .parquet file")
    if path.suffix == ".csv":
        header, records = _csv(path)
    elif path.suffix == ".parquet":
        header, records = _parquet(path)
    else:
        raise BadCohort(f"the manifest ends in {path.suffix!r}; wanted .csv or .parquet", ending=path.suffix)
    for column in header:
        if header.count(column) > 1:
            raise BadCohort(f"the manifest has the column {column!r} {header.count(column)} times", column=column)
    rows = (
        Row(number, {column: cell for column, cell in zip(header, record, strict=True) if cell})
        for number, record in enumerate(records, start=FIRST_ROW)
    )
    kept = tuple(row for row in rows if row.cells)
    if not kept:
        raise BadCohort("the manifest has no patient; wanted one row a patient")
    return ManifestTable(tuple(header), kept)


def _csv(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            records = [[cell.strip() for cell in record] for record in csv.reader(file, strict=True)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadCohort("the manifest cannot be read as CSV in UTF-8") from error
    if not records:
        raise BadCohort("the manifest is empty; wanted a header and one row a patient")
    header, *body = records
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise BadCohort("the manifest's header has one column; wanted columns separated by commas")
    for number, record in enumerate(body, start=FIRST_ROW):
        if record and len(record) != len(header):
            raise BadCohort(f"row {number} has {len(record)} cells; the header has {len(header)}", row=number)
    return header, [record or [""] * len(header) for record in body]


def _parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadCohort("the manifest cannot be read as Parquet") from error
    records = [[_cell(value) for value in record] for record in frame.itertuples(index=False, name=None)]
    return [str(column) for column in frame.columns], records


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return str(value).strip()
