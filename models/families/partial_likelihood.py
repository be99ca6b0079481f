"""Cox's partial likelihood with strata and late entry, and its elastic net: Efron's ties, as lifelines has them.

lifelines smooths the absolute value and takes up to a second a fit of 25 columns; to choose a strength takes dozens.
Here each Newton step is solved by coordinate descent, which sets coefficients to 0 exactly.
"""

from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.errors import BadCohort
from models.families.target import ProgressionTarget

_STEPS = 60
_SWEEPS = 200
_STILL = 1e-8
"""Largest move of a coefficient, on columns of unit spread, at which a fit has arrived."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """Who was at risk at each event: watched by then, not gone before, of the same stratum.

    Held as one matrix, (events, n): 0.5 MB for 250 events of 250 patients.
    """

    at_risk: Floats
    """1 for who was at risk at an event."""
    efron: Floats
    """The same, less the part that Efron (J Am Stat Assoc 72 (1977) 557) takes off those tied with it."""
    event: Floats
    """1 for events, (n,)."""

    @classmethod
    def of(cls, target: ProgressionTarget, strata: Floats) -> "RiskSets":
        """From times and the stratum of each patient, (n,)."""
        seen = np.flatnonzero(target.event)
        time, of = target.time_days[seen], strata[seen]
        entry = np.full(target.event.size, -np.inf) if target.entry_days is None else target.entry_days
        here = (target.time_days >= time[:, None]) & (entry < time[:, None]) & (strata == of[:, None])
        tied = here & (target.time_days == time[:, None]) & target.event
        among = tied[:, seen]
        rank = np.tril(among, -1).sum(axis=1)
        share = rank / np.maximum(among.sum(axis=1), 1)
        at_risk = here.astype(np.float64)
        return cls(at_risk, at_risk - share[:, None] * tied, target.event.astype(np.float64))

    def log_likelihood(self, log_ratio: Floats) -> float:
        """Log partial likelihood of log-hazard ratios, (n,)."""
        top = float(log_ratio.max())
        total = self.efron @ np.exp(log_ratio - top)
        return float(self.event @ (log_ratio - top) - np.log(total).sum())

    def slopes(self, X: Floats, log_ratio: Floats) -> tuple[Floats, Floats]:
        """Gradient, and minus the Hessian, in the coefficients."""
        ratio = np.exp(log_ratio - log_ratio.max())
        total = self.efron @ ratio
        mean = (self.efron @ (ratio[:, None] * X)) / total[:, None]
        passed = ratio * (self.efron.T @ (1 / total))
        gradient: Floats = self.event @ X - mean.sum(axis=0)
        information: Floats = (X.T * passed) @ X - mean.T @ mean
        return gradient, information


def elastic_net(
    X: Floats, risk: RiskSets, penalty: Floats, l1_ratio: float, start: Floats | None = None
) -> tuple[Floats, Floats]:
    """The coefficients of largest penalised partial likelihood, and the information there (without penalty).

    Args:
        X: Columns of unit spread, (n, columns).
        risk: Of these patients.
        penalty: Of each column, a patient: penalty (l1_ratio |b| + (1 - l1_ratio) b^2 / 2), as lifelines has it.
        l1_ratio: 0 for ridge, 1 for lasso.
        start: Coefficients to begin at.

    Raises:
        BadCohort: The search does not arrive.

    Source: Simon et al., J Stat Softw 39 (2011) 5.
    """
    n = X.shape[0]
    sharp, round_ = n * penalty * l1_ratio, n * penalty * (1 - l1_ratio)

    def value(beta: Floats) -> float:
        return risk.log_likelihood(X @ beta) - float(sharp @ np.abs(beta) + 0.5 * round_ @ beta**2)

    beta = np.zeros(X.shape[1]) if start is None else start
    reached = value(beta)
    for _ in range(_STEPS):
        gradient, information = risk.slopes(X, X @ beta)
        move = _descend(beta, gradient, information, sharp, round_) - beta
        if np.abs(move).max(initial=0.0) < _STILL:
            return beta, information
        share = 1.0
        while (told := value(beta + share * move)) < reached - 1e-12 * abs(reached) and share > 1e-6:
            share /= 2
        if not np.isfinite(told):
            break
        beta, reached = beta + share * move, told
        if share < 1e-6:
            return beta, information  # no step betters it: the numbers end here
    raise BadCohort(f"no Cox fit is found on {n} patients")


def _descend(beta: Floats, gradient: Floats, information: Floats, sharp: Floats, round_: Floats) -> Floats:
    """Coordinate descent on the parabola that touches the likelihood."""
    new = beta.copy()
    slope = gradient.copy()  # of the parabola at `new`
    curvature = np.maximum(np.diag(information), 0.0)
    for _ in range(_SWEEPS):
        largest = 0.0
        for column in range(beta.size):
            steep = curvature[column] + round_[column]
            if steep <= 0:
                continue
            pulled = slope[column] + curvature[column] * new[column]
            wanted = np.sign(pulled) * max(abs(pulled) - sharp[column], 0.0) / steep
            moved = wanted - new[column]
            if moved != 0.0:
                slope -= moved * information[:, column]
                new[column] = wanted
                largest = max(largest, abs(moved))
        if largest < _STILL / 10:
            break
    return new


def baseline(log_ratio: Floats, risk: RiskSets, target: ProgressionTarget, members: Floats) -> tuple[Floats, Floats]:
    """Breslow's cumulative baseline hazard of one stratum on the days of its events.

    Args:
        log_ratio: Of every patient, (n,).
        risk: Of every patient.
        target: Of every patient.
        members: Who belongs to the stratum, (n,), True or False.
    """
    of_events = members[np.flatnonzero(target.event)] > 0
    time = target.time_days[target.event][of_events]
    step = 1 / (risk.at_risk[of_events] @ np.exp(log_ratio))
    days, index = np.unique(time, return_inverse=True)
    return days, np.cumsum(np.bincount(index, weights=step, minlength=days.size))
