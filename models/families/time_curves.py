"""How the logarithm of a time spreads about its mean: extreme value (Weibull), normal or logistic.

z = (log t - mean) / scale. All three have a log-concave density, so a fit has one best place for given scale.
Source: Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002), section 2.2.
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import expit, log_ndtr

from features.types import Floats

Curve = Literal["extreme", "normal", "logistic"]
CURVES: tuple[Curve, ...] = ("extreme", "normal", "logistic")
FURTHEST = 30.0
"""|z| beyond which nothing is told apart: a cumulative hazard would leave the range of numbers."""


class Slopes(NamedTuple):
    """A function of z with its first and second derivative."""

    value: Floats
    first: Floats
    second: Floats


def cumulative_hazard(curve: Curve, z: Floats) -> Floats:
    """Minus the logarithm of survival; 0 for z of minus infinity (day 0)."""
    held = np.clip(z, -FURTHEST, FURTHEST)
    hazard: Floats = np.where(np.isneginf(z), 0.0, _cumulative(curve, held).value)
    return hazard


def log_cumulative_hazard(curve: Curve, z: Floats) -> Floats:
    """Its logarithm, rising in z."""
    logarithm: Floats = np.log(_cumulative(curve, np.clip(z, -FURTHEST, FURTHEST)).value)
    return logarithm


def log_likelihood(curve: Curve, z: Floats, event: Floats) -> Slopes:
    """Of each patient, up to a constant that no parameter moves: event log(hazard) - cumulative hazard."""
    passed, hazard = _cumulative(curve, z), _log_hazard(curve, z)
    return Slopes(*(event * one - other for one, other in zip(hazard, passed, strict=True)))


def survived(curve: Curve, z: Floats) -> Slopes:
    """Cumulative hazard at z: what a patient who entered late had survived unseen."""
    return _cumulative(curve, z)


def _cumulative(curve: Curve, z: Floats) -> Slopes:
    if curve == "extreme":
        power = np.exp(np.minimum(z, 700.0))
        return Slopes(power, power, power)
    if curve == "logistic":
        share = expit(z)
        return Slopes(np.logaddexp(0.0, z), share, share * (1 - share))
    survival = log_ndtr(-z)
    ratio = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - survival)
    return Slopes(-survival, ratio, ratio * (ratio - z))


def _log_hazard(curve: Curve, z: Floats) -> Slopes:
    """Log-hazard on the scale of z."""
    if curve == "extreme":
        return Slopes(z, np.ones_like(z), np.zeros_like(z))
    if curve == "logistic":
        share = expit(z)
        return Slopes(-np.logaddexp(0.0, -z), 1 - share, -share * (1 - share))
    survival = log_ndtr(-z)
    logarithm = -0.5 * z**2 - 0.5 * np.log(2 * np.pi) - survival
    ratio = np.exp(logarithm)
    return Slopes(logarithm, ratio - z, ratio * (ratio - z) - 1)
