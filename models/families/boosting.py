"""What families of boosted trees share: settings for small cohorts, replicates side by side, margins and shares."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from features.types import Floats
from models.families.design import Design
from models.families.search import Searched, Span

MODEL, REPLICATE = "model.ubj", "replicates.ubj"
SETTINGS: dict[str, Any] = {
    "max_depth": 2,
    "eta": 0.08,
    "subsample": 0.7,
    "colsample_bylevel": 0.2,
    "min_child_weight": 3.0,
    "lambda": 5.0,
    "nthread": 1,
}
SPANS = (
    Span("max_depth", 1, 4, whole=True),
    Span("eta", 0.02, 0.3, log=True),
    Span("min_child_weight", 1.0, 30.0, log=True),
    Span("lambda", 0.3, 100.0, log=True),
    Span("colsample_bylevel", 0.05, 1.0, log=True),
)
"""Where a search looks; the rounds of each trial are chosen among `ROUNDS` as those of a fit are."""
FIXED = {span.name: SETTINGS[span.name] for span in SPANS}
_LOOSER_ETA, _LOOSER_LAMBDA = 3.0, 5.0
"""Of replicates: a fit held back as the estimate is would hide in its bias what it does not know.

Replicates held back less make intervals that hold the truth more often (undersmoothing: Hall, Ann Stat 20 (1992) 675).
They were set on the tables of `tests/builders/interval_coverage.py`; on simulated images, which nothing was set on,
they hold it less often than they should (`models.seen_coverage`).
"""
ROUNDS = (15, 30, 60, 120)
"""Numbers of rounds that are tried."""
_OFFERED = {"therapy": 10.0, "interaction": 3.0, "missing": 10.0}


def looser(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a replicate."""
    eta, held_back = settings["eta"] * _LOOSER_ETA, settings["lambda"] / _LOOSER_LAMBDA
    return {**settings, "eta": min(eta, 1.0), "lambda": held_back}


def settings_of(searched: Searched | None) -> dict[str, Any]:
    """The settings of the estimate: the fixed ones, with what a search chose in their place."""
    if searched is None:
        return SETTINGS
    whole = {span.name for span in SPANS if span.whole}
    return {**SETTINGS, **{name: int(value) if name in whole else value for name, value in searched.chosen.items()}}


def column_weights(design: Design) -> Floats:
    """How often a column is offered to a tree: the few therapy columns would else drown among the many others."""
    return np.array([_OFFERED.get(term.kind, 1.0) for term in design.terms])


def side_by_side(boosters: Sequence[xgboost.Booster], margin: float) -> bytes:
    """One booster with an output for each replicate: a single call then answers them all.

    Args:
        boosters: Of equal rounds.
        margin: That each of them starts from.
    """
    models = [json.loads(booster.save_raw("json")) for booster in boosters]
    whole = models[0]
    groups, inner = len(models), [model["learner"]["gradient_booster"]["model"] for model in models]
    rounds = len(inner[0]["trees"])
    trees = [
        {**part["trees"][index], "id": index * groups + group}
        for index in range(rounds)
        for group, part in enumerate(inner)
    ]
    inner[0].update(
        trees=trees,
        tree_info=[index % groups for index in range(len(trees))],
        iteration_indptr=list(range(0, len(trees) + 1, groups)),
    )
    inner[0]["gbtree_model_param"]["num_trees"] = str(len(trees))
    stated = whole["learner"]["learner_model_param"]
    stated.update(num_class=str(groups), base_score="[" + ",".join([f"{margin:.9E}"] * groups) + "]")
    whole["learner"]["objective"] = {
        "name": "multi:softprob",
        "softmax_multiclass_param": {"num_class": str(groups)},
    }
    return bytes(booster_of(json.dumps(whole).encode()).save_raw("ubj"))


def booster_of(content: bytes) -> xgboost.Booster:
    """From bytes that were checked."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(content))
    return booster


def margins(booster: xgboost.Booster, X: Floats) -> Floats:
    """What the trees add up to, (n,) or (n, outputs)."""
    told: Floats = booster.inplace_predict(X.astype(np.float32), predict_type="margin").astype(np.float64)
    return told


def tree_shares(booster: xgboost.Booster, X: Floats) -> tuple[Floats, float]:
    """Tree SHAP (Lundberg 2020), exact on the margin, (n, columns), and what they start from."""
    told = booster.predict(xgboost.DMatrix(X.astype(np.float32), nthread=1), pred_contribs=True).astype(np.float64)
    shares: Floats = told[:, :-1]
    return shares, float(told[0, -1]) if told.shape[0] else 0.0
