"""The figures that a card and a terminal show: of the model, its baselines, its gain over them, and of subgroups."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.baselines import AVERAGE
from models.cohort import Patient
from models.crossvalidation import MODEL, CrossValidation
from models.evaluation import SMALLER_IS_BETTER, Estimate, area_under_curve, concordance, patient_draws
from models.families.target import Bools, OutcomeTarget
from models.measures.horizon import day_in

FEWEST_IN_A_SUBGROUP = 20
GAIN = "model minus "
TITLES: Mapping[str, str] = {
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "calibration_index": "calibration index (ICI)",
    "concordance": "concordance (Harrell's C)",
    "uno_concordance": "concordance (Uno's C)",
    "integrated_brier": "integrated Brier score",
    "dynamic_auc": "AUC",
}
LEADING = {"outcome": "auc", "progression": "concordance"}
"""The figure that a list shows."""
ERROR = {"outcome": "brier", "progression": "integrated_brier"}
"""By which families are chosen, and coverage is judged."""
BETTER: Mapping[str, str] = {
    "auc": "higher is better, 0.5 is chance",
    "brier": "lower is better",
    "calibration_slope": "1 is right, below 1 too extreme",
    "calibration_intercept": "0 is right, above 0 predictions too low",
    "calibration_index": "0 is right: mean distance of predicted and observed",
    "concordance": "higher is better, 0.5 is chance",
    "uno_concordance": "higher is better, 0.5 is chance",
    "integrated_brier": "lower is better",
    "dynamic_auc": "higher is better, 0.5 is chance",
}
_COMPARED = frozenset({"auc", "brier", "concordance", "uno_concordance", "integrated_brier"})
"""Whose gain over each baseline is given."""


def title(name: str) -> str:
    """What people call a figure, with the day at which it is taken."""
    plain, day = day_in(name)
    return TITLES[plain] if day is None else f"{TITLES[plain]} at {day} days"


def reading(name: str) -> str:
    """How to read a figure."""
    return BETTER[day_in(name)[0]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one predictor."""

    name: str
    """`auc`, `brier`, ... as in TITLES."""
    of: str
    """`model`, a baseline's name, or `model minus <baseline>`."""
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The leading figure in some of the patients."""

    name: str
    patients: int
    positives: int
    """With response, or with the event seen."""
    estimate: Estimate | None
    """None where there are too few patients, or one class only."""
    gap: Estimate | None = None
    """Its figure minus that of all other patients, same draws."""

    @property
    def flagged(self) -> bool:
        """Whether the model does worse here than elsewhere, beyond chance."""
        return self.gap is not None and self.gap.upper is not None and self.gap.upper < 0


def figures(validation: CrossValidation, *, seed: int) -> tuple[Figure, ...]:
    """All figures with intervals over the same draws of patients, so that gains are paired."""
    weights = patient_draws(validation.fold.size, seed)
    by_who = {who: _shown(who, validation.measures(who, weights)) for who in validation.unseen}
    found = [
        Figure(name, who, Estimate.of(draws))
        for who, measures in by_who.items()
        for name, draws in measures.items()
        if np.isfinite(draws[0])
    ]
    for who, measures in by_who.items():
        if who != MODEL:
            found += [
                Figure(name, GAIN + who, Estimate.of(by_who[MODEL][name] - draws))
                for name, draws in measures.items()
                if name in _COMPARED and np.isfinite(by_who[MODEL][name][0] - draws[0])
            ]
    return tuple(found)


def _shown(who: str, measures: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """The cohort's average puts nobody before anybody: it has an error, and no order."""
    if who != AVERAGE:
        return measures
    return {name: draws for name, draws in measures.items() if day_in(name)[0] in SMALLER_IS_BETTER}


def subgroups(validation: CrossValidation, patients: Sequence[Patient], *, seed: int) -> tuple[Subgroup, ...]:
    """The leading figure by sex, by halves of age, and by site."""
    return subgroups_of(validation, _groups(patients), seed=seed)


def subgroups_of(
    validation: CrossValidation, groups: Iterable[tuple[str, Bools]], *, seed: int
) -> tuple[Subgroup, ...]:
    """The leading figure of each group, and how far it lies from that of all other patients.

    Given only where there are at least 20 patients with both classes; counts always.
    """
    weights = patient_draws(validation.fold.size, seed)
    return tuple(_subgroup(validation, name, members, weights) for name, members in groups)


def group_members(title: str, values: Sequence[str | float | None]) -> Iterator[tuple[str, Bools]]:
    """The patients of each word, or of either half of a number."""
    if any(isinstance(value, float) for value in values):
        numbers = np.array([value if isinstance(value, float) else np.nan for value in values])
        middle = float(np.nanmedian(numbers))
        yield f"{title}: up to {middle:g}", numbers <= middle
        yield f"{title}: over {middle:g}", numbers > middle
        return
    for word in sorted({str(value) for value in values if value is not None}):
        yield f"{title}: {word}", np.array([value is not None and str(value) == word for value in values])


def _subgroup(validation: CrossValidation, name: str, members: Bools, weights: Floats) -> Subgroup:
    target = validation.target
    marked = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    own = _leading(validation, members, weights)
    others = _leading(validation, ~members, weights)
    gap = None if own is None or others is None else Estimate.of(own - others)
    return Subgroup(
        name, int(members.sum()), int(marked[members].sum()), None if own is None else Estimate.of(own), gap
    )


def _leading(validation: CrossValidation, members: Bools, weights: Floats) -> Floats | None:
    """The leading figure of some patients over draws; None where they are too few to say."""
    rows = np.flatnonzero(members)
    target, score = validation.target.take(rows), validation.unseen[MODEL].score[rows]
    marked = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
    enough = rows.size >= FEWEST_IN_A_SUBGROUP and marked.any()
    if not enough or (isinstance(target, OutcomeTarget) and marked.all()):
        return None
    draws = (
        area_under_curve(score, marked, weights[:, rows])
        if isinstance(target, OutcomeTarget)
        else concordance(target, score, weights[:, rows])
    )
    return draws if np.isfinite(draws[0]) else None


def _groups(patients: Sequence[Patient]) -> Iterator[tuple[str, Bools]]:
    for column, name in (("clinical.sex", "sex"), ("site", "site")):
        words = [patient.site if column == "site" else patient.clinical.get(column) for patient in patients]
        yield from group_members(name, [None if word is None else str(word) for word in words])
    age = next(
        (name for name in ("clinical.age_years", "clinical.age") if any(name in p.clinical for p in patients)), None
    )
    if age is not None:
        years = [patient.clinical.get(age) for patient in patients]
        yield from group_members("age", [year if isinstance(year, float) else None for year in years])
