"""Doubly robust estimates of what each therapy would give, and of policies, from cross-fitted nuisances.

Right where either the propensity or the regression of the result is; the standard error is that of the mean of each
patient's influence. Source: Robins, Rotnitzky and Zhao, JASA 89 (1994) 846; Kennedy, arXiv 2004.14497 (DR-learner).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from features.types import Floats
from models.effects import regression
from models.effects.answers import Estimated
from models.effects.nuisance import Nuisances
from models.families.target import Bools


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """Of every patient, on what either therapy would give; means of these are the estimates."""

    reference: Floats
    option: Floats

    @property
    def difference(self) -> Floats:
        """Option minus reference."""
        return self.option - self.reference


def influence(values: Floats, treated: Bools, nuisances: Nuisances, name: str) -> Influence:
    """Augmented inverse propensity weighting.

    Args:
        values: The result of each patient, (n,).
        treated: Whether it was reached under the option.
        nuisances: Cross-fitted.
        name: Of the result.
    """
    reference, option = nuisances.under[name]
    chance = nuisances.propensity
    return Influence(
        reference + np.where(treated, 0.0, (values - reference) / (1 - chance)),
        option + np.where(treated, (values - option) / chance, 0.0),
    )


def mean_with_interval(values: Floats, level: float) -> Estimated:
    """A mean over patients, by its standard error."""
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    return around(float(values.mean()), error, level, values.size - 1)


def around(value: float, error: float, level: float, freedom: int) -> Estimated:
    """Symmetric, by Student's t."""
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    return Estimated(value, value - half, value + half)


def combined(parts: list[Estimated], level: float, freedom: int) -> Estimated:
    """The median over repeated cross-fittings; the spread between them counts.

    Source: Chernozhukov et al., Econom J 21 (2018) C1, definition 3.3.
    """
    quantile = float(stdtrit(freedom, 0.5 + level / 2))
    middle = float(np.median([part.value for part in parts]))
    variances = [((part.upper - part.lower) / 2 / quantile) ** 2 + (part.value - middle) ** 2 for part in parts]
    return around(middle, float(np.sqrt(np.median(variances))), level, freedom)


def dr_learner(each: Influence, nuisances: Nuisances, seed: int) -> Floats:
    """Each patient's own difference, from a regression of the others' influences on their columns, (n,)."""
    found = np.empty(each.option.size)
    for index, (X, X_unseen) in enumerate(nuisances.designs):
        seen = nuisances.fold != index
        found[~seen] = regression.fit(X, each.difference[seen], "number", seed)(X_unseen)
    return found


def policy(each: Influence, advised: Bools, level: float) -> Estimated:
    """What would be reached if just the advised got the option, on patients that the advice had not learned from."""
    return mean_with_interval(np.where(advised, each.option, each.reference), level)
