"""One model that knows the therapy, or one for each therapy: how right either is, by how many patients it learned from.

Simulated cohorts with columns such as an image would show (`builders.imageless`), whose therapies differ in what speaks
for them; judged on fresh patients under every therapy, against the truth. `RADRESPONSE_BY_THERAPY_PATIENTS`, `_DRAWS`
and `_SEED` choose others.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from builders.imageless import Imageless, imageless

from features.types import Floats
from models.families.all import FAMILIES
from models.families.columns import THERAPY
from models.families.family import Fitted, OutcomeScores
from models.families.target import Task
from models.intervals import restricted_mean
from models.simulation.patient import THERAPIES

from .coverage import REFERENCE

Say = Callable[[str], None]

PATIENTS = tuple(map(int, os.environ.get("RADRESPONSE_BY_THERAPY_PATIENTS", "120,200,600,1500").split(",")))
DRAWS = int(os.environ.get("RADRESPONSE_BY_THERAPY_DRAWS", "6"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_BY_THERAPY_SEED", "80000"))
_FRESH = 200
_APART = 5_000
"""Between the seed of a draw and that of its fresh patients."""
_PAIRS: tuple[tuple[Task, str], ...] = (
    ("outcome", "xgboost"),
    ("outcome", "ordinal"),
    ("progression", "xgboost_cox"),
    ("progression", "cox"),
)


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    say(
        "estimate, difference: root mean squared error under each therapy, and of the difference from "
        f"{REFERENCE}; lost: what is lost by giving each patient the therapy that the model finds best\n"
    )
    figures: dict[str, Any] = {"draws": DRAWS, "seed": FIRST_SEED, "of": {}}
    for patients in PATIENTS:
        for task, inner in _PAIRS:
            for name in (inner, f"{inner}_by_therapy"):
                draws = [_draw(task, name, patients, FIRST_SEED + draw) for draw in range(DRAWS)]
                mean = np.mean(draws, axis=0)
                figures["of"][f"{task}-{name}, {patients}"] = mean.tolist()
                digits = 3 if task == "outcome" else 0
                said = "  ".join(
                    f"{what} {value:.{digits}f}"
                    for what, value in zip(("estimate", "difference", "lost"), mean, strict=False)
                )
                model = f"{task}-{name}"
                say(f"{patients:>5} patients  {model:36} {said}  ({mean[3]:.1f} s)")
    return figures


def _draw(task: Task, name: str, patients: int, seed: int) -> tuple[float, float, float, float]:
    known, fresh = imageless(patients, seed), imageless(_FRESH, _APART + seed)
    began = time.perf_counter()
    fit = FAMILIES[task, name].fit(known.table, known.target(task), known.columns, seed=1, replicates=0)
    seconds = time.perf_counter() - began
    told, truth = _told(fit, fresh), _truth(fit, fresh)
    at = THERAPIES.index(REFERENCE)
    others = [index for index in range(len(THERAPIES)) if index != at]
    apart = (told - told[at] - truth + truth[at])[others]
    lost = truth.max(axis=0) - truth[told.argmax(axis=0), np.arange(_FRESH)]
    estimate = float(np.sqrt(np.mean((told - truth) ** 2)))
    return estimate, float(np.sqrt(np.mean(apart**2, axis=1)).mean()), float(lost.mean()), seconds


def _told(fit: Fitted, fresh: Imageless) -> Floats:
    """Probability of response, or restricted mean in days, (therapies, patients)."""
    each = [fit.predict(fresh.table.assign(**{THERAPY: therapy})) for therapy in THERAPIES]
    return np.array(
        [
            one.probability if isinstance(one, OutcomeScores) else restricted_mean(fit.recipe.time_days, one.survival)
            for one in each
        ]
    )


def _truth(fit: Fitted, fresh: Imageless) -> Floats:
    if fit.recipe.task == "outcome":
        return np.array([[fate[one].response_probability for fate in fresh.truth] for one in THERAPIES])
    horizon = float(fit.recipe.time_days[-1])
    return np.array([[fate[one].restricted_mean_days(horizon) for fate in fresh.truth] for one in THERAPIES])
