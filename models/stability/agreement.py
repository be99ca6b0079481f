"""How well repeated measurements of the same patients agree: the intraclass correlation ICC(1,1), with its limits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from features.types import Floats

LEVEL = 0.95
"""Of the limits, two-sided."""
_FEWEST = 3
"""Patients measured each time, below which nothing is said."""
_SAME = 1e-9
"""Relative spread below which a feature is constant, as where columns are completed."""


@dataclass(frozen=True, slots=True, eq=False)
class Intraclass:
    """ICC(1,1) of each feature; NaN where a feature does not vary, or too few patients have it each time."""

    icc: Floats
    """(features,); 1 where repeats are equal, near 0 where patients differ no more than repeats do."""
    lower: Floats
    """Of the 95 % confidence interval."""
    upper: Floats
    patients: NDArray[np.intp]
    """Who had a value each time."""


def intraclass(values: Floats) -> Intraclass:
    """One-way random effects, single measurement, absolute agreement.

    Args:
        values: (patients, repeats, features), two repeats or more; NaN where a feature has no value: that patient is
            then left out for that feature.

    Source: Shrout and Fleiss, Psychol Bull 86 (1979) 420; limits: McGraw and Wong, Psychol Methods 1 (1996) 30.
    """
    repeats = values.shape[1]
    whole: NDArray[np.bool_] = np.logical_not(np.isnan(values).any(axis=1))
    patients = whole.sum(axis=0)
    known = np.where(whole[:, None, :], values, 0.0)
    count = np.maximum(patients, 1)
    grand = known.sum(axis=(0, 1)) / (count * repeats)
    offset = np.where(whole[:, None, :], values - grand, 0.0)  # from the mean, so that large values lose no digits
    of_patient = offset.mean(axis=1)
    degrees = np.maximum(patients - 1, 1), np.maximum(patients * (repeats - 1), 1)
    between = repeats * (of_patient**2).sum(axis=0) / degrees[0]
    within = ((offset - of_patient[:, None, :]) ** 2).sum(axis=(0, 1)) / degrees[1]
    spread = np.abs(offset).max(axis=(0, 1), initial=0.0)
    said = (patients >= _FEWEST) & (spread > _SAME * np.maximum(1.0, np.abs(grand)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = between / within  # infinite where repeats are equal
    tail = (1.0 + LEVEL) / 2.0
    lowest = ratio / f_distribution.ppf(tail, degrees[0], degrees[1])
    highest = ratio * f_distribution.ppf(tail, degrees[1], degrees[0])
    icc, lower, upper = (np.where(said, _of(one, repeats), np.nan) for one in (ratio, lowest, highest))
    return Intraclass(icc, lower, upper, patients)


def _of(ratio: Floats, repeats: int) -> Floats:
    """(F - 1) / (F + repeats - 1), 1 for an infinite F."""
    return np.asarray(1.0 - repeats / (ratio + repeats - 1.0))
