"""Regressions for comparing therapies: penalised linear or boosted trees, whichever does better on inner folds."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from features.types import Floats

Scale = Literal["probability", "number"]
Predict = Callable[[Floats], Floats]
"""(n, columns) to (n,)."""
_PENALTIES = (1.0, 10.0, 100.0, 1000.0)
_FOLDS = 3
_FEWEST_FOR_TREES = 300
_ROUNDS = 80
_BINS = 64
"""Values of a column that trees tell apart: for hundreds of patients four times as many cost three times as much."""
_STEPS = 25
_LARGEST = 30.0


def fit(X: Floats, y: Floats, scale: Scale, seed: int) -> Predict:
    """The better of the two on inner folds; linear alone where patients are few.

    Args:
        X: Standardised columns, (n, columns); none for the mean alone.
        y: 0 or 1 for a probability, else any number, (n,).
        scale: What is predicted.
        seed: Of the inner folds and the trees.
    """
    fold = np.random.default_rng(seed).permutation(y.size) % _FOLDS
    candidates: list[Callable[[Floats, Floats], Predict]] = [_linear_with(scale, penalty) for penalty in _PENALTIES]
    if y.size >= _FEWEST_FOR_TREES and X.shape[1]:
        candidates.append(lambda part, label: _trees(part, label, scale, seed))
    if scale == "probability" and min(y.sum(), (1 - y).sum()) < 2 * _FOLDS:
        return candidates[len(_PENALTIES) - 1](X, y)
    errors = []
    for candidate in candidates:
        held_out = np.empty(y.size)
        for index in range(_FOLDS):
            seen = fold != index
            held_out[~seen] = candidate(X[seen], y[seen])(X[~seen])
        errors.append(float(((held_out - y) ** 2).mean()))
    return candidates[int(np.argmin(errors))](X, y)


def linear(X: Floats, y: Floats, scale: Scale, penalty: float, weights: Floats | None = None) -> Predict:
    """Ridge regression, logistic for a probability; the intercept is free."""
    own = np.ones(y.size) if weights is None else weights
    design = np.column_stack([np.ones(y.size), X])
    ridge = penalty * np.eye(design.shape[1])
    ridge[0, 0] = 1e-8
    if scale == "number":
        coefficients = np.linalg.solve((design * own[:, None]).T @ design + ridge, design.T @ (own * y))
        return lambda rows: np.asarray(coefficients[0] + rows @ coefficients[1:])
    coefficients = np.zeros(design.shape[1])
    ridge[0, 0] = 1e-4
    for _ in range(_STEPS):
        chance = _logistic(design @ coefficients)
        gradient = design.T @ (own * (y - chance)) - ridge @ coefficients
        hessian = (design * (own * chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.clip(np.linalg.solve(hessian, gradient), -2.0, 2.0)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-8:
            break
    return lambda rows: _logistic(coefficients[0] + rows @ coefficients[1:])


def _linear_with(scale: Scale, penalty: float) -> Callable[[Floats, Floats], Predict]:
    return lambda X, y: linear(X, y, scale, penalty)


def _trees(X: Floats, y: Floats, scale: Scale, seed: int) -> Predict:
    import xgboost  # noqa: PLC0415 - a second to import

    settings = {
        "objective": "binary:logistic" if scale == "probability" else "reg:squarederror",
        "base_score": float(np.clip(y.mean(), 1e-3, 1 - 1e-3)) if scale == "probability" else float(y.mean()),
        "max_depth": 3,
        "eta": 0.08,
        "subsample": 0.8,
        "min_child_weight": 5.0,
        "lambda": 5.0,
        "max_bin": _BINS,
        "nthread": 1,
        "seed": seed,
    }
    booster = xgboost.train(settings, xgboost.DMatrix(X, y, nthread=1), _ROUNDS)
    return lambda rows: np.asarray(booster.inplace_predict(rows), dtype=np.float64)


def _logistic(score: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-np.clip(score, -_LARGEST, _LARGEST)))
    return chance
