"""What every fit does first: completes columns, encodes rows, makes main terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri

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
_CHANCE = 0.05
"""That any missing value is taken for telling where none is."""


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
        """Indices of terms of columns whose name starts so."""
        return [
            index
            for index, term in enumerate(self.terms)
            if term.kind in ("number", "category", "missing") and self.columns[term.column].name.startswith(prefixes)
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
    require_enough(table, target)
    completed = complete(columns, table)
    therapies = therapies_of(table)
    rows = encode(completed, therapies, table)
    terms = main_terms(completed, therapies, rows)
    X = DesignMatrix(Design(terms)).apply(rows)
    told = _telling(terms, X, target)
    return Prepared(completed, therapies, rows, tuple(terms[index] for index in told), X[:, told])


def require_enough(table: pd.DataFrame, target: Target) -> None:
    """Checks that there is something to learn, and a target for each row.

    Raises:
        BadCohort: There is not.
    """
    target.require_enough()
    count = target.response.size if isinstance(target, OutcomeTarget) else target.event.size
    if count != len(table):
        raise BadCohort(f"{len(table)} rows and {count} targets")


def _telling(terms: Sequence[Term], X: Floats, target: Target) -> list[int]:
    """All terms, but of those for a missing value only what goes with the target beyond chance.

    Most values are missing for no reason that matters, and dozens of terms for that would drown the others.
    """
    lacking = [index for index, term in enumerate(terms) if term.kind == "missing"]
    if not lacking:
        return list(range(len(terms)))
    least = float(chdtri(1, _CHANCE / len(lacking)))  # Bonferroni's share for each
    strength = strengths(X[:, lacking], target)
    by_chance = {index for index, one in zip(lacking, strength, strict=True) if one < least}
    return [index for index in range(len(terms)) if index not in by_chance]


def keep(prepared: Prepared, kept: Sequence[int]) -> Prepared:
    """Only some terms, and the raw columns that they need; therapies stay."""
    used = sorted({prepared.terms[index].column for index in kept if prepared.terms[index].kind != "therapy"})
    columns = tuple(prepared.columns[index] for index in used)
    rows = prepared.rows[:, [*used, len(prepared.columns)]]
    lacking = {used.index(prepared.terms[index].column) for index in kept if prepared.terms[index].kind == "missing"}
    terms = tuple(
        term
        for term in main_terms(columns, prepared.therapies, rows)
        if term.kind != "missing" or term.column in lacking
    )
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
    candidates = [index for index, term in enumerate(prepared.terms) if term.kind in ("number", "category")]
    room = (MOST_COLUMNS - len(prepared.terms)) // max(1, len(prepared.therapies))
    meeting = pick(prepared.X, strengths(prepared.X, target), candidates, max(0, min(most, room)))
    return Design(prepared.terms + interactions(prepared.terms, meeting, prepared.therapies))
