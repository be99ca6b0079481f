"""What is said of a patient comes from models that never saw the patient; figures are theirs, and so are baselines'."""

import numpy as np
import pandas as pd
import pytest

from models.baselines import AVERAGE, CLINICAL, VOLUME
from models.crossvalidation import CrossValidation, cross_validate
from models.families.all import family_of
from models.families.columns import ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.figures import LEADING, figures

PATIENTS = 90
COLUMNS = [
    ColumnSpec("clinical.age_years"),
    ColumnSpec("clinical.sex", "category", categories=("female", "male")),
    ColumnSpec("measure.ct.baseline.all.volume_mm3"),
    *(ColumnSpec(f"radiomics.ct.baseline.largest.original_glcm_N{index}") for index in range(40)),
]


def table(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(PATIENTS, 40)), columns=[spec.name for spec in COLUMNS[3:]])
    sex, therapy = random.choice(["female", "male"], PATIENTS), random.choice(["a", "b"], PATIENTS)
    volume = random.lognormal(8, 1, PATIENTS)
    return frame.assign(
        **{
            "clinical.age_years": random.normal(60, 9, PATIENTS),
            "clinical.sex": sex,
            COLUMNS[2].name: volume,
            "therapy": therapy,
        }
    )


def noise(seed: int, task: Task) -> Target:
    """Labels that nothing goes with."""
    random = np.random.default_rng(seed + 1000)
    if task == "outcome":
        return OutcomeTarget((random.random(PATIENTS) < 0.4).astype(float))
    return ProgressionTarget(np.ceil(random.exponential(300, PATIENTS)), random.random(PATIENTS) < 0.7)


def validated(family: str, task: Task, seed: int, frame: pd.DataFrame | None = None) -> CrossValidation:
    return cross_validate(
        family_of(task, family),
        table(seed) if frame is None else frame,
        noise(seed, task),
        COLUMNS,
        folds=3,
        seed=seed,
        progress=False,
    )


@pytest.mark.parametrize(("family", "task", "seeds"), [("xgboost", "outcome", 4), ("cox", "progression", 1)])
def test_noise_gives_chance_for_nothing_is_chosen_on_held_out_patients(family: str, task: Task, seeds: int) -> None:
    """40 columns of noise screened on all patients would give an AUC or C far above one half."""
    name = LEADING[task]
    values = [
        found.estimate.value
        for seed in range(seeds)
        for found in figures(validated(family, task, seed), seed=0)
        if (found.name, found.of) == (name, "model")
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.1)


def test_a_held_out_patient_changes_nothing_that_is_said_of_the_others_held_out() -> None:
    """Medians, scales and chosen columns of a fold come from its training patients."""
    first = validated("xgboost", "outcome", 0)
    frame = table(0)
    numbers = [spec.name for spec in COLUMNS if spec.kind == "number"]
    frame[numbers] = frame[numbers].mul(np.where(np.arange(PATIENTS) == 7, -1000.0, 1.0), axis=0)
    second = validated("xgboost", "outcome", 0, frame)
    assert (first.fold == second.fold).all()
    others = (first.fold == first.fold[7]) & (np.arange(PATIENTS) != 7)
    for who, unseen in first.unseen.items():
        assert (unseen.score[others] == second.unseen[who].score[others]).all()
    assert any((unseen.score != second.unseen[who].score).any() for who, unseen in first.unseen.items())


def test_baselines_stand_beside_the_model_on_the_same_folds() -> None:
    random = np.random.default_rng(5)
    frame = table(5)
    log_odds = 4 * (frame["clinical.sex"] == "male").to_numpy() - 2 + 0.5 * random.normal(size=PATIENTS)
    target = OutcomeTarget((random.random(PATIENTS) < 1 / (1 + np.exp(-log_odds))).astype(float))
    validation = cross_validate(
        family_of("outcome", "xgboost"), frame, target, COLUMNS, folds=5, seed=0, progress=False
    )
    assert list(validation.unseen) == ["model", AVERAGE, CLINICAL, VOLUME]
    found = {(figure.name, figure.of): figure.estimate for figure in figures(validation, seed=0)}
    assert found["auc", CLINICAL].value > found["auc", VOLUME].value
    assert ("auc", AVERAGE) not in found
    gain = found["auc", f"model minus {VOLUME}"]
    assert gain.value == pytest.approx(found["auc", "model"].value - found["auc", VOLUME].value)
    assert gain.lower is not None
    assert gain.lower > 0


def test_a_category_that_only_a_held_out_patient_has_is_missing_to_the_model() -> None:
    frame = table(2)
    frame.loc[0, "clinical.sex"] = "unknown"
    columns = [spec if spec.name != "clinical.sex" else ColumnSpec("clinical.sex", "category") for spec in COLUMNS]
    validation = cross_validate(
        family_of("outcome", "xgboost"), frame, noise(2, "outcome"), columns, folds=5, seed=0, progress=False
    )
    assert all(np.isfinite(unseen.score).all() for unseen in validation.unseen.values())


def test_the_same_seed_says_the_same() -> None:
    first, second = validated("xgboost", "outcome", 1), validated("xgboost", "outcome", 1)
    for who, unseen in first.unseen.items():
        assert (unseen.score == second.unseen[who].score).all()
