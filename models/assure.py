"""Learns, from patients whom a model had not seen, how far it may err and what it can promise."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.assurance import Assurance
from models.crossfit import FoldFits, OutOfFold, cross_fit, fit_folds
from models.families.columns import ColumnSpec
from models.families.family import Family, Fitted, OutcomeScores, ProgressionScores
from models.families.preparation import Prepared, prepare
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.latent import Observed, Signals, cumulative_hazard, error_of
from models.lower_bounds import fit_lower_bounds
from models.outcome_sets import fit_outcome_sets

LEVEL = 0.9
"""Of conformal sets and bounds."""


def assure(
    family: Family,
    fitted: Fitted,
    table: pd.DataFrame,
    target: Target,
    columns: Sequence[ColumnSpec],
    *,
    seed: int,
    fold_fits: FoldFits | None = None,
    check: Callable[[], None] = lambda: None,
) -> Fitted:
    """The same model, with intervals as wide as its held-out errors may be, and with conformal sets or bounds.

    Args:
        family: That learned it.
        fitted: The fit on all patients.
        table: What it was fitted on.
        target: Of these rows.
        columns: Which were offered.
        seed: Of folds and their fits.
        fold_fits: These fits, where they have been made already.
        check: Called between steps.

    Raises:
        BadCohort: A training fold is too small to learn from.
    """
    if fold_fits is None:
        fold_fits = fit_folds(family, table, target, columns, seed=seed, check=check)
    held = cross_fit(fold_fits, table, target, fitted)
    count = max(1, len(held.therapies))
    sets = bounds = None
    if isinstance(target, OutcomeTarget):
        chance = OutcomeScores(held.own_log_odds, np.empty((0, len(table)))).probability
        sets = fit_outcome_sets(chance, target.response, held.given, count, LEVEL)
    else:
        bounds = fit_lower_bounds(target, held.time_days, np.exp(-held.own_hazard), held.given, count, LEVEL)
    check()
    prepared = prepare(table, target, columns)
    unexplained = _unexplained(fitted, table, held, prepared) if fitted.recipe.replicates else ()
    recipe = replace(fitted.recipe, assurance=Assurance(unexplained, sets, bounds))
    return Fitted.of(recipe, fitted.engine, fitted.cohort)


def _unexplained(
    fitted: Fitted, table: pd.DataFrame, held: OutOfFold, prepared: Prepared
) -> tuple[tuple[float, ...], ...]:
    """The covariance of held-out errors, less what replicates account for already."""
    said = held.latent
    if isinstance(held.target, ProgressionTarget):
        said = said - np.log(_at(held.target, held.time_days[-1]))
    error = error_of(Signals.of(prepared), held.given, Observed.of(held.target), held.fold, said)
    left = error - _told(fitted, table)
    values, vectors = np.linalg.eigh((left + left.T) / 2)
    positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return tuple(tuple(row) for row in ((positive + positive.T) / 2).tolist())


def _told(fitted: Fitted, table: pd.DataFrame) -> Floats:
    """Covariance of the replicates between therapies, the mean over patients."""
    therapies = fitted.recipe.therapies
    rows = fitted.encode(table)
    spread = []
    for index in range(max(1, len(therapies))):
        asked = rows.copy()
        asked[:, -1] = index
        scores = fitted.score(asked)
        if isinstance(scores, ProgressionScores):
            spread.append(np.log(np.maximum(scores.replicates[:, :, -1], 1e-12)))
        else:
            spread.append(scores.replicates)
    each = np.array(spread)
    centred = each - each.mean(axis=1, keepdims=True)
    result: Floats = np.einsum("arn,brn->ab", centred, centred) / ((each.shape[1] - 1) * each.shape[2])
    return result


def _at(target: ProgressionTarget, day: float) -> float:
    """The cohort's cumulative hazard on a day."""
    order = np.argsort(target.time_days, kind="stable")
    hazard = cumulative_hazard(target.time_days, target.event)[order]
    reached = int(np.searchsorted(target.time_days[order], day, side="right"))
    return float(max(hazard[reached - 1], 1e-6)) if reached else 1e-6
