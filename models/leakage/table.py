"""All that is refused of somebody's own table before minutes go into fitting."""

from models.families.columns import THERAPY
from models.folds import patient_folds, usable_folds
from models.leakage.columns import refuse_leaks
from models.leakage.patients import refuse_identifiers, refuse_twice
from models.leakage.selection import refuse_chosen
from models.tabular.reading import PatientTable


def refuse_leaky_table(table: PatientTable, *, folds: int = 5, seed: int = 0, accept_selection: str = "") -> None:
    """Refuses what would make every figure a lie.

    Args:
        table: As it was read.
        folds: How many there would be.
        seed: Of the folds.
        accept_selection: Why it is known that the columns were not chosen on these patients; empty where nobody says.

    Raises:
        Leak: Which column, or which rows and folds.
    """
    refuse_identifiers({spec.name: table.headers[spec.name] for spec in table.columns}, table.frame)
    therapies = list(table.frame[THERAPY]) if THERAPY in table.frame.columns else None
    fold = patient_folds(table.target, therapies, usable_folds(table.target, folds), seed)
    refuse_twice(table.subjects, table.rows, table.frame, fold)
    refuse_leaks(table.frame, table.columns, table.target)
    if not accept_selection:
        refuse_chosen(table.frame, table.imaging, table.target)
