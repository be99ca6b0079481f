"""How far predicted probabilities lie from what was observed: slope, intercept, and the integrated calibration index.

What was observed among patients with a prediction like p is a smooth curve over p: a logistic regression on restricted
cubic splines of the log-odds (four knots), as Austin and Steyerberg's second way has it.
"""

import numpy as np

from features.types import Floats
from models.calibration import probability
from models.measures.weighted import logistic, ratio

_KNOTS = (0.05, 0.35, 0.65, 0.95)
_STEEPEST_LOG_ODDS = 12.0


def slope_and_intercept(log_odds: Floats, response: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Calibration slope, and intercept at slope 1, of each draw, (draws,) each.

    A slope under 1 says that predictions are too extreme; an intercept above 0 that they are too low.
    NaN where all predictions are the same or a draw holds one class only.

    Source: Van Calster et al., BMC Med 17 (2019) 230.
    """
    both = _both_classes(response, weights)
    ones = np.ones((log_odds.size, 1))
    intercept = logistic(ones, response, weights, offset=log_odds)[:, 0]
    slope = np.full(len(weights), np.nan)
    if float(np.ptp(log_odds)) > 1e-9:
        slope = logistic(np.column_stack([ones, log_odds]), response, weights)[:, 1]
    return np.where(both, slope, np.nan), np.where(both, intercept, np.nan)


def calibration_index(log_odds: Floats, response: Floats, weights: Floats, status_weight: Floats) -> Floats:
    """Mean distance between predicted and smoothed observed probability (ICI), (draws,); 0 is right.

    Args:
        log_odds: Predicted, (n,).
        response: 0 or 1, (n,).
        weights: How often each patient counts in each draw, (draws, n).
        status_weight: What makes up for patients whose response is not known, (n,); ones where all are.

    Source: Austin and Steyerberg, Stat Med 38 (2019) 4051; Austin et al., Stat Med 39 (2020) 2714, for survival.
    """
    bounded = np.clip(log_odds, -_STEEPEST_LOG_ODDS, _STEEPEST_LOG_ODDS)
    basis = spline_basis(bounded)
    seen = weights * status_weight
    observed = probability(logistic(basis, response, seen) @ basis.T)
    distance = np.abs(observed - probability(bounded))
    index = ratio((weights * distance).sum(axis=1), weights.sum(axis=1))
    return np.where(_both_classes(response, seen), index, np.nan)


def spline_basis(values: Floats) -> Floats:
    """What one, the value, and its restricted cubic splines span, as orthogonal columns of unit size, (n, 1 to 4).

    Knots lie at the 5, 35, 65 and 95 % quantiles; beyond the outer ones all is linear. Where the quantiles tie there
    are no splines, and where all values are one, no slope.

    Source: Harrell, Regression Modeling Strategies (2015), 2.4.5.
    """
    columns = [np.ones_like(values)]
    spread = float(values.std())
    if spread <= 1e-9:
        return np.column_stack(columns)
    columns.append((values - values.mean()) / spread)
    knots = np.quantile(values, _KNOTS)
    if np.diff(knots).min() > 1e-6 * spread:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            cubes = (
                _cube(values - knot)
                - _cube(values - before) * (last - knot) / (last - before)
                + _cube(values - last) * (before - knot) / (last - before)
            )
            columns.append(cubes / (last - knots[0]) ** 2 / spread)
    orthogonal: Floats = np.linalg.qr(np.column_stack(columns))[0] * np.sqrt(values.size)
    return orthogonal


def _cube(distance: Floats) -> Floats:
    cube: Floats = np.maximum(distance, 0.0) ** 3
    return cube


def _both_classes(response: Floats, weights: Floats) -> np.ndarray:
    both: np.ndarray = (weights @ response > 0) & (weights @ (1 - response) > 0)
    return both
