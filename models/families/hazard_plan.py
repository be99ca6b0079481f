"""What every regression of a hazard or of a time starts from: screened columns, a design with therapies, the days."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import describe_cohort
from models.calibration import Calibration
from models.errors import BadCohort
from models.families.columns import ColumnSpec
from models.families.design import Design, DesignMatrix
from models.families.family import Engine, Fitted
from models.families.horizon import days
from models.families.preparation import MOST_MEETING_THERAPY, Prepared, bearable_of_trees, meet_therapy, prepare, screen
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.search import Searched
from models.families.target import ProgressionTarget, Target

_MOST_SCREENED = 24
_EVENTS_PER_COLUMN = 8
_HEAVIER = 2.0
"""Interactions are held closer to 0 than what they interact: therapies differ little until the data say more."""


@dataclass(frozen=True, slots=True, eq=False)
class HazardPlan:
    """A training table, screened and multiplied out."""

    prepared: Prepared
    design: Design
    X: Floats
    """(n, terms)."""
    time_days: tuple[int, ...]
    """Where survival curves are given."""
    heavier: Floats
    """How much more than others each term is held back, (terms,)."""

    @property
    def products(self) -> int:
        """How many terms are therapy interactions."""
        return sum(term.kind == "interaction" for term in self.design.terms)

    def fitted(
        self,
        family: str,
        engine: Engine,
        generator: np.random.Generator,
        *,
        replicates: int,
        method: str,
        search: Searched | None = None,
    ) -> Fitted:
        """The fit that an engine over this design makes."""
        prepared = self.prepared
        recipe = Recipe(
            family=family,
            task="progression",
            columns=prepared.columns,
            therapies=prepared.therapies,
            design=self.design,
            calibration=Calibration(),
            time_days=self.time_days,
            replicates=replicates,
            needed_scans=needed_scans(prepared.columns, prepared.rows),
            centre=(0.0,) * (len(prepared.columns) + 1),
            architecture=None,
            method=method,
            search=search,
        )
        return Fitted.centred(
            recipe, engine, describe_cohort(self.design, prepared.columns, prepared.rows, generator), prepared.rows
        )


def progression_of(target: Target, family: str, *, late_entry: bool) -> ProgressionTarget:
    """The target, where it is a time.

    Args:
        target: Of the training patients.
        family: Which wants it, for the error.
        late_entry: Whether the family takes patients who were watched only from some day on.

    Raises:
        BadCohort: It is an outcome, or patients entered late and the family cannot learn from them.
    """
    if not isinstance(target, ProgressionTarget):
        raise BadCohort(f"{family} learns a time to progression; the target is an outcome")
    if target.entry_days is not None and not late_entry:
        raise BadCohort(f"{family} takes no late entry; weibull, log_normal, cox_net and competing do")
    return target


def plan(table: pd.DataFrame, target: ProgressionTarget, columns: Sequence[ColumnSpec]) -> HazardPlan:
    """Screens by the score test, and lets the strongest columns meet the therapies.

    Raises:
        BadCohort: Too few patients or events, or no usable column.
    """
    bearable = max(1, int(target.event.sum()) // _EVENTS_PER_COLUMN)
    return _plan(table, target, columns, min(_MOST_SCREENED, bearable))


def plan_of_trees(table: pd.DataFrame, target: ProgressionTarget, columns: Sequence[ColumnSpec]) -> HazardPlan:
    """The same for trees, which bear more columns.

    Raises:
        BadCohort: As `plan`.
    """
    return _plan(table, target, columns, bearable_of_trees(target.event.size))


def _plan(table: pd.DataFrame, target: ProgressionTarget, columns: Sequence[ColumnSpec], most: int) -> HazardPlan:
    prepared = screen(prepare(table, target, columns), target, most)
    design = meet_therapy(prepared, target, MOST_MEETING_THERAPY)
    heavier = np.array([_HEAVIER if term.kind == "interaction" else 1.0 for term in design.terms])
    return HazardPlan(prepared, design, DesignMatrix(design).apply(prepared.rows), days(target), heavier)
