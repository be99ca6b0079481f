"""A real MLflow registry with small models, fitted in a few seconds on made-up tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from builders.releases import put

from features.profile import DEFAULT_PROFILE
from models.families.columns import THERAPY, ColumnSpec
from models.families.cox_progression import CoxProgression
from models.families.family import Family, Fitted
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.families.xgboost_outcome import XGBoostOutcome
from models.manifest import Facts, Metric
from models.package import write_version
from models.reference import Reference, describe
from models.registry import Registry
from models.spreads import spreads_of

THERAPIES = ("chemotherapy", "immunotherapy")
AGE = ColumnSpec("clinical.age_years", unit="years", lower=18.0, upper=110.0)
SEX = ColumnSpec("clinical.sex", "category", categories=("female", "male"))
CT = "ct.baseline.largest"
VOLUME = ColumnSpec(f"measure.{CT}.volume_mm3", unit="mm3")
MEAN = ColumnSpec(f"radiomics.{CT}.original_firstorder_Mean", unit="HU")
CONTRAST = ColumnSpec(f"radiomics.{CT}.original_glcm_Contrast")
UPTAKE = ColumnSpec("radiomics.pt.baseline.largest.original_firstorder_Maximum", unit="SUV")
EMBEDDED = tuple(ColumnSpec(f"embedding.{CT}.default.{index}") for index in (0, 7))
CT_MODEL = (AGE, SEX, VOLUME, MEAN, CONTRAST)


@dataclass(frozen=True)
class Recipe:
    """One small model."""

    family: Family
    columns: tuple[ColumnSpec, ...]
    therapy: bool = True


RECIPES: Mapping[str, Recipe] = {
    "outcome-pet": Recipe(XGBoostOutcome(), (AGE, UPTAKE)),
    "outcome-xgboost": Recipe(XGBoostOutcome(), CT_MODEL),
    "outcome-embedding": Recipe(XGBoostOutcome(), (AGE, *EMBEDDED)),
    "progression-age": Recipe(CoxProgression(), (AGE, SEX), therapy=False),
    "progression-cox": Recipe(CoxProgression(), CT_MODEL),
}
"""`outcome-pet` needs another scan, `progression-age` no scan and no therapy. All can do without the sex."""
SERVED = tuple(name for name in RECIPES if name != "outcome-embedding")
"""All but the one that makes a server load torch."""


def patients(number: int = 120, seed: int = 0) -> tuple[pd.DataFrame, dict[str, Target]]:
    """Patients around what the scans of `builders.cases` give; volume, texture, age and therapy decide."""
    draw = np.random.default_rng(seed)
    volume, contrast = np.exp(draw.normal(6.2, 0.6, number)), draw.gamma(4.0, 1.3, number)
    age, given = draw.normal(62, 9, number).clip(20, 95).round(), draw.integers(2, size=number)
    table = pd.DataFrame(
        {
            AGE.name: age,
            SEX.name: draw.choice(np.array([None, *["female", "male"] * 5], object), number),
            VOLUME.name: volume,
            MEAN.name: draw.normal(100, 30, number),
            CONTRAST.name: contrast,
            UPTAKE.name: draw.gamma(5, 2, number),
            **{spec.name: draw.normal(size=number) for spec in EMBEDDED},
            THERAPY: np.array(THERAPIES)[given],
        }
    )
    risk = 1.2 * (np.log(volume) - 6.2) - 0.5 * (contrast - 5.2) + 0.04 * (age - 62) - 2.0 * given
    times = draw.exponential(300 * np.exp(-0.7 * risk)).clip(1, None).round()
    censored = draw.uniform(100, 1500, number).round()
    outcome = OutcomeTarget((draw.random(number) < 1 / (1 + np.exp(1.5 * risk))).astype(np.float64))
    return table, {"outcome": outcome, "progression": ProgressionTarget(np.minimum(times, censored), times <= censored)}


def fit(name: str, *, seed: int = 0) -> Fitted:
    """One of the recipes; another seed is another model."""
    recipe = RECIPES[name]
    table, targets = patients(seed=seed)
    if not recipe.therapy:
        table = table.drop(columns=THERAPY)
    return recipe.family.fit(table, targets[recipe.family.task], recipe.columns, seed=seed, replicates=4)


def facts_of(fitted: Fitted, **changed: object) -> Facts:
    """What a trainer would know of it."""
    radiomics = any(spec.name.startswith("radiomics.") for spec in fitted.recipe.columns)
    known = {
        "endpoint": "response (RECIST 1.1)" if fitted.recipe.task == "outcome" else "progression or death",
        "training_patients": 120,
        "simulated": True,
        "evidence": "simulated",
        "profile": DEFAULT_PROFILE.text if radiomics else "",
        "metrics": (Metric("auc", "model", 0.7, 0.6, 0.8, "made up for a test"),),
    }
    return Facts(**(known | changed))  # type: ignore[arg-type]


def reference_of(name: str, fitted: Fitted, *, seed: int = 0) -> Reference:
    """What answers may tell of the patients that it learned from."""
    table, targets = patients(seed=seed)
    rows = fitted.encode(table)
    return describe(fitted.recipe.design, rows, targets[RECIPES[name].family.task], np.random.default_rng(seed))


def write(folder: Path, name: str, *, seed: int = 0, **changed: object) -> Path:
    """A version's folder, as the trainer writes it; facts may be changed."""
    fitted = fit(name, seed=seed)
    spreads = spreads_of(fitted, patients(seed=seed)[0])
    write_version(
        folder,
        fitted,
        facts_of(fitted, **({"spreads": spreads} | changed)),
        f"# {name}\n\nMade for a test.\n",
        reference=reference_of(name, fitted, seed=seed),
    )
    return folder


def filled(folder: Path, names: tuple[str, ...] = SERVED, alias: str = "champion") -> Registry:
    """A registry on SQLite in a folder, with one released version of each model under the alias."""
    registry = Registry(data_folder=folder)
    for name in names:
        put(registry, write(folder / "written" / name, name), name, alias=alias)
    return registry
