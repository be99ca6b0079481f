"""Tables of raw columns whose truth is known: an image feature, age and the therapy decide."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.families.columns import ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task

VOLUME = "radiomics.ct.baseline.largest.original_shape_MeshVolume"
TEXTURE = "radiomics.ct.baseline.largest.original_glcm_Contrast"
EMBEDDED = "embedding.ct.baseline.largest.default.0"
_NOISE = "radiomics.ct.baseline.largest.wavelet-LLH_glcm_Noise"
THERAPIES = ("chemotherapy", "immunotherapy", "targeted")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A table and what made it."""

    table: pd.DataFrame
    columns: tuple[ColumnSpec, ...]
    outcome: OutcomeTarget
    progression: ProgressionTarget
    log_odds: Floats
    """The true log-odds of response."""
    log_hazard: Floats
    """The true log-hazard of progression, up to a constant."""

    def target(self, task: Task) -> Target:
        return self.outcome if task == "outcome" else self.progression


def known(patients: int = 200, seed: int = 0, *, noise_columns: int = 8, therapy: bool = True) -> Known:
    """Patients whose response rests on texture (more so under immunotherapy), age and an embedding."""
    generator = np.random.default_rng(seed)
    texture, volume = generator.normal(size=patients), np.exp(generator.normal(9, 1, size=patients))
    age = generator.normal(62, 9, size=patients).clip(25, 95).round()
    embedded, crp = generator.normal(size=patients), generator.gamma(2, 5, size=patients)
    given = generator.integers(len(THERAPIES), size=patients)
    sex = generator.choice(["female", "male"], size=patients)
    effect = np.array([0.0, 0.8, 0.4])[given] * therapy
    slope = np.where((given == 1) & therapy, 1.8, 0.9)
    log_odds = -0.3 + slope * texture - 0.05 * (age - 62) + 0.6 * embedded + effect
    log_hazard = -0.7 * slope * texture + 0.03 * (age - 62) - 0.4 * embedded - effect
    times = generator.exponential(300 * np.exp(-log_hazard)).clip(1, None).round()
    censored = generator.uniform(100, 1500, size=patients).round()
    table = pd.DataFrame(
        {
            "clinical.age_years": age,
            "clinical.sex": sex,
            "clinical.crp_mg_l": np.where(generator.random(patients) < 0.1, np.nan, crp),
            VOLUME: volume,
            TEXTURE: 40 + 12 * texture,
            EMBEDDED: embedded,
        }
    )
    noise = {
        f"{_NOISE if index % 2 else EMBEDDED[:-1]}{index + 1}": generator.normal(size=patients)
        for index in range(noise_columns)
    }
    table = pd.concat([table, pd.DataFrame(noise, index=table.index)], axis=1)
    if therapy:
        table["therapy"] = np.array(THERAPIES)[given]
    columns = tuple(_declared(name) for name in table.columns if name != "therapy")
    return Known(
        table=table,
        columns=columns,
        outcome=OutcomeTarget((generator.random(patients) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)),
        progression=ProgressionTarget(np.minimum(times, censored), times <= censored),
        log_odds=log_odds,
        log_hazard=log_hazard,
    )


def _declared(name: str) -> ColumnSpec:
    if name == "clinical.sex":
        return ColumnSpec(name, "category", categories=("female", "male"))
    if name == "clinical.age_years":
        return ColumnSpec(name, unit="years", lower=18.0, upper=110.0)
    return ColumnSpec(name, unit="mg/L", lower=0.0) if name == "clinical.crp_mg_l" else ColumnSpec(name)
