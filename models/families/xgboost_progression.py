"""XGBoost for a time to progression: trees of a log-hazard ratio (`survival:cox`) or of a log time (`survival:aft`)."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xgboost

from features.types import Floats
from models.applicability import Cohort
from models.errors import BrokenFile
from models.families.aft_engine import LogTimes
from models.families.boosting import (
    MODEL,
    REPLICATE,
    booster_of,
    column_weights,
    side_by_side,
)
from models.families.bootstrap import draws
from models.families.breslow import breslow, slope_of
from models.families.columns import ColumnSpec
from models.families.cox_progression import Hazards, on_days
from models.families.family import REPLICATES, Check, Fitted
from models.families.hazard_plan import plan_of_trees, progression_of
from models.families.recipe import Recipe
from models.families.screening import MOST_COLUMNS
from models.families.search import Searching
from models.families.target import ProgressionTarget, Target, Task
from models.families.time_curves import Curve
from models.families.tree_growing import FOLDS, Boosting, best_curve, line_of, rounds_and_margins, searched
from models.families.tree_hazards import FILE, BaselineFile, Boosters, LogTimesFile, TreeHazards, TreeTimes
from models.plain import from_plain, loads
from models.trees import check_forest

Objective = Literal["survival:cox", "survival:aft"]
_METHOD = (
    "Gradient-boosted trees (XGBoost, {objective}{curve}) of depth {depth} on at most {most} columns, screened inside "
    "each fit, therapy interactions among them; {rounds} rounds, chosen by {folds} inner folds, whose held-out margins "
    "give {given}."
)


class XGBoostProgression:
    """The family, of either objective: `xgboost_cox` or `xgboost_aft`."""

    task: Task = "progression"
    files: tuple[str, ...] = (MODEL, REPLICATE, FILE)

    def __init__(self, name: str, objective: Objective, searching: Searching | None = None) -> None:
        self.name = name
        self._objective: Objective = objective
        self._searching = searching

    def searched(self, searching: Searching) -> "XGBoostProgression":
        """The same family, its settings searched inside each fit."""
        return XGBoostProgression(self.name, self._objective, searching)

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
        target = progression_of(target, self.name, late_entry=False)
        generator = np.random.default_rng(seed)
        planned = plan_of_trees(table, target, columns)
        weights = column_weights(planned.design)
        state, found = generator.bit_generator.state, None
        if self._objective == "survival:cox":
            training = Boosting(planned.X, target, weights, seed)
        else:
            training, rounds, held_out = best_curve(planned.X, target, weights, seed, generator, check)
        if self._searching is not None:
            generator.bit_generator.state = state
            training, found = searched(training, generator, self._searching, check)
        if found is not None or training.curve is None:
            rounds, held_out = rounds_and_margins(training, generator, check)
        booster, spread, every = training.fit(np.ones(target.event.size), rounds), [], []
        for index, counts in enumerate(draws(target, replicates, generator)):
            check()
            spread.append(training.fit(counts, rounds, draw=1 + index))
            every.append(counts)
        beside = booster_of(side_by_side(spread, float(np.log(training.base)))) if spread else None
        boosters = Boosters(booster_of(bytes(booster.save_raw("ubj"))), beside)
        engine: TreeHazards | TreeTimes
        if training.curve is None:
            content = _baselines(held_out, target, boosters.margins(planned.X), every, planned.time_days)
            engine, said = TreeHazards(boosters, content, planned.time_days), "the slope and Breslow's baseline"
        else:
            times = _log_times(training.curve, held_out, target, every)
            engine, said = TreeTimes(boosters, times, planned.time_days), "slope, place and scale of the times"
        method = _METHOD.format(
            objective=self._objective,
            curve="" if training.curve is None else f", {training.curve}, the best of three forms",
            depth=training.settings["max_depth"],
            most=MOST_COLUMNS,
            rounds=rounds,
            folds=FOLDS,
            given=said,
        )
        return planned.fitted(self.name, engine, generator, replicates=replicates, method=method, search=found)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        wanted = {MODEL, FILE} | ({REPLICATE} if recipe.replicates else set())
        if set(files) != wanted or len(recipe.time_days) < 2:
            raise BrokenFile(f"wanted {sorted(wanted)} and days; seen {sorted(files)}")
        width = len(recipe.design.terms)
        forest = check_forest(files[MODEL], columns=width, objectives=(self._objective,))
        if REPLICATE in files and check_forest(files[REPLICATE], columns=width).groups != recipe.replicates:
            raise BrokenFile(f"{REPLICATE} has another number of outputs; wanted {recipe.replicates}")
        boosters = _loaded(files[MODEL], files.get(REPLICATE), width)
        plain = loads(files[FILE], place=FILE)
        engine: TreeHazards | TreeTimes
        if self._objective == "survival:cox":
            baselines = from_plain(BaselineFile, plain, place=FILE)
            replicates, engine = len(baselines.replicates), TreeHazards(boosters, baselines, recipe.time_days)
        else:
            times = from_plain(LogTimesFile, plain, place=FILE)
            replicates, engine = len(times.replicates), TreeTimes(boosters, times, recipe.time_days)
            if forest.distribution != times.curve:
                raise BrokenFile(f"{MODEL} has times that are {forest.distribution}; {FILE} says {times.curve}")
        if replicates != recipe.replicates:
            raise BrokenFile(f"{FILE}: {replicates} replicates; wanted {recipe.replicates}")
        return Fitted.of(recipe, engine, cohort)


def _loaded(model: bytes, replicates: bytes | None, width: int) -> Boosters:
    """Boosters from bytes that were checked, tried on one row."""
    try:
        boosters = Boosters(booster_of(model), None if replicates is None else booster_of(replicates))
        seen = boosters.margins(np.zeros((1, width)))
    except xgboost.core.XGBoostError as error:
        raise BrokenFile("XGBoost does not take the tree model") from error
    if not np.isfinite(seen).all():
        raise BrokenFile("the trees answer with a number that is not finite")
    return boosters


def _log_times(curve: Curve, margin: Floats, target: ProgressionTarget, every: Sequence[Floats]) -> LogTimesFile:
    """Times along held-out margins, for all patients and for each draw of them."""
    found = [LogTimes.of(line_of(curve, margin, target))]
    for counts in every:
        drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
        found.append(LogTimes.of(line_of(curve, margin[drawn], target.take(drawn))))
    return LogTimesFile(curve, found[0], tuple(found[1:]))


def _baselines(
    held_out: Floats,
    target: ProgressionTarget,
    margin: Floats,
    every: Sequence[Floats],
    time_days: tuple[int, ...],
) -> BaselineFile:
    """Breslow's baselines of held-out margins: those of patients that trees have learned would promise too much.

    Each booster's margins are told from their mean over the patients that it learned from, (1 + replicates, n).
    """
    slope = slope_of(held_out, target)
    found = [_hazards(slope, float(margin[0].mean()), held_out, target)]
    for own, counts in zip(margin[1:], every, strict=True):
        drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
        centre = float(np.average(own, weights=counts))
        found.append(on_days(_hazards(slope, centre, held_out[drawn], target.take(drawn)), time_days))
    return BaselineFile(found[0], tuple(found[1:]))


def _hazards(slope: float, centre: float, margin: Floats, target: ProgressionTarget) -> Hazards:
    days, hazard = breslow(slope * margin, target)
    return Hazards((slope,), (centre,), tuple(days.tolist()), tuple(hazard.tolist()))
