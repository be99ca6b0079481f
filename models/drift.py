"""How far what is asked about has moved from what was learned from: PSI and Kolmogorov and Smirnov's D, on classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from scipy.stats import chi2

from models.spreads import Spread

LARGE_PSI = 0.2
"""From where a shift is commonly called large; 0.1 to 0.2 moderate."""
LEVEL = 0.99
"""How sure it must be that a shift is no chance: of 100 columns without drift one passes."""
LARGE_MISSING = 0.1
"""Rise in the share of missing values that is worth a word."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One column, or the predictions for one therapy."""

    name: str
    seen: int
    """Values, missing ones left out."""
    psi: float
    """Population stability index, 0 for the same shares."""
    psi_by_chance: float
    """That `LEVEL` of samples of this size stay below when nothing has moved."""
    ks: float | None
    """Largest distance of the cumulative shares at the cuts, 0 to 1; None for categories."""
    ks_by_chance: float | None
    missing: float
    """Share of the asked cases without a value."""
    missing_then: float

    @property
    def drifted(self) -> bool:
        """Whether the shift is large and more than chance, or values go missing that did not."""
        return (self.psi > LARGE_PSI and self.psi > self.psi_by_chance) or (
            self.seen > 0 and self.missing > self.missing_then + LARGE_MISSING
        )


def drift_of(spread: Spread, patients: int, counts: Sequence[int], missing: int) -> Drift:
    """Compares counts by class with the training cohort's shares.

    Args:
        spread: Of the training cohort.
        patients: In it.
        counts: Of what was asked about since, by class.
        missing: How many of those had no value.

    Source: PSI's size by chance is (1/n + 1/m) times a chi-squared of classes - 1 degrees (Yurdakul, 2018); KS's as
    usual for two samples, which classes make conservative. Half a patient in every class keeps empty ones finite.
    """
    seen = sum(counts)
    then = [(share * patients + 0.5) / (patients + 0.5 * spread.classes) for share in spread.shares]
    now = [(count + 0.5) / (seen + 0.5 * spread.classes) for count in counts]
    known = max(1.0, patients * (1 - spread.missing))
    noise = 1 / known + (1 / seen if seen else 1.0)
    ks = _largest_gap(spread.shares, [count / seen for count in counts]) if seen and not spread.categories else None
    return Drift(
        name=spread.name,
        seen=seen,
        psi=sum((a - e) * log(a / e) for a, e in zip(now, then, strict=True)) if seen else 0.0,
        psi_by_chance=float(chi2.ppf(LEVEL, spread.classes - 1)) * noise,
        ks=ks,
        ks_by_chance=None if ks is None else sqrt(-log((1 - LEVEL) / 2) / 2) * sqrt(noise),
        missing=missing / (seen + missing) if seen + missing else 0.0,
        missing_then=spread.missing,
    )


def _largest_gap(first: Sequence[float], second: Sequence[float]) -> float:
    gap = largest = 0.0
    for one, other in zip(first, second, strict=True):
        gap += one - other
        largest = max(largest, abs(gap))
    return largest
