"""What a doubly robust estimate stands on, cross-fitted: the propensity, and the result under either therapy.

Each patient's own come from regressions that had not seen the patient; columns are imputed, scaled and chosen inside
each training fold: the strongest for the result together with the strongest for the therapy (double selection).

Source: Belloni, Chernozhukov and Hansen, Rev Econ Stud 81 (2014) 608; Chernozhukov et al., Econom J 21 (2018) C1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.baselines import known_only
from models.effects import regression
from models.errors import BadCohort
from models.families.bootstrap import folds
from models.families.columns import ColumnSpec, encode
from models.families.design import Design, DesignMatrix
from models.families.preparation import keep, prepare
from models.families.screening import pick, strengths
from models.families.target import Bools, OutcomeTarget, Target

FOLDS = 5
_PATIENTS_PER_COLUMN = 15
_MOST_COLUMNS = 24
LEAST = 1e-3
"""A propensity is never taken as smaller: the gate has refused long before it matters."""


@dataclass(frozen=True, slots=True, eq=False)
class Nuisances:
    """Of every patient, from regressions that had not seen the patient."""

    propensity: Floats
    """Of the option, (n,)."""
    under: Mapping[str, tuple[Floats, Floats]]
    """By result: what is expected under the reference and under the option, (n,) each; the T-learner."""
    single: Mapping[str, tuple[Floats, Floats]]
    """The same by one regression for both therapies; the S-learner. Empty where no learners were asked for."""
    fold: np.ndarray
    designs: tuple[tuple[Floats, Floats], ...]
    """Of each fold, the columns of its training patients and of those held out."""


def cross_fit(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSpec],
    target: Target,
    treated: Bools,
    results: Mapping[str, tuple[Floats, regression.Scale]],
    seed: int,
    *,
    learners: bool = True,
) -> Nuisances:
    """Fits everything once a fold.

    Args:
        frame: Raw columns, one row a patient; the therapy not among them.
        columns: What may be adjusted for.
        target: For the choice of columns.
        treated: Whether each patient had the option rather than the reference.
        results: By name, one number a patient and its scale.
        seed: Of folds and regressions.
        learners: Whether the S-learner's regression is fitted beside, on which no doubly robust estimate stands.
    """
    size = treated.size
    fold = _folds(target, treated, seed)
    propensity = np.empty(size)
    under = {name: (np.empty(size), np.empty(size)) for name in results}
    single = {name: (np.empty(size), np.empty(size)) for name in results if learners}
    designs = []
    for index in range(FOLDS):
        seen, unseen = np.flatnonzero(fold != index), np.flatnonzero(fold == index)
        X, X_unseen = columns_of(frame, columns, target, treated, seen, unseen)
        designs.append((X, X_unseen))
        given = treated[seen]
        propensity[unseen] = regression.fit(X, given.astype(np.float64), "probability", seed)(X_unseen)
        for name, (values, scale) in results.items():
            known = values[seen]
            for arm in (0, 1):
                own = given == bool(arm)
                under[name][arm][unseen] = regression.fit(X[own], known[own], scale, seed)(X_unseen)
            if not learners:
                continue
            both = regression.fit(with_therapy(X, given), known, scale, seed)
            for arm in (0, 1):
                told = np.full(unseen.size, bool(arm))
                single[name][arm][unseen] = both(with_therapy(X_unseen, told))
    return Nuisances(np.clip(propensity, LEAST, 1 - LEAST), under, single, fold, tuple(designs))


def columns_of(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSpec],
    target: Target,
    treated: Bools,
    seen: np.ndarray,
    unseen: np.ndarray,
) -> tuple[Floats, Floats]:
    """Standardised columns to adjust for, chosen on those seen; none where none varies."""
    asked = frame[[spec.name for spec in columns]]  # without the therapy, which would be its own propensity
    train = asked.iloc[seen].reset_index(drop=True)
    try:
        prepared = prepare(train, target.take(seen), columns)
    except BadCohort:
        return np.empty((seen.size, 0)), np.empty((unseen.size, 0))
    most = int(np.clip(seen.size // _PATIENTS_PER_COLUMN // 2, 1, _MOST_COLUMNS))
    every = range(len(prepared.terms))
    for_result = pick(prepared.X, strengths(prepared.X, target.take(seen)), every, most)
    for_therapy = pick(prepared.X, strengths(prepared.X, OutcomeTarget(treated[seen].astype(np.float64))), every, most)
    kept = keep(prepared, sorted({*for_result, *for_therapy}))
    test = asked.iloc[unseen].reset_index(drop=True)
    rows = encode(kept.columns, (), known_only(test, kept.columns))
    return kept.X, DesignMatrix(Design(kept.terms)).apply(rows)


def with_therapy(X: Floats, treated: Bools) -> Floats:
    """Columns, the therapy as -1 or 1, and their products."""
    sign = np.where(treated, 1.0, -1.0)[:, None]
    return np.hstack([X, sign, X * sign])


def _folds(target: Target, treated: Bools, seed: int) -> np.ndarray:
    """Spread evenly over both therapies and over the result."""
    generator = np.random.default_rng(seed)
    fold = np.empty(treated.size, dtype=np.intp)
    for arm in (False, True):
        rows = np.flatnonzero(treated == arm)
        fold[rows] = folds(target.take(rows), FOLDS, generator)
    return fold
