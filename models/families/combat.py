"""ComBat: location and scale of each site's features, drawn towards what all features of the site say; plain numbers.

Source: Johnson, Li and Rabinovic, Biostatistics 8 (2007) 118, with parametric priors; Fortin et al., NeuroImage 167
(2018) 104.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BrokenFile

Unseen = Literal["refuse", "flag"]
"""What becomes of a case from a site that was not learned from: refused, or answered as it is and marked."""
_FEWEST_FEATURES = 3
"""Below which there is nothing to draw a site towards, and its own figures stand."""
_TOLERANCE = 1e-4
_MOST_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Harmonisation:
    """How features of each site are mapped onto the cohort's common scale."""

    site: int
    """Index of the raw column that names the site."""
    columns: tuple[int, ...]
    """Raw columns that are mapped."""
    scale: tuple[tuple[float, ...], ...]
    """A row a site, in the order of the site column's categories; one for each of `columns`."""
    shift: tuple[tuple[float, ...], ...]
    """The same; a value v of a site becomes scale v + shift."""
    patients: tuple[int, ...]
    """Of each site, that it was learned from."""
    unseen: Unseen = "refuse"

    def __post_init__(self) -> None:
        sites, width = len(self.patients), len(self.columns)
        for part in (self.scale, self.shift):
            if len(part) != sites or any(len(row) != width for row in part):
                raise BrokenFile(f"the harmonisation is not {sites} sites of {width} columns")
        if sites < 2 or not all(one > 0 for row in self.scale for one in row) or self.site in self.columns:
            raise BrokenFile("the harmonisation has one site, a scale that is not above 0, or maps the site")

    def map(self, rows: Floats) -> Floats:
        """Encoded rows, (n, columns + 1), on the common scale; those without a known site as they are."""
        site = rows[:, self.site]
        known = np.flatnonzero(~np.isnan(site))
        mapped = rows.copy()
        of, at = site[known].astype(np.intp), np.array(self.columns, dtype=np.intp)
        if known.size and at.size:
            mapped[np.ix_(known, at)] = np.array(self.scale)[of] * rows[np.ix_(known, at)] + np.array(self.shift)[of]
        return mapped


def fit_combat(values: Floats, site: NDArray[np.intp], sites: int) -> tuple[Floats, Floats]:
    """Scale and shift of each site and feature, (sites, features) each.

    Nothing else is preserved: what patients of a site have in common, disease included, goes with its scanner.

    Args:
        values: Of the training patients, (n, features); NaN where missing.
        site: Index of each patient's, (n,).
        sites: How many there are, each of at least two patients.
    """
    counts = np.array([(~np.isnan(values[site == one])).sum(axis=0) for one in range(sites)], dtype=np.float64)
    usable = (counts >= 2).all(axis=0)
    scale, shift = np.ones((sites, values.shape[1])), np.zeros((sites, values.shape[1]))
    means = np.array([_mean(values[site == one][:, usable]) for one in range(sites)])
    middle = (counts[:, usable] * means).sum(axis=0) / counts[:, usable].sum(axis=0)
    spread = np.sqrt(_mean((values[:, usable] - means[site]) ** 2))
    varying = spread > 1e-12 * np.maximum(1.0, np.abs(middle))
    kept = np.flatnonzero(usable)[varying]
    if not kept.size:
        return scale, shift
    middle, spread = middle[varying], spread[varying]
    Z = (values[:, kept] - middle) / spread
    for one in range(sites):
        location, variance = _of_site(Z[site == one])
        own = 1 / np.sqrt(variance)
        scale[one, kept] = own
        shift[one, kept] = middle - own * (middle + spread * location)
    return scale, shift


def _of_site(Z: Floats) -> tuple[Floats, Floats]:
    """Location and variance of each feature, (features,), by parametric empirical Bayes."""
    count = (~np.isnan(Z)).sum(axis=0)
    location = _mean(Z)
    variance = np.nansum((Z - location) ** 2, axis=0) / (count - 1)
    priors = [location.var(ddof=1), variance.var(ddof=1)] if Z.shape[1] >= _FEWEST_FEATURES else [0.0, 0.0]
    if min(priors) <= 0:
        return location, np.where(variance > 0, variance, 1.0)
    middle, between = location.mean(), priors[0]
    mean, of_variances = variance.mean(), priors[1]
    shape = (2 * of_variances + mean**2) / of_variances
    rate = (mean * of_variances + mean**3) / of_variances
    drawn_to, drawn_variance = location, variance
    for _ in range(_MOST_STEPS):
        before, before_variance = drawn_to, drawn_variance
        drawn_to = (count * between * location + before_variance * middle) / (count * between + before_variance)
        squares = np.nansum((Z - drawn_to) ** 2, axis=0)
        drawn_variance = (0.5 * squares + rate) / (count / 2 + shape - 1)
        moved = max(_change(drawn_to, before), _change(drawn_variance, before_variance))
        if moved < _TOLERANCE:
            break
    return drawn_to, drawn_variance


def _change(now: Floats, before: Floats) -> float:
    return float((np.abs(now - before) / np.maximum(np.abs(before), 1e-12)).max())


def _mean(values: Floats) -> Floats:
    """Over rows, of what is there."""
    result: Floats = np.nansum(values, axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return result


def site_names(categories: Sequence[str], of: Harmonisation) -> str:
    """Each site with its patients, for a card."""
    return ", ".join(f"{name} ({count})" for name, count in zip(categories, of.patients, strict=True))
