"""What a training cohort as a whole says of two therapies: made when a model is trained, told with every difference."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from models.effects.answers import Comparison, Effect, Estimated, Imbalance, Overlap
from models.effects.compare import Comparing, compare
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import Target

MOST_THERAPIES = 6
"""With more, pairs are too many to compare beforehand; `evaluate` compares each against one reference."""


def population_evidence(
    frame: pd.DataFrame, columns: Sequence[ColumnSpec], target: Target, evidence: str, *, seed: int
) -> tuple[Comparison, ...]:
    """Every pair of therapies of a training cohort, behind the overlap gate; none where there are too many.

    Args:
        frame: Raw columns with `therapy`, one row a patient.
        columns: What may be adjusted for.
        target: Of these patients.
        evidence: How therapies were given.
        seed: Of folds and regressions.
    """
    if THERAPY not in frame.columns:
        return ()
    given = frame[THERAPY].astype(str)
    therapies = sorted(set(given))
    if not 2 <= len(therapies) <= MOST_THERAPIES:
        return ()
    how = Comparing(evidence, seed=seed, learners=False)
    found = []
    for reference, therapy in combinations(therapies, 2):
        rows = np.flatnonzero(given.isin((therapy, reference)).to_numpy())
        part = frame.iloc[rows].reset_index(drop=True)
        found.append(compare(part, columns, target.take(rows), (therapy, reference), how))
    return tuple(found)


def evidence_for(comparisons: Sequence[Comparison], therapy: str, reference: str) -> Comparison | None:
    """The comparison of two therapies, turned the way it is asked; None where there is none."""
    for one in comparisons:
        if one.group:
            continue
        if (one.therapy, one.reference) == (therapy, reference):
            return one
        if (one.therapy, one.reference) == (reference, therapy):
            return _turned(one)
    return None


def _turned(comparison: Comparison) -> Comparison:
    return replace(
        comparison,
        therapy=comparison.reference,
        reference=comparison.therapy,
        overlap=_turned_overlap(comparison.overlap),
        effects=tuple(_turned_effect(effect) for effect in comparison.effects),
    )


def _turned_overlap(overlap: Overlap) -> Overlap:
    return replace(
        overlap,
        option_patients=overlap.reference_patients,
        reference_patients=overlap.option_patients,
        option_effective=overlap.reference_effective,
        reference_effective=overlap.option_effective,
        least_propensity=1 - overlap.largest_propensity,
        largest_propensity=1 - overlap.least_propensity,
        imbalance=tuple(Imbalance(one.column, -one.before, -one.after) for one in overlap.imbalance),
    )


def _turned_effect(effect: Effect) -> Effect:
    return replace(
        effect,
        option=effect.reference,
        reference=effect.option,
        difference=Estimated(-effect.difference.value, -effect.difference.upper, -effect.difference.lower),
        learners=(),
    )
