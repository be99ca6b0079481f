"""Which columns of a manifest can be learned from, and as what: numbers or categories."""

from collections.abc import Mapping

from features.notice import Notice
from models.cohort_facts import ColumnFacts
from models.errors import BadCohort
from models.families.columns import ColumnSpec
from models.manifest_table import ManifestTable, as_number, bad_cell

MOST_CATEGORIES = 20


def clinical_columns(
    table: ManifestTable, facts: Mapping[str, ColumnFacts]
) -> tuple[tuple[ColumnSpec, ...], tuple[Notice, ...]]:
    """Every `clinical.` column with its kind; constant and empty ones are left out and told.

    Raises:
        BadCohort: A cell that does not fit its column, or a column of identifiers.
    """
    specs, notices = [], []
    for column in table.columns:
        if not column.startswith("clinical."):
            continue
        known = facts.get(column, ColumnFacts())
        values = {row.cells[column] for row in table.rows if column in row.cells}
        spec = (
            _number(table, column, known) if _holds_numbers(table, column, known) else _category(table, column, known)
        )
        if len(values) < 2 or (spec.kind == "number" and len({float(value) for value in values}) < 2):
            seen = "empty" if not values else "the same for every patient"
            notices.append(Notice("COLUMN_LEFT_OUT", f"{column} is {seen} and was left out"))
        else:
            specs.append(spec)
    return tuple(specs), tuple(notices)


def leave_out(table: ManifestTable) -> tuple[Notice, ...]:
    """What is told of scan columns that no patient fills."""
    empty = [column for column in table.columns if column.endswith(".image") and table.first_row_with(column) is None]
    return tuple(Notice("COLUMN_LEFT_OUT", f"{column} is empty and was left out") for column in empty)


def numbers_within(table: ManifestTable, column: str, facts: Mapping[str, ColumnFacts]) -> None:
    """Raises BadCohort when a cell is no finite number, or outside the limits of its column."""
    known = facts.get(column, ColumnFacts())
    for row in table.rows:
        value = row.number_in(column)
        if value is None:
            continue
        if known.lower is not None and value < known.lower:
            raise bad_cell(column, row.number, "a number below the column's limits", f"{known.lower:g} or more")
        if known.upper is not None and value > known.upper:
            raise bad_cell(column, row.number, "a number above the column's limits", f"{known.upper:g} or less")


def _holds_numbers(table: ManifestTable, column: str, known: ColumnFacts) -> bool:
    """As declared; else what most cells are, so that one stray word is an error and not a new category."""
    if known.categories:
        return False
    cells = [row.cells[column] for row in table.rows if column in row.cells]
    return known.number or sum(as_number(cell) is not None for cell in cells) >= max(1, len(cells) / 2)


def _number(table: ManifestTable, column: str, known: ColumnFacts) -> ColumnSpec:
    numbers_within(table, column, {column: known})
    return ColumnSpec(column, "number", unit=known.unit, lower=known.lower, upper=known.upper)


def _category(table: ManifestTable, column: str, known: ColumnFacts) -> ColumnSpec:
    seen = {row.cells[column] for row in table.rows if column in row.cells}
    if known.categories:
        for row in table.rows:
            if column in row.cells and row.cells[column] not in known.categories:
                raise bad_cell(column, row.number, "another word", f"one of {', '.join(known.categories)}")
    elif len(seen) > min(MOST_CATEGORIES, max(2, len(table.rows) // 2)):
        raise BadCohort(
            f"the column {column} holds {len(seen)} different words; wanted a number, or at most "
            f"{MOST_CATEGORIES} categories that patients share",
            place=column,
            column=column,
        )
    return ColumnSpec(column, "category", categories=known.categories or tuple(sorted(seen)))
