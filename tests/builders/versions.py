"""Fitted models and loaded versions of every family, each fitted once for all tests."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from builders.tables import Known, known

from features.profile import DEFAULT_PROFILE
from models.families.all import family_of
from models.families.family import Fitted
from models.families.target import Task
from models.load import load_model
from models.manifest import Facts
from models.package import write_version
from models.reference import Reference, describe
from models.version import Model, TrainedModel

ENCODER = "e" * 64
PATIENTS = 150


@cache
def cohort(*, therapy: bool = True) -> Known:
    """The patients that `fitted` learned from."""
    return known(PATIENTS, seed=3, noise_columns=4, therapy=therapy)


@cache
def fitted(task: Task, family: str, *, therapy: bool = True) -> Fitted:
    """A fit with few replicates."""
    data = cohort(therapy=therapy)
    return family_of(task, family).fit(data.table, data.target(task), data.columns, seed=5, replicates=6)


def facts(task: Task, **changes: object) -> Facts:
    """What a trainer would say of it."""
    said: dict[str, object] = {
        "endpoint": "response" if task == "outcome" else "progression",
        "training_patients": PATIENTS,
        "simulated": True,
        "evidence": "simulated",
        "profile": DEFAULT_PROFILE.text,
        "encoder": ENCODER,
    }
    return Facts(**(said | changes))  # type: ignore[arg-type]


def reference(task: Task, family: str, *, therapy: bool = True) -> Reference:
    """What answers may tell of the patients that `fitted` learned from."""
    data, model = cohort(therapy=therapy), fitted(task, family, therapy=therapy)
    return describe(model.recipe.design, model.encode(data.table), data.target(task), np.random.default_rng(1))


def written(folder: Path, task: Task, family: str, *, therapy: bool = True, **changes: object) -> Path:
    """A version's folder."""
    told = reference(task, family, therapy=therapy)
    write_version(folder, fitted(task, family, therapy=therapy), facts(task, **changes), "# A card\n", reference=told)
    return folder


def loaded(folder: Path, task: Task, family: str, *, therapy: bool = True, **changes: object) -> TrainedModel:
    """A version as it serves."""
    model = load_model(written(folder, task, family, therapy=therapy, **changes), f"{task}-{family}", "1")
    assert isinstance(model, TrainedModel)
    return model


def values_of(
    model: Model, row: int = 0, *, therapy: bool = True, changes: Mapping[str, float | str | None] | None = None
) -> dict[str, float | str]:
    """What is known of one training patient; a change to None leaves the column out."""
    table = cohort(therapy=therapy).table
    values: dict[str, float | str] = {}
    for spec in model.columns:
        value = table[spec.name].iloc[row]
        if value == value:  # not NaN
            values[spec.name] = str(value) if spec.kind == "category" else float(value)
    for name, change in (changes or {}).items():
        values.pop(name, None)
        if change is not None:
            values[name] = change
    return values
