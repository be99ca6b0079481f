"""Which family to believe, chosen inside each training fold by folds of its own; figures are of what was chosen."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd

from models.chance import beats
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
    standing: str | None = None,
    pool: Executor | None = None,
) -> tuple[str, ...]:
    """The name of the predictor to believe in each outer fold, judged inside its training patients alone.

    That is the one that stands, unless another has a smaller Brier score, or integrated Brier score, beyond chance; of
    several that have, and where none stands, it is the smallest: order and calibration count.
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
        chosen.append(_best(tuple(predictors), inner, standing))
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


def _best(names: Sequence[str], validation: CrossValidation, standing: str | None) -> str:
    if standing is None:
        return min(names, key=validation.error)
    losses = {name: validation.errors(name) for name in names}
    better = [name for name in names if beats(losses[name], losses[standing])]
    return min(better, key=validation.error, default=standing)
