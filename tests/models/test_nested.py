"""A family that stands is believed unless another errs less beyond chance; where none stands the least error is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from builders.late_patients import drawn, once

from features.types import Floats
from models.chance import beats
from models.crossvalidation import CrossValidation, Unseen, validate
from models.families.known import STANDING, TRIED, standing
from models.families.target import OutcomeTarget
from models.nested import choose
from models.progress import progress_bar
from models.splits import Predictor, Split
from models.survival_error import evaluation_days, integrated_brier

PATIENTS = 120
RESPONSE = np.arange(PATIENTS) % 2


def saying(odds: Floats) -> Predictor:
    """One that says the same of each patient whatever it learns."""

    def said(split: Split) -> Floats:
        of: Floats = odds[split.test["row"].to_numpy()]
        return of

    return said


def told(odds: float, others: float = 0.0, right: int = 10) -> Predictor:
    """Log-odds towards the truth, one value for so many of ten patients and another for the rest."""
    towards = np.where(RESPONSE == 1, 1.0, -1.0)
    return saying(towards * np.where(np.arange(PATIENTS) // 2 % 10 < right, odds, others))


def choice(predictors: Mapping[str, Predictor], stands: str | None) -> set[str]:
    frame, target = pd.DataFrame({"row": np.arange(PATIENTS)}), OutcomeTarget(RESPONSE.astype(np.float64))
    validation = validate(predictors, frame, target, folds=3, seed=0, progress=False)
    with progress_bar(3, "choosing", "fold", shown=False) as bar:
        return set(choose(predictors, frame, target, validation, seed=0, bar=bar, standing=stands))


def test_one_that_stands_is_left_for_one_that_is_better_beyond_chance_alone() -> None:
    luck = told(0.75, -0.6, right=6)  # less error in the mean, but for some patients more
    better, best = told(0.3), told(0.4)
    assert choice({"standing": told(0.0), "luck": luck}, None) == {"luck"}
    assert choice({"standing": told(0.0), "luck": luck}, "standing") == {"standing"}
    assert choice({"better": better, "standing": told(0.0), "best": best}, "standing") == {"best"}
    assert choice({"standing": best, "better": better}, "standing") == {"standing"}


def test_who_says_nothing_of_a_patient_beats_nobody() -> None:
    sound, silent = np.full(40, 0.2), np.where(np.arange(40) == 3, np.inf, 0.0)
    lost = np.where(np.arange(40) == 3, np.nan, 0.0)
    for broken in (silent, lost):
        assert not beats(broken, sound) and not beats(broken, broken) and beats(sound, broken)


def test_what_is_less_by_chance_does_not_beat() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=400)
    noise = (noise - noise.mean()) / noise.std(ddof=1)  # the standard error of its mean is 0.05
    standing_losses = random.normal(1.0, 0.1, size=400)
    assert not beats(standing_losses - 0.099 + noise, standing_losses)
    assert beats(standing_losses - 0.101 + noise, standing_losses)
    assert not beats(standing_losses, standing_losses)
    assert beats(standing_losses - 0.001, standing_losses)


def test_among_the_families_of_either_task_the_blend_stands() -> None:
    for task in ("outcome", "progression"):
        assert standing([name for of, name in TRIED if of == task]) == STANDING
    assert standing(["xgboost", "fusion"]) is None


@pytest.mark.parametrize(("late", "dying"), [(False, False), (True, False), (True, True), (False, True)])
def test_each_patients_part_makes_up_the_integrated_brier_score(late: bool, dying: bool) -> None:
    target, risk = drawn(4, 90, late=late, dying=dying)
    days = evaluation_days(target)
    survival = np.exp(-np.outer(np.exp(0.5 * risk), days) / 400)
    fold = np.zeros(90, dtype=np.intp)
    validation = CrossValidation(target, fold, 1, days, {"model": Unseen(risk, survival)})
    assert validation.errors("model").shape == (90,)
    whole = integrated_brier(target, survival, days, once(90))[0]
    assert validation.error("model") == pytest.approx(whole, rel=1e-12)
