"""Ordered classes of response at work: plain coefficients and cuts; the answer is the probability of response."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.types import Floats
from models.errors import BrokenFile
from models.families.family import OutcomeScores
from models.families.proportional_odds import Odds, class_probabilities
from models.families.target import FIRST_RESPONSE, GRADES
from models.plain import dumps

FILE = "ordinal.json"
RESPONSES = ("none", "response")
"""Classes where only response was recorded."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """One fit: logit P(class above k) = coefficients . x - cut k."""

    coefficients: tuple[float, ...]
    cuts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.cuts or not all(a < b for a, b in pairwise(self.cuts)):
            raise BrokenFile(f"{FILE}: cuts do not rise")

    @classmethod
    def of(cls, fit: Odds) -> "Cuts":
        """As it is kept."""
        return cls(tuple(fit.coefficients.tolist()), tuple(fit.cuts.tolist()))


@dataclass(frozen=True, slots=True)
class OrdinalFile:
    """What `ordinal.json` holds."""

    classes: tuple[str, ...]
    """Worst first: those of `GRADES` that training patients had, or `RESPONSES`."""
    estimate: Cuts
    replicates: tuple[Cuts, ...]

    def __post_init__(self) -> None:
        known = self.classes == RESPONSES or tuple(one for one in GRADES if one in self.classes) == self.classes
        if not known or any(len(one.cuts) != len(self.classes) - 1 for one in (self.estimate, *self.replicates)):
            raise BrokenFile(f"{FILE}: the classes are not known ones in their order, or do not fit the cuts")
        if not 0 < self.first_response < len(self.classes):
            raise BrokenFile(f"{FILE}: no class is a response, or each is")

    @property
    def first_response(self) -> int:
        """Index of the worst class that is a response."""
        if self.classes == RESPONSES:
            return 1
        return sum(GRADES.index(one) < FIRST_RESPONSE for one in self.classes)


class OrdinalEngine:
    """Coefficients and cuts ready to multiply."""

    def __init__(self, content: OrdinalFile) -> None:
        self._content = content
        every = (content.estimate, *content.replicates)
        self._coefficients = np.array([one.coefficients for one in every])
        self._cuts = np.array([one.cuts for one in every])

    @property
    def classes(self) -> tuple[str, ...]:
        """Worst first."""
        return self._content.classes

    def score(self, X: Floats) -> OutcomeScores:
        """Log-odds of a class that is a response."""
        odds = self._coefficients @ X.T - self._cuts[:, [self._content.first_response - 1]]
        return OutcomeScores(odds[0], odds[1:])

    def class_probabilities(self, X: Floats) -> Floats:
        """Probability of each class, (n, classes); those of responses sum up to what `score` says."""
        return class_probabilities((X @ self._coefficients[0])[:, None] - self._cuts[0])

    def contributions(self, X: Floats) -> Floats:
        """Coefficient times column: exact on the log-odds of every cut."""
        shares: Floats = X * self._coefficients[0]
        return shares

    def files(self) -> dict[str, bytes]:
        """Plain JSON."""
        return {FILE: dumps(self._content)}
