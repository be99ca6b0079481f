"""What the columns could tell of each patient, and how surely: Bayesian regression on all columns at once.

A patient's truth under a therapy (log-odds of response, log-hazard of progression) is taken to be linear in all
columns, with effects that all therapies share and effects of each therapy alone. How large these are is learned from
the patients too (the marginal likelihood), and where they cannot tell, every size that they allow counts.
It serves no prediction: it says how far a prediction may lie from the truth, columns that were screened away and
effects that were shrunk included.

Source: MacKay, Neural Comput 4 (1992) 415 (evidence); Nychka, JASA 83 (1988) 1134: such intervals hold on average over
patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from features.types import Floats
from models.calibration import probability
from models.families.preparation import Prepared
from models.families.target import OutcomeTarget, Target

_MOST_COMPONENTS = 32
"""Principal components of the image columns; what is left of these columns is hardly more than noise."""
_INTERCEPT = 4.0
"""Prior variance of the cohort's mean log-odds or log-hazard."""
_THERAPY = 0.5
"""Prior variance of what a therapy does to everybody alike."""
_SIZES = (0.05, 0.15, 0.5, 1.5)
"""Sizes that a block of effects may have: the variance that it gives to the truth between patients, on the latent
scale. Before any patient is seen each variance up to the largest is as plausible as any other, so that what the
patients do not settle makes intervals wider, not narrower."""
_FEWER, _MORE = 1 / 3, 3.0
"""How much less, or more, one therapy's own effects may be than the others'."""
_COUNTS_FROM = 0.02
"""A size less plausible than this is left aside."""
_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen of some patients."""

    response: Floats
    """1 or 0: response; for progression, whether it was seen."""
    exposure: Floats | None
    """For progression: the cohort's cumulative hazard until the patient was last watched."""

    @classmethod
    def of(cls, target: Target) -> "Observed":
        """Progression as counts with an exposure (Whitehead, Appl Stat 29 (1980) 268), by Nelson and Aalen's hazard."""
        if isinstance(target, OutcomeTarget):
            return cls(target.response, None)
        return cls(target.event.astype(np.float64), cumulative_hazard(target.time_days, target.event))

    def take(self, rows: NDArray[np.intp]) -> "Observed":
        """Of some of them."""
        return Observed(self.response[rows], None if self.exposure is None else self.exposure[rows])

    def likelihood(self, latent: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, its slope and its curvature for each patient."""
        if self.exposure is None:
            chance = probability(latent)
            value = float((self.response * latent - np.logaddexp(0.0, latent)).sum())
            return value, self.response - chance, chance * (1 - chance)
        expected = self.exposure * np.exp(np.clip(latent, -20.0, 20.0))
        return float((self.response * latent - expected).sum()), self.response - expected, expected


def cumulative_hazard(time_days: Floats, event: NDArray[np.bool_]) -> Floats:
    """Nelson and Aalen's, at each patient's own time, (n,)."""
    inverse = np.unique(time_days, return_inverse=True)[1]
    events = np.bincount(inverse, weights=event)
    left = np.bincount(inverse)
    at_risk = left[::-1].cumsum()[::-1]
    hazard: Floats = np.cumsum(events / at_risk)[inverse]
    return hazard


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large effects may be."""

    shared: float
    """Those that all therapies share."""
    own: float
    """Those of each therapy alone."""
    factors: tuple[float, ...]
    """Of `own`, one a therapy."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Columns as blocks of unit spread: clinical ones, and principal components of the others."""

    parts: tuple[Floats, ...]
    """(n, width) each; mean squared length of a row is 1."""
    therapies: int
    """At least 1."""

    @classmethod
    def of(cls, prepared: Prepared) -> "Signals":
        """From a training table with all its columns."""
        clinical = prepared.of_kind("clinical.")
        taken = {*clinical, *prepared.therapy_terms()}
        others = [index for index in range(len(prepared.terms)) if index not in taken]
        parts = [_unit(prepared.X[:, part]) for part in (clinical, others) if part]
        return cls(tuple(part for part in parts if part.size), max(1, len(prepared.therapies)))

    def take(self, rows: NDArray[np.intp]) -> "Signals":
        """Of some patients."""
        return Signals(tuple(part[rows] for part in self.parts), self.therapies)

    def under(self, therapy: NDArray[np.intp]) -> Floats:
        """The regression's columns, (n, width), each patient under the therapy of that index."""
        given = np.eye(self.therapies)[therapy]
        blocks = [np.ones((therapy.size, 1)), *([given] if self.therapies > 1 else []), *self.parts]
        if self.therapies > 1:
            both = self._both()
            blocks += [given[:, [index]] * both for index in range(self.therapies)]
        return np.hstack(blocks)

    def variances(self, sizes: "Sizes") -> Floats:
        """Prior variance of each column's effect."""
        shared = [sizes.shared / len(self.parts)] * sum(part.shape[1] for part in self.parts)
        if self.therapies == 1:
            return np.array([_INTERCEPT, *shared])
        width = self._both().shape[1]
        own = [sizes.own * factor for factor in sizes.factors for _ in range(width)]
        return np.array([_INTERCEPT, *[_THERAPY] * self.therapies, *shared, *own])

    def _both(self) -> Floats:
        both: Floats = np.hstack(self.parts) / np.sqrt(len(self.parts))
        return both


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """The regression at one set of sizes."""

    mean: Floats
    covariance: Floats
    evidence: float


def posterior(design: Floats, variances: Floats, observed: Observed) -> Posterior:
    """Laplace's approximation around the mode, found by damped Newton steps."""
    effects, precision = np.zeros(variances.size), 1.0 / variances
    value, slope, curvature = observed.likelihood(design @ effects)
    best = value
    for _ in range(_STEPS):
        hessian = (design * curvature[:, None]).T @ design + np.diag(precision)
        step = cho_solve(cho_factor(hessian), design.T @ slope - precision * effects)
        share = 1.0
        while True:
            trial = effects + share * step
            value, slope, curvature = observed.likelihood(design @ trial)
            reached = value - 0.5 * float(trial**2 @ precision)
            if reached >= best - 1e-9 or share < 1e-3:
                break
            share /= 2
        gain, effects, best = reached - best, trial, reached
        if abs(gain) < 1e-6:
            break
    hessian = (design * curvature[:, None]).T @ design + np.diag(precision)
    factor = cho_factor(hessian, lower=True)
    evidence = best - float(np.log(np.diag(factor[0])).sum()) - 0.5 * float(np.log(variances).sum())
    return Posterior(effects, cho_solve(factor, np.eye(variances.size)), evidence)


def error_of(
    signals: Signals, therapy: NDArray[np.intp], observed: Observed, fold: NDArray[np.intp], said: Floats
) -> Floats:
    """How far held-out predictions may lie from the truth: mean product of errors between therapies.

    For each patient the regression has not seen the patient either.

    Args:
        signals: Of all patients.
        therapy: What each was given, (n,).
        observed: What was seen of each.
        fold: When each is held out.
        said: Held-out predictions on the latent scale, (n, therapies).

    Returns:
        (therapies, therapies), positive definite.
    """
    held = _Held(signals, therapy, observed, fold, said)
    weights = _weighed(signals, therapy, observed)
    errors = {sizes: held.error(sizes) for sizes in weights}
    total = np.zeros((signals.therapies, signals.therapies))
    for sizes, weight in weights.items():
        total = total + weight * errors[sizes]
    values, vectors = np.linalg.eigh((total + total.T) / 2)
    floor = 1e-3 * float(values.max())
    result: Floats = (vectors * np.maximum(values, floor)) @ vectors.T
    return result


def _weighed(signals: Signals, therapy: NDArray[np.intp], observed: Observed) -> dict[Sizes, float]:
    """How plausible each size is, the patients seen: of both kinds of effects together, then of each therapy's own.

    The latter go by turns around the most plausible pair, so that their weights are of what they change.
    """
    design = signals.under(therapy)
    same = (1.0,) * signals.therapies
    own = _SIZES if signals.therapies > 1 else (1.0,)
    pairs = [Sizes(shared, each, same) for shared in _SIZES for each in own]
    weights = _plausible({sizes: posterior(design, signals.variances(sizes), observed).evidence for sizes in pairs})
    likely = max(weights, key=lambda sizes: weights[sizes])
    for index in range(signals.therapies if signals.therapies > 1 else 0):
        turned = {
            replace(likely, factors=(*same[:index], factor, *same[index + 1 :])): factor
            for factor in (_FEWER, 1.0, _MORE)
        }
        found = {sizes: posterior(design, signals.variances(sizes), observed).evidence for sizes in turned}
        for sizes, weight in _plausible(found).items():
            if sizes != likely:
                weights[sizes] = weight
                weights[likely] -= weight
    return weights


def _plausible(evidence: Mapping[Sizes, float]) -> dict[Sizes, float]:
    """Weights that add up to 1: evidence, times the prior of evenly spread variances on sizes that are ratios apart."""
    logs = {sizes: value + np.log(sizes.shared * sizes.own) for sizes, value in evidence.items()}
    logs = {sizes: value + float(np.log(sizes.factors).sum()) for sizes, value in logs.items()}
    most = max(logs.values())
    weights = {sizes: float(np.exp(value - most)) for sizes, value in logs.items()}
    kept = {sizes: weight for sizes, weight in weights.items() if weight > _COUNTS_FROM}
    total = sum(kept.values())
    return {sizes: weight / total for sizes, weight in kept.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    signals: Signals
    therapy: NDArray[np.intp]
    observed: Observed
    fold: NDArray[np.intp]
    said: Floats

    def error(self, sizes: Sizes) -> Floats:
        """Mean over patients of posterior covariance and of the product of what a prediction misses."""
        variances = self.signals.variances(sizes)
        count = self.signals.therapies
        total = np.zeros((count, count))
        design = self.signals.under(self.therapy)
        for held_out in range(int(self.fold.max()) + 1):
            seen, unseen = np.flatnonzero(self.fold != held_out), np.flatnonzero(self.fold == held_out)
            one = posterior(design[seen], variances, self.observed.take(seen))
            part = self.signals.take(unseen)
            rows = [part.under(np.full(unseen.size, index, dtype=np.intp)) for index in range(count)]
            spread = [row @ one.covariance for row in rows]
            misses = self.said[unseen] - np.column_stack([row @ one.mean for row in rows])
            total += misses.T @ misses
            total += np.array([[float((spread[a] * rows[b]).sum()) for b in range(count)] for a in range(count)])
        result: Floats = total / self.fold.size
        return result


def _unit(X: Floats) -> Floats:
    """Scores on the leading principal components, of unit mean squared length; none where nothing varies."""
    centred = X - X.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    kept = int(np.count_nonzero(values > 1e-6 * values.max())) if values.size and values.max() > 0 else 0
    scores = (left * values)[:, : min(kept, _MOST_COMPONENTS)]
    length = float((scores**2).sum()) / max(1, X.shape[0])
    result: Floats = scores / np.sqrt(length) if length > 0 else scores[:, :0]
    return result
