"""XGBoost as `mlflow.xgboost.log_model` writes it: `ubj` or `json`, checked tree by tree, predicted natively."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xgboost
from scipy.special import ndtr

from features.types import Floats
from models.brought.declared import Declared
from models.brought.engine import Answers, Curves, Probabilities, Risks
from models.errors import BadSignature, BrokenFile
from models.families.horizon import interpolate
from models.trees import Forest, check_forest

if TYPE_CHECKING:
    from models.forest import Paths

CLASSES = (
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBModel",
    "xgboost.sklearn.XGBRegressor",
)
_OBJECTIVES = {"outcome": ("binary:logistic",), "progression": ("survival:cox", "survival:aft")}
_STEEPEST = 30.0
"""Largest log-hazard ratio that is answered."""


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """A booster, and what its margin means."""

    booster: xgboost.Booster
    paths: "Paths | None"
    """The same trees laid out for single rows; None for a forest that is left to XGBoost."""
    forest: Forest
    rounds: tuple[int, int]
    """Which are used; all where both are 0."""
    declared: Declared

    @property
    def absent(self) -> tuple[str, ...]:
        """See `Engine.absent`."""
        if self.forest.objective == "survival:cox" and self.declared.baseline is None:
            return ("baseline hazard",)
        return ()

    def answer(self, rows: Floats) -> Answers:
        """See `Engine.answer`."""
        margin = self.margin(rows)
        if self.forest.objective == "binary:logistic":
            return Probabilities(1.0 / (1.0 + np.exp(-margin)))
        if self.forest.objective == "survival:aft":
            return Curves(self._accelerated(margin))
        if self.declared.baseline is None:
            return Risks(margin)
        days, known = self.declared.time_days, self.declared.baseline
        hazard = interpolate(days, np.array(known.days), np.array(known.cumulative_hazard))
        return Curves(np.exp(-np.exp(np.clip(margin, -_STEEPEST, _STEEPEST))[:, None] * hazard))

    def margin(self, rows: Floats) -> Floats:
        """Log-odds, log-hazard ratio or log of time, (n,), in float64."""
        if self.paths is not None:
            return self.paths.margins(rows)[:, 0]
        margin = self.booster.inplace_predict(
            rows.astype(np.float32), iteration_range=self.rounds, predict_type="margin", validate_features=False
        )
        result: Floats = np.asarray(margin, dtype=np.float64).reshape(rows.shape[0])
        return result

    def contributions(self, rows: Floats) -> Floats | None:
        """Tree SHAP, exact on the margin; of an accelerated failure time there is no log-hazard to share."""
        if self.forest.objective == "survival:aft":
            return None
        if self.paths is not None:
            return self.paths.shares(rows)
        matrix = xgboost.DMatrix(rows.astype(np.float32), nthread=1)
        shares: Floats = self.booster.predict(
            matrix, pred_contribs=True, iteration_range=self.rounds, validate_features=False
        ).astype(np.float64)[:, :-1]
        return shares

    def _accelerated(self, margin: Floats) -> Floats:
        """Survival of an accelerated failure time: ln T = margin + scale * Z, Z by the declared distribution.

        Source: Barnwal, Cho and Hocking, J Comput Graph Stat 31 (2022) 1292, table 1.
        """
        times = np.array(self.declared.time_days[1:], dtype=np.float64) / self.declared.days_per_unit
        z = (np.log(times) - margin[:, None]) / self.forest.scale
        if self.forest.distribution == "normal":
            survival = ndtr(-z)
        elif self.forest.distribution == "logistic":
            survival = 1.0 / (1.0 + np.exp(np.clip(z, -700, 700)))
        else:  # extreme: of the minimum, so that T is Weibull's
            survival = np.exp(-np.exp(np.clip(z, -700, 700)))
        result: Floats = np.hstack([np.ones((margin.size, 1)), survival])
        return result


def load_trees(content: bytes, declared: Declared, model_class: str) -> BoostedTrees:
    """From bytes that are distrusted.

    Args:
        content: `ubj` or `json`.
        declared: What the version says of itself.
        model_class: As `MLmodel` names it; scikit-learn's classes stop at the best round, a booster does not.

    Raises:
        BadSignature: The signature and the trees do not take the same columns, or the task is another.
        BrokenFile: A structure that cannot be predicted with.
    """
    if model_class not in CLASSES:
        raise BadSignature(f"model_class is {model_class[:80]!r}; wanted {', '.join(CLASSES)}")
    forest = check_forest(content, columns=len(declared.order), objectives=_OBJECTIVES[declared.task], brought=True)
    if forest.names and forest.names != declared.order:
        odd = next((a for a, b in zip(forest.names, declared.order, strict=False) if a != b), "")
        raise BadSignature(
            f"the trees take other columns than the signature names, or in another order, from {odd[:80]!r} on"
        )
    if forest.objective == "survival:aft" and not declared.time_days:
        raise BadSignature(
            "an accelerated failure time says nothing of how far its curve is known; wanted radresponse.times, "
            "ascending, the last of them the horizon"
        )
    rounds = (0, 0)
    if model_class != CLASSES[0] and forest.best_round is not None:
        rounds = (0, forest.best_round + 1)
    try:
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        engine = BoostedTrees(booster, forest.paths(rounds[1]), forest, rounds, declared)
        if not math.isfinite(float(engine.margin(np.zeros((1, len(declared.order))))[0])):
            raise BrokenFile("the trees answer with a number that is not finite")
    except xgboost.core.XGBoostError as error:
        raise BrokenFile("XGBoost does not take the tree model") from error
    return engine
