"""Ordered classes by proportional odds: one penalised fit, and what it says of each class.

logit P(class above k) = coefficients . x - cut k. With two classes it is logistic regression. The likelihood is concave
(Pratt, J Am Stat Assoc 76 (1981) 103), so Newton's steps arrive. Source: McCullagh, J R Stat Soc B 42 (1980) 109.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from features.types import Floats
from models.errors import BadCohort

_STEPS = 100
_FLAT = 1e-9
"""Largest slope, a patient, at which a fit has arrived."""
_LEAST = 1e-300
_STEEPEST = 50.0
"""Log-odds for a unit of spread beyond which a column parts the classes, and the likelihood has no top."""


@dataclass(frozen=True, slots=True, eq=False)
class Odds:
    """One fit."""

    coefficients: Floats
    cuts: Floats
    """Ascending, one fewer than classes."""

    def above(self, X: Floats) -> Floats:
        """Log-odds of a class above each cut, (n, cuts)."""
        odds: Floats = (X @ self.coefficients)[:, None] - self.cuts
        return odds


def class_probabilities(above: Floats) -> Floats:
    """Probability of each class, worst first, (..., classes), of log-odds of a class above each cut, (..., cuts)."""
    beyond = expit(above)
    edge = np.ones((*beyond.shape[:-1], 1))
    probability: Floats = np.concatenate([edge, beyond], axis=-1) - np.concatenate([beyond, 0 * edge], axis=-1)
    return probability


def fit_odds(
    X: Floats,
    grade: Floats,
    classes: int,
    penalty: Floats,
    weights: Floats | None = None,
    generator: np.random.Generator | None = None,
) -> Odds:
    """The coefficients and cuts of largest penalised likelihood.

    Args:
        X: Design columns, (n, columns).
        grade: 0 to classes - 1, (n,); each class is there.
        classes: How many.
        penalty: Ridge penalty of each column, on columns of unit spread, per patient.
        weights: How often each patient counts; once where None.
        generator: Of a replicate, whose penalty pulls each coefficient to a draw from the prior that the penalty is
            (as in `models.families.cox_progression.fit_hazards`).

    Raises:
        BadCohort: The search does not arrive, as where a column parts the classes without a penalty.
    """
    weight = np.ones(grade.size) if weights is None else weights
    spread = X.std(axis=0)
    varies = spread > 1e-9
    scaled = X[:, varies] / spread[varies]
    precision = np.append(weight.sum() * penalty[varies], np.zeros(classes - 1))
    likelihood = _Likelihood(scaled, grade.astype(np.intp), classes, weight, precision)
    shares = np.bincount(grade.astype(np.intp), weights=weight, minlength=classes)
    start = np.append(np.zeros(scaled.shape[1]), logit(np.cumsum(shares)[:-1] / shares.sum()))
    found = _climb(likelihood, start)
    if generator is not None:
        pull = np.sqrt(precision) * generator.normal(size=precision.size)
        moved = found + np.linalg.solve(-likelihood.slopes(found)[1], pull)
        ascending = (np.diff(moved[scaled.shape[1] :]) > 0).all()
        found = moved if ascending else found
    coefficients = np.zeros(X.shape[1])
    coefficients[varies] = found[: scaled.shape[1]] / spread[varies]
    return Odds(coefficients, found[scaled.shape[1] :])


@dataclass(frozen=True, slots=True, eq=False)
class _Likelihood:
    X: Floats
    grade: np.ndarray
    classes: int
    weight: Floats
    precision: Floats
    """Of coefficients, then 0 for each cut."""

    def value(self, at: Floats) -> float:
        if not (np.diff(at[self.X.shape[1] :]) > 0).all():
            return -np.inf
        upper, lower = self._edges(at)
        chance = np.maximum(_between(lower, upper), _LEAST)
        return float(self.weight @ np.log(chance)) - 0.5 * float(self.precision @ at**2)

    def slopes(self, at: Floats) -> tuple[Floats, Floats]:
        """Gradient and Hessian in the coefficients and the cuts."""
        upper, lower = self._edges(at)
        chance = np.maximum(_between(lower, upper), _LEAST)
        (f_up, g_up), (f_low, g_low) = _density(upper), _density(lower)
        up, low = f_up / chance, -f_low / chance
        rise, fall = self._design(self.grade), self._design(self.grade - 1)
        gradient = (self.weight * up) @ rise + (self.weight * low) @ fall - self.precision * at
        crossed = (rise.T * (self.weight * -up * low)) @ fall
        hessian = (rise.T * (self.weight * (g_up / chance - up**2))) @ rise
        hessian += (fall.T * (self.weight * (-g_low / chance - low**2))) @ fall + crossed + crossed.T
        return gradient, hessian - np.diag(self.precision)

    def _edges(self, at: Floats) -> tuple[Floats, Floats]:
        """Cut above and cut below each patient's class, less the patient's score."""
        cuts = np.concatenate([[-np.inf], at[self.X.shape[1] :], [np.inf]])
        score = self.X @ at[: self.X.shape[1]]
        return cuts[self.grade + 1] - score, cuts[self.grade] - score

    def _design(self, cut: np.ndarray) -> Floats:
        """How an edge moves with coefficients and cuts, (n, columns + cuts)."""
        cuts = (cut[:, None] == np.arange(self.classes - 1)).astype(np.float64)
        return np.hstack([-self.X, cuts])


def _between(lower: Floats, upper: Floats) -> Floats:
    """Logistic probability between two edges, told from the nearer end so that nothing cancels."""
    flip = lower > 0
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    chance: Floats = expit(high) - expit(low)
    return chance


def _density(edge: Floats) -> tuple[Floats, Floats]:
    """Logistic density and its slope; 0 at either infinity."""
    share = expit(edge)
    density = share * expit(-edge)
    return density, density * (1 - 2 * share)


def _climb(likelihood: _Likelihood, start: Floats) -> Floats:
    at, value = start, likelihood.value(start)
    for _ in range(_STEPS):
        gradient, hessian = likelihood.slopes(at)
        if np.abs(gradient).max() < _FLAT * likelihood.weight.sum():
            if np.abs(at[: likelihood.X.shape[1]]).max(initial=0.0) > _STEEPEST:
                break
            return at
        move, share = np.linalg.solve(1e-12 * np.eye(at.size) - hessian, gradient), 1.0
        while (reached := likelihood.value(at + share * move)) < value - 1e-12 * abs(value) and share > 1e-8:
            share /= 2
        if not np.isfinite(reached):
            break
        at, value = at + share * move, reached
    raise BadCohort(f"no fit of ordered classes is found on {likelihood.grade.size} patients")
