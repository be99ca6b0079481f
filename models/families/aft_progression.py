"""Weibull's and log-normal regression of the time to progression: accelerated failure times."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort
from models.errors import BadCohort, BrokenFile
from models.families.accelerated import Accelerated, fit_accelerated, held_out_log_likelihood
from models.families.aft_engine import FILE, AcceleratedEngine, AcceleratedFile, LogTimes
from models.families.bootstrap import draws, folds
from models.families.columns import ColumnSpec
from models.families.family import REPLICATES, Check, Fitted
from models.families.hazard_plan import plan, progression_of
from models.families.recipe import Recipe
from models.families.screening import MOST_COLUMNS
from models.families.target import ProgressionTarget, Target, Task
from models.families.time_curves import Curve
from models.plain import from_plain, loads

_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
_HEAVIER = (1.0, 3.0, 10.0, 30.0)
_FOLDS = 3
_METHOD = (
    "A {name} regression of the time to progression (accelerated failure time) with a ridge penalty of {penalty}, "
    "chosen by {folds} inner folds, on {columns} columns (at most {most}, screened inside each fit), {products} of "
    "them therapy interactions."
)


class AcceleratedProgression:
    """The family, of one curve: `weibull` or `log_normal`."""

    task: Task = "progression"
    files: tuple[str, ...] = (FILE,)

    def __init__(self, name: str, curve: Curve) -> None:
        self.name = name
        self._curve: Curve = curve

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
        """See `Family.fit`."""
        target = progression_of(target, self.name, late_entry=True)
        generator = np.random.default_rng(seed)
        planned = plan(table, target, columns)
        X = planned.X
        penalty = self._penalty(X, target, planned.heavier, generator, check)
        spread = []
        for counts in draws(target, replicates, generator):
            check()
            drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
            spread.append(self._fit(X[drawn], target.take(drawn), penalty * planned.heavier, generator))
        estimate = self._fit(X, target, penalty * planned.heavier)
        content = AcceleratedFile(self._curve, LogTimes.of(estimate), tuple(map(LogTimes.of, spread)))
        method = _METHOD.format(
            name=self.name.replace("_", "-"),
            penalty=penalty,
            folds=_FOLDS,
            columns=len(planned.design.terms),
            most=MOST_COLUMNS,
            products=planned.products,
        )
        engine = AcceleratedEngine(content, planned.time_days)
        return planned.fitted(self.name, engine, generator, replicates=replicates, method=method)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if set(files) != {FILE}:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(AcceleratedFile, loads(files[FILE], place=FILE), place=FILE)
        width = len(recipe.design.terms)
        if any(len(one.coefficients) != width for one in (content.estimate, *content.replicates)):
            raise BrokenFile(f"{FILE}: coefficients for another number of columns; wanted {width}")
        if content.curve != self._curve:
            raise BrokenFile(f"{FILE}: times are {content.curve}; wanted {self._curve} for {self.name}")
        if len(content.replicates) != recipe.replicates or len(recipe.time_days) < 2:
            raise BrokenFile(f"{FILE}: {len(content.replicates)} replicates; wanted {recipe.replicates}, and days")
        return Fitted.of(recipe, AcceleratedEngine(content, recipe.time_days), cohort)

    def _fit(
        self, X: Floats, target: ProgressionTarget, penalty: Floats, generator: np.random.Generator | None = None
    ) -> Accelerated:
        """By a heavier penalty where the likelihood has no largest value by this one, as in a draw of few patients.

        Raises:
            BadCohort: By none of them it has.
        """
        for more in _HEAVIER[:-1]:
            with suppress(BadCohort):
                return fit_accelerated(self._curve, X, target, more * penalty, generator)
        return fit_accelerated(self._curve, X, target, _HEAVIER[-1] * penalty, generator)

    def _penalty(
        self, X: Floats, target: ProgressionTarget, heavier: Floats, generator: np.random.Generator, check: Check
    ) -> float:
        """The ridge penalty whose held-out likelihood is largest, of those by which each fold can be fitted.

        With as many columns as events and next to no penalty the scale goes to 0, and the likelihood has no end.
        """
        fold = folds(target, _FOLDS, generator)
        gain = np.zeros(len(_PENALTIES))
        for held_out in range(_FOLDS):
            check()
            seen, unseen = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
            for index, penalty in enumerate(_PENALTIES):
                try:
                    fit = fit_accelerated(self._curve, X[seen], target.take(seen), penalty * heavier)
                except BadCohort:
                    gain[index] = -np.inf
                    continue
                gain[index] += held_out_log_likelihood(self._curve, fit, X[unseen], target.take(unseen))
        if not np.isfinite(gain).any():
            return _PENALTIES[-1]
        return _PENALTIES[int(np.argmax(gain))]
