"""A column whose values have baselines of their own: read, put behind the design, and checked in what is loaded."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.errors import BadCohort, BrokenFile
from models.families.columns import ColumnSpec, complete, encode
from models.families.design import Design, Term
from models.families.hazard_plan import HazardPlan
from models.families.recipe import Recipe

MOST_STRATA = 20


def strata_of(name: str, columns: Sequence[ColumnSpec], table: pd.DataFrame) -> tuple[ColumnSpec, Floats]:
    """The column of strata, completed, and the index of each patient's, (n,).

    Raises:
        BadCohort: There is no such column, it is no category, it holds one value or too many, or a patient has none.
    """
    declared = next((spec for spec in columns if spec.name == name), None)
    if declared is None or declared.kind != "category":
        raise BadCohort(f"strata are wanted of {name}, which is no column of categories", column=name)
    (spec,) = complete([declared], table)
    if not spec.required or not 2 <= len(spec.categories) <= MOST_STRATA:
        raise BadCohort(
            f"{name} is missing in some patients, or holds more than {MOST_STRATA} values; no strata", column=name
        )
    return spec, encode([spec], (), table)[:, 0]


def with_strata(planned: HazardPlan, spec: ColumnSpec, strata: Floats) -> HazardPlan:
    """The same plan with a last raw column, and a last term for each stratum."""
    prepared = planned.prepared
    at = len(prepared.columns)
    moved = tuple(replace(one, column=at + 1) if one.kind == "therapy" else one for one in planned.design.terms)
    fill = float(spec.categories.index(str(spec.impute)))
    added = tuple(Term("category", at, level=level, fill=fill) for level in range(len(spec.categories)))
    whole = replace(
        prepared,
        columns=(*prepared.columns, spec),
        rows=np.column_stack([prepared.rows[:, :-1], strata, prepared.rows[:, -1]]),
    )
    return replace(planned, prepared=whole, design=Design(moved + added))


def check_strata(recipe: Recipe, strata: int) -> None:
    """Refuses a design whose last terms are not one for each stratum of one required column.

    Raises:
        BrokenFile: They are not.
    """
    if strata == 1:
        return
    last = recipe.design.terms[-strata:]
    column = last[0].column if last else -1
    right = 2 <= strata <= MOST_STRATA and len(last) == strata and 0 <= column < len(recipe.columns)
    right = right and all(
        term.kind == "category" and term.column == column and term.level == level for level, term in enumerate(last)
    )
    if not right or len(recipe.columns[column].categories) != strata or not recipe.columns[column].required:
        raise BrokenFile(f"the design does not end in the {strata} strata of a required column")
