"""A family whose hazards are recalibrated by patients that inner folds held out; what they told is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from models.applicability import Cohort
from models.baselines import known_only
from models.calibration import Calibration
from models.crossfit import FoldFits, fit_folds
from models.errors import BadCohort
from models.families.columns import ColumnSpec
from models.families.family import REPLICATES, Check, Family, Fitted, ProgressionScores
from models.families.recipe import Recipe
from models.families.target import ProgressionTarget, Target, Task
from models.recalibration import Followed, HazardCalibration, Mended, log_at_horizon, measure, mend


class Recalibrated:
    """Around any family of a progression. Each fit then costs as many more as there are inner folds."""

    def __init__(self, family: Family, inner: Family | None = None) -> None:
        """Takes what learns.

        Args:
            family: That learns.
            inner: The same for the inner folds, where they should tell less of their progress.
        """
        self.family = family
        self._inner = family if inner is None else inner
        self.name = family.name
        self.task: Task = family.task
        self.files = family.files

    def fit(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        *,
        seed: int,
        replicates: int = REPLICATES,
        check: Check = lambda: None,
    ) -> Fitted:
        """See `Family.fit`.

        Raises:
            BadCohort: As the family, or an inner fold is too small for it, or competing events were recorded.
        """
        if not isinstance(target, ProgressionTarget):
            raise BadCohort("recalibration is of hazards; the target is an outcome")
        if target.competing is not None:
            raise BadCohort("recalibration takes no competing events; wanted --recalibrate without --competing")
        fitted = self.family.fit(table, target, columns, seed=seed, replicates=replicates, check=check)
        try:
            inner = fit_folds(self._inner, table, target, columns, seed=seed, check=check)
        except BadCohort as error:
            raise BadCohort(f"an inner fold of the recalibration: {error}", **error.details) from error
        held_out = followed(inner, table, target)
        calibration = mend(held_out, _middle(fitted, table))
        recipe = replace(fitted.recipe, calibration=calibration, recalibration=measure(held_out))
        return Fitted.of(recipe, fitted.engine, fitted.cohort)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`: what is loaded is recalibrated by its recipe."""
        return self.family.load(recipe, files, cohort)


def followed(held: FoldFits, table: pd.DataFrame, target: ProgressionTarget) -> Followed:
    """Each patient by the fit that had not seen the patient."""
    parts = []
    for held_out, fit in enumerate(held.fits):
        learned, unseen = (np.flatnonzero((held.fold == held_out) == away) for away in (False, True))
        rows = known_only(table.iloc[unseen].reset_index(drop=True), fit.recipe.columns)
        scores = fit.predict(rows)
        assert isinstance(scores, ProgressionScores)  # noqa: S101 - no other task
        middle = _middle(fit, table.iloc[learned].reset_index(drop=True))
        parts.append(Followed.of(scores.cumulative_hazard, fit.recipe.time_days, middle, target.take(unseen)))
    return Followed.joined(parts)


def mended(
    applied: HazardCalibration | None, held: FoldFits | None, table: pd.DataFrame, target: Target
) -> Mended | None:
    """What outer folds tell of a recalibration; None where there is none.

    Args:
        applied: Of the fit on all patients.
        held: Fits of the outer folds, each recalibrated by inner folds of its own.
        table: Raw columns, one row a patient.
        target: Of these rows.
    """
    if applied is None or held is None or not isinstance(target, ProgressionTarget):
        return None
    plain = FoldFits(held.fold, tuple(map(_plain, held.fits)))
    return Mended(applied, measure(followed(plain, table, target)), measure(followed(held, table, target)))


def _plain(fitted: Fitted) -> Fitted:
    recipe = replace(fitted.recipe, calibration=Calibration(), recalibration=None)
    return Fitted.of(recipe, fitted.engine, fitted.cohort)


def _middle(fitted: Fitted, table: pd.DataFrame) -> float:
    scores = fitted.predict(table)
    assert isinstance(scores, ProgressionScores)  # noqa: S101 - no other task
    return float(log_at_horizon(scores.cumulative_hazard).mean())
