"""Progression where death may come first, at work: two hazards, one answer; plain coefficients, plain baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.types import Floats
from models.errors import BrokenFile
from models.families.cox_progression import STEEPEST
from models.families.cumulative_incidence import incidence, subdistribution_hazard
from models.families.family import ProgressionScores
from models.plain import dumps

FILE = "competing.json"
_NODES, _PARTS = (np.polynomial.legendre.leggauss(32) + np.array([[1.0], [0.0]])) / 2
"""Where on the way, and with what weight, slopes are taken."""


@dataclass(frozen=True, slots=True)
class CauseHazard:
    """One end's hazard: H(t, x) = H0(t) exp(coefficients . (x - centre))."""

    coefficients: tuple[float, ...]
    centre: tuple[float, ...]
    baseline: tuple[float, ...]
    """H0 at the days of the curve, 0 at the first, even between two."""

    def __post_init__(self) -> None:
        rising = all(a <= b for a, b in pairwise(self.baseline))
        if len(self.coefficients) != len(self.centre) or not self.baseline or self.baseline[0] != 0 or not rising:
            raise BrokenFile(f"{FILE}: coefficients or a baseline are impossible")


@dataclass(frozen=True, slots=True)
class Causes:
    """One fit."""

    progression: CauseHazard
    death: CauseHazard
    """Death without progression."""


@dataclass(frozen=True, slots=True)
class CompetingFile:
    """What `competing.json` holds."""

    estimate: Causes
    replicates: tuple[Causes, ...]


class CompetingEngine:
    """Coefficients and baselines ready to multiply.

    The answer is 1 - the cumulative incidence of progression: the probability of no progression until a day, be it for
    life without it or for death before it. As a cumulative hazard it is that of the subdistribution (Gray).
    """

    def __init__(self, content: CompetingFile, time_days: Sequence[int]) -> None:
        self._content = content
        every = (content.estimate, *content.replicates)
        self._causes = [_Stacked.of([one.progression for one in every]), _Stacked.of([one.death for one in every])]
        for cause in self._causes:
            if cause.baselines.shape[1] != len(time_days):
                raise BrokenFile(f"{FILE}: a baseline on other days than the curve's")
        if self._causes[0].baselines[0, -1] <= 0:
            raise BrokenFile(f"{FILE}: no hazard of progression until the horizon")

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards of the subdistribution at the recipe's days."""
        progression, death = (cause.hazards(X) for cause in self._causes)
        hazard, _ = subdistribution_hazard(progression, death)
        return ProgressionScores(hazard[0], hazard[1:])

    def incidence_of(self, X: Floats) -> tuple[Floats, Floats]:
        """Cumulative incidence of progression and of death without it, each (n, days)."""
        progression, death = (cause.hazards(X)[0] for cause in self._causes)
        return incidence(progression, death).value, incidence(death, progression).value

    def contributions(self, X: Floats) -> Floats:
        """Integrated gradients (Sundararajan 2017) from the patient at the centre, on the log hazard at the horizon.

        Both hazards are exponentials of a line, so that on the straight way to a patient only two numbers move.
        """
        offset = X - self._causes[0].centre[0]
        lines = [offset @ cause.coefficients[0] for cause in self._causes]
        starts = [cause.coefficients[0] @ (self._causes[0].centre[0] - cause.centre[0]) for cause in self._causes]
        ratios = [start + _NODES[:, None] * line for start, line in zip(starts, lines, strict=True)]
        moved = self._slopes(ratios)
        shares: Floats = np.zeros(X.shape)
        for cause, slope in zip(self._causes, moved, strict=True):
            shares += (_PARTS @ slope)[:, None] * offset * cause.coefficients[0]
        return shares

    def _slopes(self, ratios: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Slopes of log(-log(1 - incidence)) at the horizon in either log-hazard ratio, (nodes, n) each."""
        hazards = [
            np.exp(np.clip(ratio, -STEEPEST, STEEPEST))[..., None] * cause.baselines[0]
            for ratio, cause in zip(ratios, self._causes, strict=True)
        ]
        told = incidence(hazards[0], hazards[1])
        hazard, stayed = subdistribution_hazard(hazards[0], hazards[1])
        steepness = 1 / (hazard[..., -1] * stayed[..., -1])
        return steepness * told.by_progression[..., -1], steepness * told.by_death[..., -1]

    def files(self) -> dict[str, bytes]:
        """Plain JSON."""
        return {FILE: dumps(self._content)}


@dataclass(frozen=True, slots=True, eq=False)
class _Stacked:
    """One end, of every fit."""

    coefficients: Floats
    centre: Floats
    baselines: Floats

    @classmethod
    def of(cls, every: Sequence[CauseHazard]) -> "_Stacked":
        if len({(len(one.coefficients), len(one.baseline)) for one in every}) != 1:
            raise BrokenFile(f"{FILE}: fits of different widths")
        return cls(
            np.array([one.coefficients for one in every]),
            np.array([one.centre for one in every]),
            np.array([one.baseline for one in every]),
        )

    def hazards(self, X: Floats) -> Floats:
        """Cumulative hazard of each fit, (1 + replicates, n, days)."""
        ratio = self.coefficients @ X.T - (self.coefficients * self.centre).sum(axis=1)[:, None]
        hazard: Floats = np.exp(np.clip(ratio, -STEEPEST, STEEPEST))[:, :, None] * self.baselines[:, None, :]
        return hazard
