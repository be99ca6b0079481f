"""How good predictions for unseen patients are: discrimination, calibration, error, each over bootstrap draws.

Every measure takes `weights`, (draws, n_patients): how often each patient counts in each draw. The first row is the
cohort itself, so the first of the returned values is the figure, and the others give its interval. The same
weights for two models give paired draws, and so an interval of their difference.
"""

from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.calibration import probability
from models.families.target import Bools, OutcomeTarget, ProgressionTarget
from models.measures.calibration_curve import calibration_index, slope_and_intercept
from models.measures.discrimination import dynamic_auc, uno_concordance
from models.measures.horizon import judged_days, named, risk_at, status_at
from models.measures.pairs import comparable_pairs
from models.measures.weighted import ratio
from models.survival_error import integrated_brier

DRAWS = 1000
LEVEL = 0.95
SMALLER_IS_BETTER = frozenset({"brier", "integrated_brier"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval over patients; an end is None where no draw allowed it."""

    value: float
    lower: float | None
    upper: float | None

    @classmethod
    def of(cls, draws: Floats) -> "Estimate":
        """From values over draws, the first of which is the figure itself."""
        drawn = draws[1:][np.isfinite(draws[1:])]
        if not drawn.size:
            return cls(float(draws[0]), None, None)
        tail = (1 - LEVEL) / 2
        lower, upper = np.quantile(drawn, [tail, 1 - tail])
        return cls(float(draws[0]), float(lower), float(upper))

    def __str__(self) -> str:
        """As people read it, e.g. `0.71 (0.64 to 0.78)`."""
        if self.lower is None or self.upper is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.lower:.3f} to {self.upper:.3f})"


def patient_draws(patients: int, seed: int, draws: int = DRAWS) -> Floats:
    """Weights of the cohort itself and of patients drawn anew with replacement, (draws + 1, patients)."""
    drawn = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=draws)
    return np.vstack([np.ones(patients), drawn])


def outcome_measures(target: OutcomeTarget, log_odds: Floats, weights: Floats) -> dict[str, Floats]:
    """AUC, Brier score, calibration slope, intercept and index over draws, each (draws,).

    Args:
        target: Response of each patient.
        log_odds: Of response, (n,), from a model that had not seen the patient.
        weights: (draws, n).
    """
    response = target.response
    error = (probability(log_odds) - response) ** 2
    slope, intercept = slope_and_intercept(log_odds, response, weights)
    return {
        "auc": area_under_curve(log_odds, response > 0, weights),
        "brier": weights @ error / weights.sum(axis=1),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "calibration_index": calibration_index(log_odds, response, weights, np.ones_like(response)),
    }


def progression_measures(
    target: ProgressionTarget, risk: Floats, survival: Floats, days: Floats, weights: Floats
) -> dict[str, Floats]:
    """Harrell's and Uno's C, the integrated Brier score, and figures at single days, over draws, each (draws,).

    Patients who entered late count from entry on. Where another end may come first, all figures are of progression
    before it: predicted and observed are cumulative incidences.

    At the days of `judged_days`: AUC and Brier score; at the middle one also calibration slope, intercept and index.

    Args:
        target: Time and event of each patient.
        risk: Higher is worse, (n,).
        survival: Probability of no progression until each of `days`, (n, days).
        days: Ascending, as `evaluation_days` gives them.
        weights: (draws, n).
    """
    measures = {
        "concordance": concordance(target, risk, weights),
        "uno_concordance": uno_concordance(target, risk, weights, float(days[-1])),
        "integrated_brier": integrated_brier(target, survival, days, weights),
    }
    judged = judged_days(target)
    for day in judged:
        status, chance = status_at(target, day), risk_at(survival, days, day)
        error = status.weight * (status.progressed - chance) ** 2
        # Of those who entered late more were seen of the slow than of all: the mean is over those whom they stand for.
        late = target.entry_days is not None
        people, unseen = (weights * status.weight, np.ones_like(chance)) if late else (weights, status.weight)
        measures[named("dynamic_auc", day)] = dynamic_auc(status, chance, weights)
        measures[named("brier", day)] = ratio(weights @ error, people.sum(axis=1))
        if day == judged[len(judged) // 2]:
            log_odds, seen = np.log(chance / (1 - chance)), weights * status.weight
            slope, intercept = slope_and_intercept(log_odds, status.progressed, seen)
            measures[named("calibration_slope", day)] = slope
            measures[named("calibration_intercept", day)] = intercept
            measures[named("calibration_index", day)] = calibration_index(log_odds, status.progressed, people, unseen)
    return measures


def area_under_curve(score: Floats, positive: Bools, weights: Floats) -> Floats:
    """How often a responder scores above a non-responder, ties counting one half, (draws,).

    NaN in a draw that holds one class only.
    """
    above, below = score[positive], score[~positive]
    wins = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    first, second = weights[:, positive], weights[:, ~positive]
    return ratio(((first @ wins) * second).sum(axis=1), first.sum(axis=1) * second.sum(axis=1))


def concordance(target: ProgressionTarget, risk: Floats, weights: Floats) -> Floats:
    """How often the higher risk meets its event sooner (Harrell's C), (draws,).

    0.5 for chance, 1.0 for perfect order; NaN in a draw without a comparable pair.

    Source: Harrell et al., Stat Med 15 (1996) 361; with competing events Wolbers et al., Epidemiology 20 (2009) 555.
    """
    comparable = comparable_pairs(target)
    difference = risk[:, None] - risk[None, :]
    tied = np.abs(difference) <= 1e-8
    wins = np.where(comparable, np.where(tied, 0.5, difference > 0), 0.0)
    pairs = comparable.astype(np.float64)
    return ratio(((weights @ wins) * weights).sum(axis=1), ((weights @ pairs) * weights).sum(axis=1))
