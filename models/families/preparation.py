"""What every fit does first: completes columns, encodes rows, makes main terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.errors import BadCohort
from models.families.columns import ColumnSpec, complete, encode, therapies_of
from models.families.design import Design, DesignMatrix, Term, interactions, main_terms
from models.families.screening import MOST_COLUMNS, pick, strengths
from models.families.target import OutcomeTarget, Target

MOST_MEETING_THERAPY = 4
"""How many columns may act differently under each therapy."""
_MOST_OF_TREES = 48
_PATIENTS_PER_COLUMN = 12


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A training table, made ready."""

    columns: tuple[ColumnSpec, ...]
    therapies: tuple[str, ...]
    rows: Floats
    """(n, columns + 1)."""
    terms: tuple[Term, ...]
    """Main terms of all columns."""
    X: Floats
    """(n, terms)."""

    def of_kind(self, *prefixes: str) -> list[int]:
        """Indices of number and category terms whose column's name starts so."""
        return [
            index
            for index, term in enumerate(self.terms)
            if term.kind in ("number", "category") and self.columns[term.column].name.startswith(prefixes)
        ]

    def therapy_terms(self) -> list[int]:
        """Indices of the therapy terms."""
        return [index for index, term in enumerate(self.terms) if term.kind == "therapy"]


def bearable_of_trees(patients: int) -> int:
    """How many image columns trees may be offered."""
    return int(np.clip(patients // _PATIENTS_PER_COLUMN, 8, _MOST_OF_TREES))


def prepare(table: pd.DataFrame, target: Target, columns: Sequence[ColumnSpec]) -> Prepared:
    """Completed columns, encoded rows and main terms.

    Raises:
        BadCohort: Too few patients or events, or no usable column.
    """
    target.require_enough()
    count = target.response.size if isinstance(target, OutcomeTarget) else target.event.size
    if count != len(table):
        raise BadCohort(f"{len(table)} rows and {count} targets")
    completed = complete(columns, table)
    therapies = therapies_of(table)
    rows = encode(completed, therapies, table)
    terms = main_terms(completed, therapies, rows)
    return Prepared(completed, therapies, rows, terms, DesignMatrix(Design(terms)).apply(rows))


def keep(prepared: Prepared, kept: Sequence[int]) -> Prepared:
    """Only some terms, and the raw columns that they need; therapies stay."""
    used = sorted({prepared.terms[index].column for index in kept if prepared.terms[index].kind != "therapy"})
    columns = tuple(prepared.columns[index] for index in used)
    rows = prepared.rows[:, [*used, len(prepared.columns)]]
    terms = main_terms(columns, prepared.therapies, rows)
    return Prepared(columns, prepared.therapies, rows, terms, DesignMatrix(Design(terms)).apply(rows))


def always_kept(prepared: Prepared) -> list[int]:
    """Terms of clinical columns and of the therapy: what a clinician expects to be asked for."""
    clinical = prepared.of_kind("clinical.")
    return clinical + prepared.therapy_terms()


def screen(prepared: Prepared, target: Target, most: int) -> Prepared:
    """Clinical columns, the therapy, and at most so many others, the strongest; never over `MOST_COLUMNS` in all."""
    fixed = always_kept(prepared)[:MOST_COLUMNS]
    others = [index for index in range(len(prepared.terms)) if index not in set(fixed)]
    room = MOST_COLUMNS - len(fixed)
    return keep(prepared, fixed + pick(prepared.X, strengths(prepared.X, target), others, min(most, room)))


def meet_therapy(prepared: Prepared, target: Target, most: int) -> Design:
    """All terms, and the products of the strongest `most` with each therapy, as far as `MOST_COLUMNS` leaves room."""
    candidates = [index for index, term in enumerate(prepared.terms) if term.kind != "therapy"]
    room = (MOST_COLUMNS - len(prepared.terms)) // max(1, len(prepared.therapies))
    meeting = pick(prepared.X, strengths(prepared.X, target), candidates, max(0, min(most, room)))
    return Design(prepared.terms + interactions(prepared.terms, meeting, prepared.therapies))
