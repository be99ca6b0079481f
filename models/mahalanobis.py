"""Distances from a cohort's centre on the scale of its spread, and where among the cohort's own they lie.

Source: Mahalanobis, Proc Natl Inst Sci India 2 (1936) 49; the spread is shrunk as by Ledoit and Wolf, J Multivar Anal
88 (2004) 365.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats

_QUANTILES = 201
_RIDGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Centre and covariance of some rows, the latter in parts."""

    centre: Floats
    """(width,)."""
    sample: Floats
    """Covariance as observed, (width, width)."""
    shrinkage: float
    """Share, 0 to 1, of a round covariance in the shrunk one."""

    @classmethod
    def of(cls, X: Floats) -> "Spread":
        """Of rows, (n, width)."""
        n, width = X.shape
        centre = X.mean(axis=0)
        if width == 0:
            return cls(centre, np.zeros((0, 0)), 1.0)
        centred = X - centre
        sample = centred.T @ centred / n
        mean_variance = float(np.trace(sample)) / width
        spread = float(((sample - mean_variance * np.eye(width)) ** 2).sum()) / width
        noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / n - float((sample**2).sum())) / (n * width)
        return cls(centre, sample, min(1.0, max(noise, 0.0) / spread) if spread > 0 else 1.0)

    @property
    def round(self) -> Floats:
        """What the observed covariance is mixed with, its share taken, (width, width)."""
        width = self.centre.size
        mean_variance = float(np.trace(self.sample)) / max(1, width)
        ridge: Floats = (self.shrinkage * mean_variance + _RIDGE) * np.eye(width)
        return ridge

    @property
    def precision(self) -> Floats:
        """Inverse of the shrunk covariance, (width, width)."""
        return np.asarray(np.linalg.inv((1 - self.shrinkage) * self.sample + self.round), dtype=np.float64)


def from_all_others(X: Floats) -> Floats:
    """Each row's distance from the centre and spread of all other rows, (n,), without working them out for each.

    To leave one row out takes a product of one vector with itself from the covariance, so that one inverse is enough
    (Sherman and Morrison, Ann Math Stat 21 (1950) 124). How much is shrunk, and towards what, stays that of all rows.

    Args:
        X: (n, width); two rows or more.
    """
    n = X.shape[0]
    spread = Spread.of(X)
    offset = X - spread.centre
    weight = (1 - spread.shrinkage) * n / (n - 1)
    squared = squares(offset, np.linalg.inv(weight * spread.sample + spread.round))
    distances: Floats = n / (n - 1) * np.sqrt(squared / (1 - weight / (n - 1) * squared))
    return distances


def squares(offset: Floats, precision: Floats) -> Floats:
    """Squared distances, (n,), of rows less the centre, (n, width)."""
    result: Floats = np.maximum(0.0, ((offset @ precision) * offset).sum(axis=1))
    return result


def quantiles_of(distances: Floats) -> Floats:
    """Quantiles, evenly spaced from 0 to 1: what is kept of the cohort's own distances."""
    result: Floats = np.quantile(distances, np.linspace(0.0, 1.0, _QUANTILES))
    return result


def strangeness(distances: Floats, quantiles: Floats | Sequence[float]) -> Floats:
    """How far rows lie on a scale that distances over few columns and over many share, (n,).

    0 is the cohort's median distance and 1 its 95th percentile. Beyond the cohort's farthest it goes on rising, where a
    percentile has ended.
    """
    known = np.asarray(quantiles)
    median, far = np.interp((0.5, 0.95), np.linspace(0.0, 1.0, known.size), known)
    result: Floats = (distances - median) / max(float(far - median), 1e-12)
    return result


def reaches(distances: Floats, quantiles: Floats | Sequence[float]) -> Floats:
    """Share of the cohort that lies nearer, (n,), 0 to 1; above 1 by as much as a row lies beyond all of the cohort."""
    known = np.asarray(quantiles)
    percentile = np.interp(distances, known, np.linspace(0.0, 1.0, known.size))
    result: Floats = percentile + np.maximum(0.0, distances / max(float(known[-1]), 1e-12) - 1.0)
    return result
