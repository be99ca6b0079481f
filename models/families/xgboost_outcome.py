"""XGBoost for response: shallow, regularised trees; native files; exact contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import xgboost

from features.types import Floats
from models.applicability import Cohort, describe_cohort
from models.calibration import Calibration, choose_calibration, probability
from models.errors import BadCohort, BrokenFile
from models.families.boosting import (
    LOOSER,
    MODEL,
    REPLICATE,
    ROUNDS,
    SETTINGS,
    booster_of,
    column_weights,
    margins,
    side_by_side,
    tree_shares,
)
from models.families.bootstrap import draws, folds
from models.families.columns import ColumnSpec
from models.families.design import DesignMatrix
from models.families.family import REPLICATES, Check, Fitted, OutcomeScores
from models.families.preparation import MOST_MEETING_THERAPY, bearable_of_trees, meet_therapy, prepare, screen
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.screening import MOST_COLUMNS
from models.families.target import OutcomeTarget, Target, Task
from models.trees import check_forest

_FOLDS = 5
_SETTINGS: dict[str, Any] = {"objective": "binary:logistic", **SETTINGS}
_METHOD = (
    "Gradient-boosted trees (XGBoost) of depth 2 on at most {most} columns, screened inside each fit, therapy "
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
        training = _Training(DesignMatrix(design).apply(prepared.rows), target.response, column_weights(design), seed)
        rounds, calibration = _rounds_and_calibration(training, target, generator, check)
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
            method=_METHOD.format(most=MOST_COLUMNS, rounds=rounds, folds=_FOLDS, calibration=calibration.kind),
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


@dataclass(frozen=True, slots=True, eq=False)
class _Training:
    """What each booster of a fit shares."""

    X: Floats
    response: Floats
    column_weights: Floats
    seed: int

    def fit(self, counts: Floats, rounds: int, base: float, draw: int = 0) -> xgboost.Booster:
        """A booster on the patients that count, from the share `base` of responders; a replicate where `draw` is."""
        drawn = counts > 0
        matrix = xgboost.DMatrix(
            self.X[drawn].astype(np.float32),
            self.response[drawn],
            weight=counts[drawn],
            feature_weights=self.column_weights,
            nthread=1,
        )
        settings = {**_SETTINGS, **(LOOSER if draw else {}), "base_score": base, "seed": self.seed + draw}
        return xgboost.train(settings, matrix, rounds)


def _rounds_and_calibration(
    training: _Training, target: OutcomeTarget, generator: np.random.Generator, check: Check
) -> tuple[int, Calibration]:
    """The number of rounds of least held-out log-loss, and the calibration of the held-out log-odds there."""
    fold = folds(target, _FOLDS, generator)
    held_out = np.empty((len(ROUNDS), target.response.size))
    for index in range(_FOLDS):
        check()
        seen, unseen = fold != index, fold == index
        booster = training.fit(seen.astype(np.float64), ROUNDS[-1], float(target.response[seen].mean()))
        for row, rounds in enumerate(ROUNDS):
            held_out[row, unseen] = booster.inplace_predict(
                training.X[unseen].astype(np.float32), predict_type="margin", iteration_range=(0, rounds)
            )
    chance = probability(held_out)
    loss = -(target.response * np.log(chance) + (1 - target.response) * np.log(1 - chance)).mean(axis=1)
    best = int(np.argmin(loss))
    return ROUNDS[best], choose_calibration(held_out[best], target.response, generator)


def _loaded(model: bytes, replicates: bytes | None, width: int) -> TreeEngine:
    """Boosters from bytes that were checked, warmed up on one row."""
    try:
        boosters = [booster_of(content) if content is not None else None for content in (model, replicates)]
        engine = TreeEngine(cast(xgboost.Booster, boosters[0]), boosters[1])
        engine.score(np.zeros((1, width)))
    except xgboost.core.XGBoostError as error:
        raise BrokenFile("XGBoost does not take the tree model") from error
    return engine
