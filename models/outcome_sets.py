"""Conformal sets for response: of response and no response, those that a patient's truth is among as often as promised.

A set's promise rests on no model of the truth: only on patients to come being like those given the same therapy here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.answers import OutcomeSet
from models.errors import BrokenFile


@dataclass(frozen=True, slots=True)
class OutcomeSets:
    """How unlikely a class may be said to be and still belong to the set, for each therapy on its own (Mondrian)."""

    level: float
    cutoffs: tuple[float, ...]
    """One a therapy: a class belongs to the set when 1 minus its probability is at most this."""
    patients: tuple[int, ...]
    """How many gave each cutoff; all of them were held out when they were predicted."""

    def __post_init__(self) -> None:
        right = 0.5 <= self.level < 1 and len(self.cutoffs) == len(self.patients) > 0
        if not right or not all(0 <= cutoff <= 1 for cutoff in self.cutoffs) or min(self.patients) < 0:
            raise BrokenFile("the conformal sets' level, cutoffs or patients are impossible")

    def of(self, probability: float, therapy: int) -> OutcomeSet:
        """The set of one patient, whose probability of response under that therapy is told."""
        cutoff = self.cutoffs[therapy]
        return OutcomeSet(
            response=1 - probability <= cutoff,
            no_response=probability <= cutoff,
            level=self.level,
            patients=self.patients[therapy],
        )


def fit_outcome_sets(
    probability: Floats, response: Floats, given: NDArray[np.intp], therapies: int, level: float
) -> OutcomeSets:
    """Cutoffs from held-out predictions; where too few patients had a therapy, its sets hold both classes.

    Args:
        probability: Of response under the therapy that was given, by a model that had not seen the patient, (n,).
        response: 1 or 0, (n,).
        given: Index of the therapy, (n,).
        therapies: How many there are, at least 1.
        level: How often a set is to hold the truth.

    Source: Vovk, Cross-conformal predictors, Ann Math Artif Intell 74 (2015) 9; Mondrian: Vovk et al. 2005, ch. 4.5.
    """
    strangeness = np.where(response > 0, 1 - probability, probability)
    each = [np.sort(strangeness[given == therapy]) for therapy in range(therapies)]
    return OutcomeSets(level, tuple(_quantile(one, level) for one in each), tuple(int(one.size) for one in each))


def _quantile(ascending: Sequence[float] | Floats, level: float) -> float:
    """The smallest value that a new one does not exceed as often as `level` says; 1 where so few cannot tell."""
    rank = int(np.ceil(level * (len(ascending) + 1) - 1e-9))
    return float(ascending[rank - 1]) if rank <= len(ascending) else 1.0
