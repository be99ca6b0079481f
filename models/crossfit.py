"""What a family says of patients whom it had not seen, under every therapy that it knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.types import Floats
from models.baselines import known_only
from models.families.columns import THERAPY, ColumnSpec
from models.families.family import Family, Fitted, OutcomeScores, ProgressionScores
from models.families.target import OutcomeTarget, Target
from models.folds import Fold, patient_folds, usable_folds

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Held-out predictions of one way to learn."""

    target: Target
    fold: Fold
    therapies: tuple[str, ...]
    """None where no therapy is known: then there is one column of answers."""
    given: NDArray[np.intp]
    """Index of each patient's own therapy, (n,)."""
    log_odds: Floats | None
    """Calibrated, (n, therapies); None for progression."""
    time_days: tuple[int, ...]
    """Days that every fold's curves reach; empty for an outcome."""
    hazard: Floats | None
    """Cumulative hazard at these days, (n, therapies, days); None for an outcome."""

    @property
    def own_log_odds(self) -> Floats:
        """Under the therapy that was given, (n,)."""
        assert self.log_odds is not None  # noqa: S101 - of an outcome
        own: Floats = self.log_odds[np.arange(self.given.size), self.given]
        return own

    @property
    def own_hazard(self) -> Floats:
        """Under the therapy that was given, (n, days)."""
        assert self.hazard is not None  # noqa: S101 - of progression
        own: Floats = self.hazard[np.arange(self.given.size), self.given]
        return own

    @property
    def latent(self) -> Floats:
        """Log-odds, or the log cumulative hazard at the last day, (n, therapies)."""
        if self.log_odds is not None:
            return self.log_odds
        assert self.hazard is not None  # noqa: S101 - one of both
        return np.log(np.maximum(self.hazard[:, :, -1], 1e-12))


@dataclass(frozen=True, slots=True, eq=False)
class FoldFits:
    """One way to learn, fitted once a fold on the others' patients: screening and penalties and all."""

    fold: Fold
    """When each patient is held out, (n,)."""
    fits: tuple[Fitted, ...]
    """One a fold, without replicates."""


def fit_folds(
    family: Family,
    table: pd.DataFrame,
    target: Target,
    columns: Sequence[ColumnSpec],
    *,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> FoldFits:
    """Fits once a fold.

    Args:
        family: How to learn.
        table: Raw columns, one row a patient.
        target: Of these rows.
        columns: Which may be used.
        seed: Of folds and fits.
        check: Called between steps.

    Raises:
        BadCohort: A training fold is too small to learn from.
    """
    therapies = list(table[THERAPY]) if THERAPY in table.columns else None
    count = usable_folds(target, FOLDS)
    fold = patient_folds(target, therapies, count, seed)
    fits = []
    for held_out in range(count):
        check()
        seen = np.flatnonzero(fold != held_out)
        known = table.iloc[seen].reset_index(drop=True)
        fits.append(family.fit(known, target.take(seen), columns, seed=seed, replicates=0, check=check))
    return FoldFits(fold, tuple(fits))


def cross_fit(held: FoldFits, table: pd.DataFrame, target: Target, whole: Fitted) -> OutOfFold:
    """Has the fit that had not seen a patient predict the patient.

    Args:
        held: The fits.
        table: Raw columns, one row a patient.
        target: Of these rows.
        whole: The fit on all of them, for its therapies and days.
    """
    therapies, fits = whole.recipe.therapies, held.fits
    words = list(table[THERAPY].astype(str)) if therapies else None
    given = np.array([therapies.index(word) for word in words] if words else [0] * len(table), dtype=np.intp)
    reached = min((fit.recipe.time_days[-1] for fit in fits), default=0) if whole.recipe.time_days else 0
    days = tuple(day for day in whole.recipe.time_days if day <= reached)
    width = max(1, len(therapies))
    shape = (len(table), width) if isinstance(target, OutcomeTarget) else (len(table), width, len(days))
    said = np.empty(shape)
    for held_out, fit in enumerate(fits):
        unseen = np.flatnonzero(held.fold == held_out)
        rows = known_only(table.iloc[unseen].reset_index(drop=True), fit.recipe.columns)
        for index in range(width):
            said[unseen, index] = _said(fit, rows, therapies, index, days)
    binary = isinstance(target, OutcomeTarget)
    return OutOfFold(target, held.fold, therapies, given, said if binary else None, days, None if binary else said)


def _said(fit: Fitted, rows: pd.DataFrame, therapies: Sequence[str], index: int, days: Sequence[int]) -> Floats:
    """Log-odds, (n,), or cumulative hazards, (n, days), under one therapy."""
    asked = rows.assign(therapy=therapies[index]) if therapies else rows
    scores = fit.predict(asked)
    if isinstance(scores, OutcomeScores):
        return scores.log_odds
    assert isinstance(scores, ProgressionScores)  # noqa: S101 - no other task
    hazard: Floats = np.array([np.interp(days, fit.recipe.time_days, row) for row in scores.cumulative_hazard])
    return hazard
