"""What is gained by not answering those furthest from the training cohort: coverage against risk on held-out patients.

Source: El-Yaniv and Wiener, J Mach Learn Res 11 (2010) 1605.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.calibration import probability
from models.crossvalidation import MODEL, CrossValidation
from models.evaluation import Estimate, patient_draws
from models.families.target import OutcomeTarget
from models.survival_error import integrated_brier

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of patients who are answered."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Error when only the nearest to the training cohort are answered."""

    coverage: float
    patients: int
    error: Estimate
    """Brier score, or integrated Brier score, of those answered; lower is better."""
    gain: Estimate
    """Error of all less that of those answered, same draws of patients; refusing by chance would gain nothing."""


def coverage_against_risk(validation: CrossValidation, *, seed: int) -> tuple[Answered, ...]:
    """Leaves out those furthest from the training cohort, a few more each time.

    A patient's distance is told by the fold's own model, which had not seen the patient.

    Args:
        validation: With each patient's distance, as the model's fits have told it.
        seed: Of the draws of patients.

    Returns:
        One for each of `COVERAGES`; none where no distances were told.
    """
    far = validation.unseen[MODEL].far
    if far is None:
        return ()
    nearest_first = np.argsort(far, kind="stable")
    weights = patient_draws(far.size, seed)
    found: list[Answered] = []
    everyone = _error(validation, weights)
    for coverage in COVERAGES:
        answered = np.zeros(far.size)
        answered[nearest_first[: math.ceil(coverage * far.size)]] = 1.0
        error = everyone if coverage == 1.0 else _error(validation, weights * answered)
        found.append(
            Answered(coverage, int(answered.sum()), Estimate.of(error), Estimate.of(everyone - error))
        )  # fmt: skip
    return tuple(found)


def in_words(rows: Sequence[Answered]) -> str:
    """Whether distance tells who will be answered wrongly."""
    better = [one for one in rows if one.gain.lower is not None and one.gain.lower > 0]
    worse = [one for one in rows if one.gain.upper is not None and one.gain.upper < 0]
    if better:
        most = max(better, key=lambda one: one.coverage)
        share = f"{1 - most.coverage:.0%}"
        return f"Not answering the {share} furthest from the training cohort lowers the error beyond chance."
    if worse:
        return "**Those furthest from the training cohort are answered better than others: distance is no warning.**"
    return "Distance from the training cohort does not tell, beyond chance, whose answer is wrong."


def _error(validation: CrossValidation, weights: Floats) -> Floats:
    """Over draws, (draws,); NaN where a draw has nobody."""
    unseen = validation.unseen[MODEL]
    if isinstance(validation.target, OutcomeTarget):
        each = (probability(unseen.score) - validation.target.response) ** 2
        with np.errstate(invalid="ignore"):
            error: Floats = weights @ each / weights.sum(axis=1)
        return error
    assert unseen.survival is not None and validation.days is not None  # noqa: S101 - progression has both
    return integrated_brier(validation.target, unseen.survival, validation.days, weights)
