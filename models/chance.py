"""Whether one way errs less than another on the same held-out patients by more than chance would make it."""

import math

from features.types import Floats

_ERRORS = 2.0
"""Standard errors by which the one must be better: with one, all of what was gained was often chance."""


def beats(losses: Floats, others: Floats) -> bool:
    """Whether losses are less than the others, patient by patient, by two standard errors of the mean difference.

    Args:
        losses: Of each patient, (n,); lower is better.
        others: Of the same patients in the same order, (n,); infinite where nothing could be said of them.
    """
    gain = others - losses
    return not gain.mean() <= _ERRORS * gain.std(ddof=1) / math.sqrt(gain.size)
