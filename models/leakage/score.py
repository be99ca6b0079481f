"""Figures that are too good for the number of patients behind them."""

LIMITS = ((500, 0.80), (2000, 0.90))
"""Below so many patients, an AUC or C from here on is more than honest models of imaging and outcome reach."""
_ALWAYS = 0.98


def implausibly_high(value: float, patients: int) -> bool:
    """Whether an AUC or concordance on held-out patients calls for an explanation.

    Honest models of imaging and outcome reach C 0.55 to 0.68 and AUC 0.60 to 0.79; of the clinical record, 0.82.
    """
    return value >= next((limit for below, limit in LIMITS if patients < below), _ALWAYS)
