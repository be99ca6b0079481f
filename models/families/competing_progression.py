"""Progression where death may come first: a Cox model for either end, joined to a cumulative incidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort
from models.errors import BrokenFile
from models.families.bootstrap import draws
from models.families.columns import ColumnSpec
from models.families.competing_engine import FILE, CauseHazard, Causes, CompetingEngine, CompetingFile
from models.families.cox_net import best_strength, fit_strata
from models.families.cox_progression import FOLDS, Hazards, best_penalty, fit_hazards
from models.families.family import REPLICATES, Check, Fitted
from models.families.hazard_plan import plan, progression_of
from models.families.horizon import interpolate
from models.families.recipe import Recipe
from models.families.screening import MOST_COLUMNS
from models.families.target import FEWEST_EVENTS, ProgressionTarget, Target, Task
from models.plain import from_plain, loads

_DEATHS = 0.3
"""Penalty of the hazard of death where too few were seen to choose one."""
_METHOD = (
    "Cause-specific Cox models ({by}Efron's ties) of progression and of death without it ({deaths} deaths), "
    "with ridge penalties of {penalty} and {second}, chosen by {folds} inner folds, on {columns} columns (at most "
    "{most}, screened inside each fit), {products} of them therapy interactions; joined to the cumulative incidence of "
    "progression{late}."
)


class CompetingProgression:
    """The family. Where no competing event was recorded, it is a Cox model."""

    name = "competing"
    task: Task = "progression"
    files: tuple[str, ...] = (FILE,)

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
        X, time_days, heavier = planned.X, planned.time_days, planned.heavier
        death = _death(target)
        deaths = int(death.event.sum())
        penalty = _penalty(X, target, heavier, generator, check)
        second = _penalty(X, death, heavier, generator, check) if deaths >= 2 * FEWEST_EVENTS else _DEATHS
        strengths = (penalty * heavier, second * heavier)
        spread = []
        for counts in draws(target, replicates, generator):
            check()
            drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
            spread.append(_causes(X[drawn], target.take(drawn), strengths, time_days, generator))
        content = CompetingFile(_causes(X, target, strengths, time_days), tuple(spread))
        late = target.entry_days is not None
        method = _METHOD.format(
            by="" if late else "lifelines, ",
            late="; patients count from the day from which they were watched" if late else "",
            deaths=deaths,
            penalty=penalty,
            second=second,
            folds=FOLDS,
            columns=len(planned.design.terms),
            most=MOST_COLUMNS,
            products=planned.products,
        )
        engine = CompetingEngine(content, time_days)
        return planned.fitted(self.name, engine, generator, replicates=replicates, method=method)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if set(files) != {FILE}:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(CompetingFile, loads(files[FILE], place=FILE), place=FILE)
        width = len(recipe.design.terms)
        every = [cause for one in (content.estimate, *content.replicates) for cause in (one.progression, one.death)]
        if any(len(cause.coefficients) != width for cause in every):
            raise BrokenFile(f"{FILE}: coefficients for another number of columns; wanted {width}")
        if len(content.replicates) != recipe.replicates or len(recipe.time_days) < 2:
            raise BrokenFile(f"{FILE}: {len(content.replicates)} replicates; wanted {recipe.replicates}, and days")
        return Fitted.of(recipe, CompetingEngine(content, recipe.time_days), cohort)


def _death(target: ProgressionTarget) -> ProgressionTarget:
    """Death without progression as what is awaited, progression as its censoring."""
    died = np.zeros_like(target.event) if target.competing is None else target.competing
    return ProgressionTarget(target.time_days, died, target.entry_days)


def _penalty(
    X: Floats, target: ProgressionTarget, heavier: Floats, generator: np.random.Generator, check: Check
) -> float:
    if target.entry_days is None:
        return best_penalty(X, target, heavier, generator, check)
    return best_strength(X, target, np.zeros(target.event.size), heavier, generator, check, l1_ratios=(0.0,))[0]


def _hazards(
    X: Floats, target: ProgressionTarget, penalty: Floats, generator: np.random.Generator | None = None
) -> Hazards:
    """By lifelines, whose baseline takes no account of late entry; where there is any by `fit_strata`, of one."""
    if target.entry_days is None:
        return fit_hazards(X, target, penalty, generator)
    found = fit_strata(X, target, np.zeros(target.event.size), 1, penalty, 0.0, generator)
    (known,) = found.baselines
    return Hazards(found.coefficients, found.centre, known.days, known.cumulative_hazard)


def _causes(
    X: Floats,
    target: ProgressionTarget,
    penalties: tuple[Floats, Floats],
    time_days: tuple[int, ...],
    generator: np.random.Generator | None = None,
) -> Causes:
    """Either hazard; of death none where fewer than 5 were seen to die, but the cohort's own, alike for all."""
    death = _death(target)
    progression = _on_days(_hazards(X, replace(target, competing=None), penalties[0], generator), time_days)
    if int(death.event.sum()) >= FEWEST_EVENTS:
        return Causes(progression, _on_days(_hazards(X, death, penalties[1], generator), time_days))
    days = np.unique(death.time_days[death.event]) if death.event.any() else np.array([0.0])
    entry = np.full(death.event.size, -np.inf) if death.entry_days is None else death.entry_days
    at_risk = np.maximum(1, ((death.time_days[:, None] >= days) & (entry[:, None] < days)).sum(axis=0))
    hazard = np.cumsum((death.event[:, None] & (death.time_days[:, None] == days)).sum(axis=0) / at_risk)
    zero = (0.0,) * X.shape[1]
    return Causes(progression, _on_days(Hazards(zero, zero, tuple(days.tolist()), tuple(hazard.tolist())), time_days))


def _on_days(hazards: Hazards, time_days: tuple[int, ...]) -> CauseHazard:
    baseline = interpolate(time_days, np.array(hazards.days), np.array(hazards.baseline))
    return CauseHazard(hazards.coefficients, hazards.centre, tuple((baseline - baseline[0]).tolist()))
