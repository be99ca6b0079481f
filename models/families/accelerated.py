"""One penalised accelerated failure time fit: Newton's method on the likelihood that lifelines has.

lifelines takes most of a second for each fit, by automatic derivatives and a quasi-Newton search; a training makes
dozens. This takes milliseconds, and a test holds it to lifelines' own optimum.
"""

from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.errors import BadCohort
from models.families.target import ProgressionTarget
from models.families.time_curves import Curve, log_likelihood, survived

_STEPS = 200
_FLAT = 1e-9
"""Largest slope, a patient, at which a fit has arrived."""
_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE = -6.0, 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Accelerated:
    """log t = intercept + coefficients . x + scale e, with e of a curve."""

    coefficients: Floats
    intercept: float
    scale: float

    def mean_log_time(self, X: Floats) -> Floats:
        """Location of log t (days), (n,)."""
        located: Floats = self.intercept + X @ self.coefficients
        return located


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    curve: Curve
    X: Floats
    """Columns of unit spread, and a last one of 1."""
    log_time: Floats
    log_entry: Floats | None
    """Minus infinity for those who were there from the start."""
    event: Floats
    precision: Floats
    """Of the penalty on each coefficient, 0 for the intercept."""

    def value(self, beta: Floats, log_scale: float) -> float:
        z = (self.log_time - self.X @ beta) / np.exp(log_scale)
        told = float(log_likelihood(self.curve, z, self.event).value.sum()) - log_scale * float(self.event.sum())
        if self.log_entry is not None:
            late = np.isfinite(self.log_entry)
            z_late = (self.log_entry[late] - self.X[late] @ beta) / np.exp(log_scale)
            told += float(survived(self.curve, z_late).value.sum())
        return told - 0.5 * float(self.precision @ beta**2)

    def slopes(self, beta: Floats, log_scale: float) -> tuple[Floats, Floats]:
        """Gradient and Hessian in the coefficients and, last, the log of the scale."""
        scale = np.exp(log_scale)
        z = (self.log_time - self.X @ beta) / scale
        _, first, second = log_likelihood(self.curve, z, self.event)
        gradient, hessian = _chain(self.X, z, first, second, scale)
        gradient[-1] -= self.event.sum()
        if self.log_entry is not None:
            late = np.isfinite(self.log_entry)
            z_late = (self.log_entry[late] - self.X[late] @ beta) / scale
            _, first, second = survived(self.curve, z_late)
            before = _chain(self.X[late], z_late, first, second, scale)
            gradient, hessian = gradient + before[0], hessian + before[1]
        gradient[:-1] -= self.precision * beta
        hessian[np.arange(beta.size), np.arange(beta.size)] -= self.precision
        return gradient, hessian


def fit_accelerated(
    curve: Curve,
    X: Floats,
    target: ProgressionTarget,
    penalty: Floats,
    generator: np.random.Generator | None = None,
) -> Accelerated:
    """The coefficients, intercept and scale of largest penalised likelihood.

    Args:
        curve: How log t spreads: `extreme` for Weibull, `normal` for log-normal.
        X: Design columns, (n, columns).
        target: Time and event.
        penalty: Ridge penalty of each column as lifelines has it (on columns of unit spread, per patient).
        generator: Of a replicate, whose penalty pulls each coefficient to a draw from the prior that the penalty is
            (as in `models.families.cox_progression.fit_hazards`).

    Raises:
        BadCohort: The search does not arrive, as where a column parts early from late times without a penalty.
    """
    spread = X.std(axis=0, ddof=1)
    varies = spread > 1e-9
    scaled = np.column_stack([X[:, varies] / spread[varies], np.ones(X.shape[0])])
    precision = np.append(X.shape[0] * penalty[varies], 0.0)
    entry = target.entry_days
    log_entry = None if entry is None else np.where(entry > 0, np.log(np.maximum(entry, 1e-300)), -np.inf)
    event = target.event.astype(np.float64)
    problem = _Problem(curve, scaled, np.log(target.time_days), log_entry, event, precision)
    beta, log_scale = _climb(problem)
    if generator is not None:
        pull = np.append(np.sqrt(precision) * generator.normal(size=precision.size), 0.0)
        move = np.linalg.solve(-problem.slopes(beta, log_scale)[1], pull)
        beta, log_scale = beta + move[:-1], log_scale + float(move[-1])
    coefficients = np.zeros(X.shape[1])
    coefficients[varies] = beta[:-1] / spread[varies]
    return Accelerated(coefficients, float(beta[-1]), float(np.exp(log_scale)))


def held_out_log_likelihood(curve: Curve, fit: Accelerated, X: Floats, target: ProgressionTarget) -> float:
    """What a fit says of patients: higher is better; comparable between fits on the same patients."""
    return float(held_out_terms(curve, fit, X, target).sum())


def held_out_terms(curve: Curve, fit: Accelerated, X: Floats, target: ProgressionTarget) -> Floats:
    """The same of each patient, (n,)."""
    located = fit.mean_log_time(X)
    event = target.event.astype(np.float64)
    z = (np.log(target.time_days) - located) / fit.scale
    told: Floats = log_likelihood(curve, z, event).value - np.log(fit.scale) * event
    if target.entry_days is not None:
        late = target.entry_days > 0
        z_late = (np.log(target.entry_days[late]) - located[late]) / fit.scale
        told[late] += survived(curve, z_late).value
    return told


def _climb(problem: _Problem) -> tuple[Floats, float]:
    """Newton's steps, damped where the likelihood is not concave (Levenberg 1944)."""
    beta = np.zeros(problem.X.shape[1])
    beta[-1], log_scale, damping = float(np.mean(problem.log_time)), 0.0, 0.0
    value = problem.value(beta, log_scale)
    for _ in range(_STEPS):
        gradient, hessian = problem.slopes(beta, log_scale)
        if np.abs(gradient).max() < _FLAT * problem.X.shape[0]:
            return beta, log_scale
        floor = float(np.linalg.eigvalsh(hessian)[-1])
        ridge = max(damping, floor + 1e-3 * abs(floor) + 1e-9 if floor > -1e-12 else 0.0)
        move = np.linalg.solve(ridge * np.eye(gradient.size) - hessian, gradient)
        tried = beta + move[:-1], log_scale + float(np.clip(move[-1], -1.0, 1.0))
        reached = problem.value(*tried) if _SMALLEST_LOG_SCALE < tried[1] < _LARGEST_LOG_SCALE else -np.inf
        if np.isfinite(reached) and reached >= value - 1e-9 * abs(value):
            beta, log_scale = tried
            value, damping = reached, damping / 10 if damping > 1e-6 else 0.0
        else:
            damping = max(10 * damping, 1e-3 * problem.X.shape[0])
    raise BadCohort(f"no accelerated failure time fit is found on {problem.X.shape[0]} patients")


def _chain(X: Floats, z: Floats, first: Floats, second: Floats, scale: float) -> tuple[Floats, Floats]:
    """From slopes in z to slopes in the coefficients and the log of the scale."""
    width = X.shape[1]
    gradient, hessian = np.empty(width + 1), np.empty((width + 1, width + 1))
    gradient[:width], gradient[width] = -X.T @ first / scale, -float(first @ z)
    hessian[:width, :width] = (X.T * second) @ X / scale**2
    hessian[width, :width] = hessian[:width, width] = X.T @ (second * z + first) / scale
    hessian[width, width] = float(second @ z**2 + first @ z)
    return gradient, hessian
