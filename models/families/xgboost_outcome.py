"""XGBoost for response: shallow, regularised trees; native files; exact contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import xgboost

from features.types import Floats
from models.applicability import Cohort, describe_cohort
from models.calibration import choose_calibration
from models.errors import BadCohort, BrokenFile
from models.families.boosting import (
    MODEL,
    REPLICATE,
    booster_of,
    column_weights,
    margins,
    side_by_side,
    tree_shares,
)
from models.families.bootstrap import draws
from models.families.columns import ColumnSpec
from models.families.design import DesignMatrix
from models.families.family import REPLICATES, Check, Fitted, OutcomeScores
from models.families.outcome_growing import FOLDS, OutcomeBoosting, rounds_and_log_odds, searched
from models.families.preparation import MOST_MEETING_THERAPY, bearable_of_trees, meet_therapy, prepare, screen
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.screening import MOST_COLUMNS
from models.families.search import Searching
from models.families.target import OutcomeTarget, Target, Task
from models.trees import check_forest

_METHOD = (
    "Gradient-boosted trees (XGBoost) of depth {depth} on at most {most} columns, screened inside each fit, therapy "
    "interactions among them; {rounds} rounds, chosen by {folds} inner folds, whose held-out log-odds calibrate the "
    "model ({calibration}, of Platt, beta and isotonic)."
)


@dataclass(frozen=True, slots=True, eq=False)
class TreeEngine:
    """A booster for the estimate, and one with an output for each replicate."""

    booster: xgboost.Booster
    replicates: xgboost.Booster | None

    def score(self, X: Floats) -> OutcomeScores:
        """Raw log-odds."""
        margin = margins(self.booster, X)
        if self.replicates is None:
            return OutcomeScores(margin, np.empty((0, X.shape[0])))
        return OutcomeScores(margin, margins(self.replicates, X).reshape(X.shape[0], -1).T)

    def contributions(self, X: Floats) -> Floats:
        """Tree SHAP (Lundberg 2020), exact on the margin."""
        return tree_shares(self.booster, X)[0]

    def files(self) -> dict[str, bytes]:
        """Native `ubj`."""
        files = {MODEL: bytes(self.booster.save_raw("ubj"))}
        if self.replicates is not None:
            files[REPLICATE] = bytes(self.replicates.save_raw("ubj"))
        return files


class XGBoostOutcome:
    """The family."""

    name = "xgboost"
    task: Task = "outcome"
    files: tuple[str, ...] = (MODEL, REPLICATE)

    def __init__(self, searching: Searching | None = None) -> None:
        self._searching = searching

    def searched(self, searching: Searching) -> "XGBoostOutcome":
        """The same family, its settings searched inside each fit."""
        return XGBoostOutcome(searching)

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
        if not isinstance(target, OutcomeTarget):
            raise BadCohort("xgboost learns an outcome; the target is a time to progression")
        generator = np.random.default_rng(seed)
        prepared = screen(prepare(table, target, columns), target, bearable_of_trees(target.response.size))
        design = meet_therapy(prepared, target, MOST_MEETING_THERAPY)
        training = OutcomeBoosting(
            DesignMatrix(design).apply(prepared.rows), target.response, column_weights(design), seed
        )
        training, found = searched(training, target, generator, self._searching, check)
        rounds, held_out = rounds_and_log_odds(training, target, generator, check)
        calibration = choose_calibration(held_out, target.response, generator)
        base = float(target.response.mean())
        booster = training.fit(np.ones(target.response.size), rounds, base)
        spread = []
        for index, counts in enumerate(draws(target, replicates, generator)):
            check()
            spread.append(training.fit(counts, rounds, base, draw=1 + index))
        beside = side_by_side(spread, float(np.log(base / (1 - base)))) if spread else None
        engine = _loaded(bytes(booster.save_raw("ubj")), beside, len(design.terms))
        recipe = Recipe(
            family=self.name,
            task=self.task,
            columns=prepared.columns,
            therapies=prepared.therapies,
            design=design,
            calibration=calibration,
            time_days=(),
            replicates=replicates,
            needed_scans=needed_scans(prepared.columns, prepared.rows),
            centre=(0.0,) * (len(prepared.columns) + 1),
            architecture=None,
            method=_METHOD.format(
                depth=training.settings["max_depth"],
                most=MOST_COLUMNS,
                rounds=rounds,
                folds=FOLDS,
                calibration=calibration.kind,
            ),
            search=found,
        )
        return Fitted.centred(
            recipe, engine, describe_cohort(design, prepared.columns, prepared.rows, generator), prepared.rows
        )

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if MODEL not in files or (recipe.replicates > 0) != (REPLICATE in files):
            raise BrokenFile(f"wanted {MODEL}, and {REPLICATE} for {recipe.replicates} replicates")
        width = len(recipe.design.terms)
        forest = check_forest(files[MODEL], columns=width)
        if forest.objective != "binary:logistic":
            raise BrokenFile(f"{MODEL} has the objective {forest.objective}; wanted binary:logistic")
        if REPLICATE in files:
            spread = check_forest(files[REPLICATE], columns=width)
            if spread.groups != recipe.replicates or spread.objective != "multi:softprob":
                raise BrokenFile(f"{REPLICATE} has {spread.groups} outputs; wanted {recipe.replicates}")
        return Fitted.of(recipe, _loaded(files[MODEL], files.get(REPLICATE), width), cohort)


def _loaded(model: bytes, replicates: bytes | None, width: int) -> TreeEngine:
    """Boosters from bytes that were checked, warmed up on one row."""
    try:
        boosters = [booster_of(content) if content is not None else None for content in (model, replicates)]
        engine = TreeEngine(cast(xgboost.Booster, boosters[0]), boosters[1])
        engine.score(np.zeros((1, width)))
    except xgboost.core.XGBoostError as error:
        raise BrokenFile("XGBoost does not take the tree model") from error
    return engine
