"""How trees of an outcome are grown: the settings and the rounds that held-out patients bear out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xgboost

from features.types import Floats
from models.calibration import probability
from models.families.boosting import FIXED, ROUNDS, SETTINGS, SPANS, looser, settings_of
from models.families.bootstrap import folds
from models.families.family import Check
from models.families.search import Searched, Searching, search
from models.families.target import OutcomeTarget

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeBoosting:
    """What each booster of a fit shares."""

    X: Floats
    response: Floats
    column_weights: Floats
    seed: int
    settings: Mapping[str, Any] = field(default_factory=lambda: SETTINGS)
    """Of the estimate; a replicate is held back less."""

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
        chosen = looser(self.settings) if draw else self.settings
        asked = {"objective": "binary:logistic", **chosen, "base_score": base, "seed": self.seed + draw}
        return xgboost.train(asked, matrix, rounds)


def searched(
    training: OutcomeBoosting,
    target: OutcomeTarget,
    generator: np.random.Generator,
    searching: Searching | None,
    check: Check,
) -> tuple[OutcomeBoosting, Searched | None]:
    """The same with settings that were searched; as it is for None."""
    if searching is None:
        return training, None
    state = generator.bit_generator.state

    def loss(settings: Mapping[str, float]) -> Floats:
        generator.bit_generator.state = state  # the same folds for each
        tried = replace(training, settings={**SETTINGS, **settings})
        return _log_loss(rounds_and_log_odds(tried, target, generator, check)[1], target)

    found = search(SPANS, FIXED, loss, searching, seed=training.seed, check=check)
    generator.bit_generator.state = state
    return replace(training, settings=settings_of(found)), found


def rounds_and_log_odds(
    training: OutcomeBoosting, target: OutcomeTarget, generator: np.random.Generator, check: Check
) -> tuple[int, Floats]:
    """The number of rounds of least held-out log-loss, and the held-out log-odds there, (n,)."""
    fold = folds(target, FOLDS, generator)
    held_out = np.empty((len(ROUNDS), target.response.size))
    for index in range(FOLDS):
        check()
        seen, unseen = fold != index, fold == index
        booster = training.fit(seen.astype(np.float64), ROUNDS[-1], float(target.response[seen].mean()))
        for row, rounds in enumerate(ROUNDS):
            held_out[row, unseen] = booster.inplace_predict(
                training.X[unseen].astype(np.float32), predict_type="margin", iteration_range=(0, rounds)
            )
    best = int(np.argmin(_log_loss(held_out, target).mean(axis=-1)))
    return ROUNDS[best], held_out[best]


def _log_loss(log_odds: Floats, target: OutcomeTarget) -> Floats:
    """Of each patient, (..., n)."""
    chance = probability(log_odds)
    loss: Floats = -(target.response * np.log(chance) + (1 - target.response) * np.log(1 - chance))
    return loss
