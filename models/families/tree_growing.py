"""How trees of a progression are grown: the rounds, and the form of log t, that held-out patients bear out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xgboost

from features.types import Floats
from models.families.accelerated import Accelerated, fit_accelerated, held_out_terms
from models.families.boosting import FIXED, ROUNDS, SETTINGS, SPANS, looser, margins, settings_of
from models.families.bootstrap import folds
from models.families.breslow import partial_terms
from models.families.family import Check
from models.families.search import Searched, Searching, search
from models.families.target import ProgressionTarget
from models.families.time_curves import CURVES, Curve

FOLDS = 5
_FLATTEST, _STEEPEST = 0.1, 2.0
_NARROWEST = 0.05
"""Scale of log t below which XGBoost's slopes are of no use."""


@dataclass(frozen=True, slots=True, eq=False)
class Boosting:
    """What each booster of a fit shares."""

    X: Floats
    target: ProgressionTarget
    column_weights: Floats
    seed: int
    curve: Curve | None = None
    """Of an accelerated failure time; None for a log-hazard ratio."""
    scale: float = 1.0
    base: float = 1.0
    """Of margin log(base): a middling time, days."""
    settings: Mapping[str, Any] = field(default_factory=lambda: SETTINGS)
    """Of the estimate; a replicate is held back less."""

    def fit(self, counts: Floats, rounds: int, draw: int = 0) -> xgboost.Booster:
        """A booster on the patients that count; a replicate where `draw` is."""
        drawn = counts > 0
        time, event = self.target.time_days[drawn], self.target.event[drawn]
        matrix = xgboost.DMatrix(
            self.X[drawn].astype(np.float32), weight=counts[drawn], feature_weights=self.column_weights, nthread=1
        )
        if self.curve is None:
            settings = {"objective": "survival:cox"}
            matrix.set_label(np.where(event, time, -time))
        else:
            settings = {
                "objective": "survival:aft",
                "aft_loss_distribution": self.curve,
                "aft_loss_distribution_scale": f"{max(self.scale, _NARROWEST):.3f}",
            }
            matrix.set_float_info("label_lower_bound", time)
            matrix.set_float_info("label_upper_bound", np.where(event, time, np.inf))
        chosen = {**(looser(self.settings) if draw else self.settings), **settings}
        return xgboost.train({**chosen, "base_score": self.base, "seed": self.seed + draw}, matrix, rounds)


def rounds_and_margins(training: Boosting, generator: np.random.Generator, check: Check) -> tuple[int, Floats]:
    """The number of rounds of largest held-out likelihood, and the held-out margins there, (n,).

    Margins of `survival:cox` are told from the mean of the patients that a booster learned from.
    """
    target = training.target
    fold = folds(target, FOLDS, generator)
    held_out = np.empty((len(ROUNDS), target.event.size))
    for index in range(FOLDS):
        check()
        seen, unseen = fold != index, fold == index
        booster = training.fit(seen.astype(np.float64), ROUNDS[-1])
        for row, rounds in enumerate(ROUNDS):
            told = margins(booster[:rounds], training.X)
            held_out[row, unseen] = told[unseen] - (told[seen].mean() if training.curve is None else 0.0)
    gain = [_likelihood(training.curve, row, target) for row in held_out]
    best = int(np.argmax(gain))
    return ROUNDS[best], held_out[best]


def searched(
    training: Boosting, generator: np.random.Generator, searching: Searching, check: Check
) -> tuple[Boosting, Searched]:
    """The same with settings that were searched; the generator then stands where it stood."""
    state = generator.bit_generator.state

    def loss(settings: Mapping[str, float]) -> Floats:
        generator.bit_generator.state = state  # the same folds for each
        tried = replace(training, settings={**SETTINGS, **settings})
        return -_terms(tried.curve, rounds_and_margins(tried, generator, check)[1], tried.target)

    found = search(SPANS, FIXED, loss, searching, seed=training.seed, check=check)
    generator.bit_generator.state = state
    return replace(training, settings=settings_of(found)), found


def _likelihood(curve: Curve | None, margin: Floats, target: ProgressionTarget) -> float:
    return float(_terms(curve, margin, target).sum())


def _terms(curve: Curve | None, margin: Floats, target: ProgressionTarget) -> Floats:
    """Log-likelihood of each event (Cox), or of each patient."""
    if curve is None:
        return partial_terms(margin, target)
    return held_out_terms(curve, line_of(curve, margin, target), margin[:, None], target)


def best_curve(
    X: Floats, target: ProgressionTarget, weights: Floats, seed: int, generator: np.random.Generator, check: Check
) -> tuple[Boosting, int, Floats]:
    """The form of log t whose held-out likelihood is largest under the fixed settings, with its rounds and margins."""
    found = []
    state = generator.bit_generator.state
    for curve in CURVES:
        generator.bit_generator.state = state  # the same folds for each
        alone = fit_accelerated(curve, np.zeros((target.event.size, 1)), target, np.ones(1))
        training = Boosting(X, target, weights, seed, curve, alone.scale, float(np.exp(alone.intercept)))
        rounds, held_out = rounds_and_margins(training, generator, check)
        found.append((_likelihood(curve, held_out, target), training, rounds, held_out))
    _, training, rounds, held_out = max(found, key=lambda one: one[0])
    return training, rounds, held_out


def line_of(curve: Curve, margin: Floats, target: ProgressionTarget) -> Accelerated:
    """Log t = intercept + slope margin + scale e, the slope held in [0.1, 2]."""
    free = fit_accelerated(curve, margin[:, None], target, np.zeros(1))
    slope = float(np.clip(free.coefficients[0], _FLATTEST, _STEEPEST))
    rest = ProgressionTarget(target.time_days * np.exp(-slope * (margin - margin.mean())), target.event)
    placed = fit_accelerated(curve, np.zeros((margin.size, 1)), rest, np.zeros(1))
    return Accelerated(np.array([slope]), placed.intercept - slope * float(margin.mean()), placed.scale)
