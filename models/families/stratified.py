"""Cox's model with a baseline for each stratum, at work: plain coefficients, plain baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.types import Floats
from models.errors import BrokenFile
from models.families.cox_progression import STEEPEST
from models.families.family import ProgressionScores
from models.families.horizon import interpolate
from models.plain import dumps

FILE = "cox_net.json"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Cumulative hazard of the patient at the centre, over ascending days; linear between, level after the last."""

    days: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]

    def __post_init__(self) -> None:
        ascending = all(a < b for a, b in pairwise(self.days))
        known = self.cumulative_hazard
        rising = all(a <= b for a, b in pairwise(known))
        if not (ascending and rising and len(self.days) == len(known) > 0 and self.days[0] >= 0 and known[0] >= 0):
            raise BrokenFile(f"{FILE}: a baseline is not a cumulative hazard over ascending days")


@dataclass(frozen=True, slots=True)
class StratifiedHazards:
    """One fit: H(t, x) = H0(t) exp(coefficients . (x - centre)), with an H0 for each stratum."""

    coefficients: tuple[float, ...]
    """One for each design column but those of the strata, on its scale; 0 where the penalty leaves a column out."""
    centre: tuple[float, ...]
    baselines: tuple[Baseline, ...]
    """In the order of the strata's categories; one where there are no strata."""

    def __post_init__(self) -> None:
        if len(self.coefficients) != len(self.centre):
            raise BrokenFile(f"{FILE}: {len(self.coefficients)} coefficients and {len(self.centre)} centres")


@dataclass(frozen=True, slots=True)
class StratifiedFile:
    """What `cox_net.json` holds."""

    strata: int
    """How many baselines each fit has; where more than 1, the design's last columns say whose a patient is."""
    estimate: StratifiedHazards
    replicates: tuple[StratifiedHazards, ...]

    def __post_init__(self) -> None:
        if any(len(one.baselines) != self.strata for one in (self.estimate, *self.replicates)):
            raise BrokenFile(f"{FILE}: a fit has other than {self.strata} baselines")


class StratifiedEngine:
    """Coefficients and baselines ready to multiply."""

    def __init__(self, content: StratifiedFile, time_days: Sequence[int]) -> None:
        self._content = content
        every = (content.estimate, *content.replicates)
        self._coefficients = np.array([one.coefficients for one in every])
        self._offset = np.array([np.dot(one.coefficients, one.centre) for one in every])
        at = tuple(time_days)
        self._baselines = np.array(
            [
                [interpolate(at, np.array(of.days), np.array(of.cumulative_hazard)) for of in one.baselines]
                for one in every
            ]
        )
        if (self._baselines[0, :, -1] <= 0).any():
            raise BrokenFile(f"{FILE}: a stratum has no hazard until the horizon")

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        main, of = self._parts(X)
        ratio = self._coefficients @ main.T - self._offset[:, None]
        baselines = np.einsum("ns,rst->rnt", of, self._baselines)
        hazard = np.exp(np.clip(ratio, -STEEPEST, STEEPEST))[:, :, None] * baselines
        return ProgressionScores(hazard[0], hazard[1:])

    def contributions(self, X: Floats) -> Floats:
        """Coefficient times column, and for a stratum the logarithm of its baseline: exact on the log-hazard."""
        main, of = self._parts(X)
        shares: Floats = main * self._coefficients[0]
        if self._content.strata == 1:
            return shares
        whole: Floats = np.hstack([shares, of * np.log(self._baselines[0, :, -1])])
        return whole

    def files(self) -> dict[str, bytes]:
        """Plain JSON."""
        return {FILE: dumps(self._content)}

    def _parts(self, X: Floats) -> tuple[Floats, Floats]:
        """Columns with a coefficient, and whose baseline each patient has, (n, strata)."""
        if self._content.strata == 1:
            return X, np.ones((X.shape[0], 1))
        return X[:, : -self._content.strata], X[:, -self._content.strata :]
