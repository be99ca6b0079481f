"""Columns that were chosen by looking at every patient's outcome, those to be held out among them.

Two ways to see it. From the table: among columns that nobody chose by the outcome, some go with it no better than
chance; where all of many do, the others were taken away. From the run: a fit on a fold's training patients must stay
the same, to the bit, when the outcomes of the held-out patients are dealt anew.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from features.types import Floats
from models.errors import BadCohort, LeakingColumn, LeakingFold
from models.families.columns import ColumnSpec
from models.families.preparation import prepare
from models.families.screening import pick, strengths
from models.families.target import GRADES, Bools, OutcomeTarget, Target

FEWEST = 10
"""Of columns that are no near copies of each other."""
_SIGNIFICANT = 0.05


def refuse_chosen(frame: pd.DataFrame, columns: Sequence[ColumnSpec], target: Target) -> None:
    """Refuses image columns that all go with the outcome of all patients: somebody kept just those.

    Args:
        frame: Raw columns, one row a patient.
        columns: Image columns; a clinical record is short, and all of it may matter.
        target: Of these patients.

    Raises:
        LeakingColumn: With how many they are.
    """
    if len(columns) < FEWEST:
        return
    try:
        prepared = prepare(frame[[spec.name for spec in columns]], target, columns)
    except BadCohort:
        return  # said in its own words where the model is fitted
    strength = strengths(prepared.X, target)
    different = pick(prepared.X, strength, range(prepared.X.shape[1]), prepared.X.shape[1])
    if len(different) < FEWEST:
        return
    chance = chdtrc(1, strength[different])
    if float(chance.max()) < _SIGNIFICANT:
        raise LeakingColumn(
            f"all {len(different)} image columns that are no copies of each other go with the outcome (p below "
            f"{_SIGNIFICANT}), which no table has whose columns were not chosen by it; choosing must happen inside the "
            "folds: give all columns that were measured, or say where these were chosen (--accept-selection REASON)",
            columns=", ".join(spec.name for spec in columns[:5]),
        )


def refuse_outside(said: Floats, said_again: Floats, fold: int) -> None:
    """Refuses a fit that changes when only the held-out patients' outcomes change.

    Args:
        said: What was said of those held out.
        said_again: The same, by a fit for which their outcomes, and nobody else's, were dealt anew (`dealt_anew`).
        fold: Which they are held out by, from 0.

    Raises:
        LeakingFold: With the fold.
    """
    if not np.array_equal(said, said_again):
        raise LeakingFold(
            f"fold {fold + 1}: what is learned changes when only the outcomes of its held-out patients change; "
            "something is chosen outside of the folds",
            fold=fold + 1,
        )


def dealt_anew(target: Target, among: Bools) -> Target:
    """The target with the outcomes of some patients turned round: responses flipped, times dealt in reverse order."""
    if isinstance(target, OutcomeTarget):
        if target.grade is not None:  # the best become the worst, so that responses flip
            return OutcomeTarget.of_grades(np.where(among, len(GRADES) - 1 - target.grade, target.grade))
        return OutcomeTarget(np.where(among, 1 - target.response, target.response))
    members = np.flatnonzero(among)
    ordered = members[np.argsort(target.time_days[members], kind="stable")]
    source = np.arange(among.size)
    source[ordered] = ordered[::-1]
    return target.take(source)
