"""Whether one way errs less than another on the same held-out patients by more than chance would make it."""

import math

import numpy as np

from features.types import Floats

_ERRORS = 2.0
"""Standard errors by which the one must be better: with one, all of what was gained was often chance."""


def beats(losses: Floats, others: Floats) -> bool:
    """Whether losses are less than the others, patient by patient, by two standard errors of the mean difference.

    Args:
        losses: Of each patient, (n,); lower is better. Not finite where nothing could be said: then it beats nobody.
        others: Of the same patients in the same order, (n,); who is not finite is beaten by who is.
    """
    if not (np.isfinite(losses).all() and np.isfinite(others).all()):
        return bool(np.isfinite(losses).all())
    gain = others - losses
    return bool(gain.mean() > _ERRORS * gain.std(ddof=1) / math.sqrt(gain.size))
