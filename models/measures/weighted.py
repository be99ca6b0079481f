"""What measures over draws share: weighted logistic regressions, all draws at once, and ratios."""

import numpy as np

from features.types import Floats
from models.calibration import probability

_WHISPER = 1e-6
_STEPS = 30


def logistic(X: Floats, response: Floats, weights: Floats, *, offset: Floats | float = 0.0) -> Floats:
    """Coefficients of every draw's logistic regression, (draws, columns); a whisper of ridge keeps them finite.

    Args:
        X: Columns, (n, columns).
        response: 0 or 1, (n,).
        weights: How much each patient counts in each draw, (draws, n), 0 or more.
        offset: Added to every log-odds.
    """
    ridge = _WHISPER * np.eye(X.shape[1])
    coefficients = np.zeros((len(weights), X.shape[1]))
    for _ in range(_STEPS):
        fitted = probability(coefficients @ X.T + offset)
        gradient = (weights * (response - fitted)) @ X - coefficients * _WHISPER
        hessian = np.einsum("bn,ni,nj->bij", weights * fitted * (1 - fitted), X, X, optimize=True) + ridge
        step = np.clip(np.linalg.solve(hessian, gradient[..., None])[..., 0], -2.0, 2.0)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-9:
            break
    return coefficients


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part by whole; NaN where the whole is not above 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
