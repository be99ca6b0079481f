"""Which family to believe, chosen inside each training fold by folds of its own; figures are of what was chosen."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd

from models.crossvalidation import CrossValidation, Unseen, split_of, validate
from models.families.target import OutcomeTarget, Target
from models.progress import Progress
from models.splits import Predictor

INNER_FOLDS = 3


def choose(
    predictors: Mapping[str, Predictor],
    frame: pd.DataFrame,
    target: Target,
    validation: CrossValidation,
    *,
    seed: int,
    bar: Progress,
    pool: Executor | None = None,
) -> tuple[str, ...]:
    """The name of the best predictor of each outer fold, judged inside its training patients alone.

    Best is the smallest Brier score, or integrated Brier score: order and calibration count.
    """
    chosen = []
    for held_out in range(validation.folds):
        split, _ = split_of(frame, target, validation.fold, held_out, validation.days)
        inner = validate(
            predictors,
            split.train,
            split.target,
            folds=INNER_FOLDS,
            seed=seed + 1 + held_out,
            progress=False,
            pool=pool,
        )
        chosen.append(min(predictors, key=inner.error))
        bar.update()
    return tuple(chosen)


def assembled(validation: CrossValidation, chosen: Sequence[str]) -> Unseen:
    """What the chosen of each fold said of those that the fold held out."""
    first = validation.unseen[chosen[0]]
    score = np.empty_like(first.score)
    survival = None if first.survival is None else np.empty_like(first.survival)
    far = None if any(validation.unseen[name].far is None for name in chosen) else np.empty(first.score.shape)
    for held_out, name in enumerate(chosen):
        rows, said = validation.fold == held_out, validation.unseen[name]
        score[rows] = said.score[rows]
        if survival is not None and said.survival is not None:
            survival[rows] = said.survival[rows]
        if far is not None and said.far is not None:
            far[rows] = said.far[rows]
    return Unseen(score, survival, far)


def positives(target: Target) -> int:
    """Patients with response, or with the event seen."""
    return int((target.response if isinstance(target, OutcomeTarget) else target.event).sum())
