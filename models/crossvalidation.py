"""Predictions for patients that the model had not seen: every step of learning happens inside each training fold."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.types import Floats
from models.asking import ask
from models.baselines import Baseline, baselines, held_out_log_odds, held_out_survival, known_only
from models.calibration import probability
from models.crossfit import FoldFits
from models.evaluation import outcome_measures, progression_measures
from models.families.columns import THERAPY, ColumnSpec
from models.families.family import Family, Fitted, OutcomeScores, ProgressionScores
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.folds import Fold, patient_folds, usable_folds
from models.progress import progress_bar
from models.splits import Predictor, Said, Split
from models.survival_error import evaluation_days, integrated_errors

MODEL = "model"


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """What a model, or a baseline, said of each patient while the patient was held out."""

    score: Floats
    """(n,): log-odds of response; for progression a risk, higher is worse."""
    survival: Floats | None
    """(n, days): probability of no progression until each day."""
    far: Floats | None = None
    """(n,): how far each lies from those whom its own fold's fit learned from, as in `Said`; None where nobody told."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What the model and its baselines said, on the same folds."""

    target: Target
    fold: Fold
    folds: int
    days: Floats | None
    """Where survival is judged; None for an outcome."""
    unseen: dict[str, Unseen]
    """By who said it: `model`, then the baselines."""
    fits: FoldFits | None = None
    """The model's own, where they were kept."""

    def measures(self, who: str, weights: Floats) -> dict[str, Floats]:
        """The figures of one of them over draws of patients, each (draws,)."""
        unseen = self.unseen[who]
        if isinstance(self.target, OutcomeTarget):
            return outcome_measures(self.target, unseen.score, weights)
        assert unseen.survival is not None and self.days is not None  # noqa: S101 - progression has both
        return progression_measures(self.target, unseen.score, unseen.survival, self.days, weights)

    def error(self, who: str) -> float:
        """Brier score, or integrated Brier score, of one of them."""
        return float(self.errors(who).mean())

    def errors(self, who: str) -> Floats:
        """Each patient's part in that score of one of them, (n,)."""
        unseen = self.unseen[who]
        if isinstance(self.target, OutcomeTarget):
            return np.asarray((probability(unseen.score) - self.target.response) ** 2)
        assert unseen.survival is not None and self.days is not None  # noqa: S101 - progression has both
        return integrated_errors(self.target, unseen.survival, self.days)


@dataclass(frozen=True, slots=True)
class OfFamily:
    """A family, fitted as it would serve, without replicates."""

    family: Family
    columns: tuple[ColumnSpec, ...]
    seed: int
    kept: list[Fitted] | None = None
    """Where each fit is added, if anywhere; not across processes."""

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        return self.said(split).answer

    def said(self, split: Split) -> Said:
        """See `Placing`."""
        fitted = self.family.fit(split.train, split.target, self.columns, seed=self.seed, replicates=0)
        if self.kept is not None:
            self.kept.append(fitted)
        rows = fitted.encode(known_only(split.test, fitted.recipe.columns))
        scores, far = fitted.score(rows), fitted.distance.ranked(rows)
        if isinstance(scores, OutcomeScores):
            return Said(scores.log_odds, far)
        assert isinstance(scores, ProgressionScores) and split.days is not None  # noqa: S101 - no other task
        return Said(survival_on(scores, fitted.recipe.time_days, split.days), far)


@dataclass(frozen=True, slots=True)
class OfBaseline:
    """A plain model on few columns."""

    baseline: Baseline

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        if isinstance(split.target, OutcomeTarget):
            return held_out_log_odds(self.baseline, split.train, split.target, split.test)
        assert split.days is not None  # noqa: S101 - progression has days
        return held_out_survival(self.baseline, split.train, split.target, split.test, split.days)


def cross_validate(
    family: Family,
    frame: pd.DataFrame,
    target: Target,
    columns: Sequence[ColumnSpec],
    *,
    folds: int,
    seed: int,
    progress: bool = True,
) -> CrossValidation:
    """Fits the family and its baselines once a fold, on the others' patients, and predicts the held-out ones.

    Raises:
        BadCohort: A training fold is too small to learn from.
    """
    kept: list[Fitted] = []
    predictors: dict[str, Predictor] = {MODEL: OfFamily(family, tuple(columns), seed, kept)}
    predictors |= {baseline.name: OfBaseline(baseline) for baseline in baselines(columns)}
    validation = validate(predictors, frame, target, folds=folds, seed=seed, progress=progress)
    return replace(validation, fits=FoldFits(validation.fold, tuple(kept)))


def validate(
    predictors: Mapping[str, Predictor],
    frame: pd.DataFrame,
    target: Target,
    *,
    folds: int,
    seed: int,
    progress: bool = True,
    pool: Executor | None = None,
) -> CrossValidation:
    """Has every predictor learn once a fold, on the others' patients, and speak of those held out.

    Raises:
        BadCohort: A training fold is too small to learn from.
    """
    therapies = list(frame[THERAPY]) if THERAPY in frame.columns else None
    count = usable_folds(target, folds)
    fold = patient_folds(target, therapies, count, seed)
    days = evaluation_days(target) if isinstance(target, ProgressionTarget) else None
    splits = [split_of(frame, target, fold, held_out, days) for held_out in range(count)]
    jobs = [(predictor, split) for predictor in predictors.values() for split, _ in splits]
    with progress_bar(len(jobs), "cross-validation", "fit", shown=progress) as bar:
        answers = ask(jobs, pool, bar)
    back = np.argsort(np.concatenate([test for _, test in splits]))
    said = {
        who: _unseen(answers[index * count : (index + 1) * count], back, days) for index, who in enumerate(predictors)
    }
    return CrossValidation(target, fold, count, days, said)


def split_of(
    frame: pd.DataFrame, target: Target, fold: Fold, held_out: int, days: Floats | None
) -> tuple[Split, NDArray[np.intp]]:
    """The split that holds one fold out, and the rows of those held out."""
    train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
    known, unknown = (frame.iloc[rows].reset_index(drop=True) for rows in (train, test))
    return Split(known, target.take(train), unknown, days), test


def survival_on(scores: ProgressionScores, time_days: Sequence[int], days: Floats) -> Floats:
    """Curves at other days, (n, days): hazard is even between two days, and none is added after the last."""
    hazard = np.array([np.interp(days, time_days, row) for row in scores.cumulative_hazard])
    survival: Floats = np.exp(-hazard)
    return survival


def _unseen(parts: Sequence[Said], back: NDArray[np.intp], days: Floats | None) -> Unseen:
    """Each fold's part, in the order of the patients.

    The risk of a curve is the time without progression that it takes away, so that folds can be compared.
    """
    said = np.concatenate([part.answer for part in parts])[back]
    told = [part.far for part in parts if part.far is not None]
    far = np.concatenate(told)[back] if len(told) == len(parts) else None
    if days is None:
        return Unseen(said, None, far)
    free_of_progression: Floats = np.asarray(np.trapezoid(said, days, axis=1))
    return Unseen(-free_of_progression, said, far)
