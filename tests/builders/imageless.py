"""Simulated patients with columns such as an image would show, without the image: hundreds a second, truth known.

The mechanism is `models.simulation`'s; each column mixes the tumour's factors, bent and with noise of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.families.columns import ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.simulation.mechanism import Fate, draw_course, fates
from models.simulation.patient import THERAPIES, Patient, draw_patient, propensities, size_score

_COLUMN = "radiomics.ct.baseline.largest.original_glcm_Simulated"
_MIXED = 2.5
"""Factors that a column mixes, on average."""
_NOISE = 0.5
_COLUMNS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Imageless:
    """A cohort and its truth."""

    table: pd.DataFrame
    columns: tuple[ColumnSpec, ...]
    outcome: OutcomeTarget
    progression: ProgressionTarget
    truth: tuple[Mapping[str, Fate], ...]

    def target(self, task: Task) -> Target:
        """Of either task."""
        return self.outcome if task == "outcome" else self.progression


def imageless(patients: int, seed: int, *, columns: int = _COLUMNS) -> Imageless:
    """The cohort of that seed; what columns mean is the same for all seeds."""
    generator = np.random.default_rng([7, seed])
    people = [draw_patient(generator) for _ in range(patients)]
    truth = tuple(fates(one.covariates, one.tumours[0]) for one in people)
    chances = [propensities(one.covariates, one.tumours[0]) for one in people]
    given = [THERAPIES[int(generator.choice(3, p=[chance[name] for name in THERAPIES]))] for chance in chances]
    courses = [draw_course(fate[therapy], generator) for fate, therapy in zip(truth, given, strict=True)]
    factors = np.array([_factors(one) for one in people])
    meaning = np.random.default_rng(11)
    mixing = meaning.normal(size=(factors.shape[1], columns))
    mixing *= meaning.random(mixing.shape) < _MIXED / factors.shape[1]
    bend = meaning.uniform(0.3, 1.2, size=columns)
    shown = np.tanh(bend * (factors @ mixing)) / bend + _NOISE * generator.normal(size=(patients, columns))
    clinical = pd.DataFrame([asdict(one.covariates) for one in people]).add_prefix("clinical.")
    for row, one in enumerate(people):
        for name in one.unrecorded:
            clinical.loc[row, f"clinical.{name}"] = np.nan
    table = pd.concat(
        [clinical, pd.DataFrame(shown, columns=[f"{_COLUMN}{index}" for index in range(columns)])], axis=1
    )
    declared = tuple(
        ColumnSpec(str(name), "category" if name in ("clinical.sex", "clinical.stage") else "number") for name in table
    )
    return Imageless(
        table.assign(therapy=given),
        declared,
        OutcomeTarget(np.array([float(one.response) for one in courses])),
        ProgressionTarget(
            np.array([float(one.time_days) for one in courses]), np.array([one.event > 0 for one in courses])
        ),
        truth,
    )


def _factors(one: Patient) -> Floats:
    tumour = one.tumours[0]
    return np.array(
        [
            (tumour.heterogeneity_hu - 35.5) / 17.0,
            (math.log(tumour.texture_scale_mm) - 0.80) / 0.46,
            (tumour.necrosis - 0.23) / 0.15,
            (tumour.spiculation - 0.5) / 0.29,
            (tumour.lobulation - 0.5) / 0.29,
            (tumour.density_hu - 35.0) / 12.0,
            size_score(tumour),
        ]
    )
