"""Patients under two therapies whose true difference is known: dealt by chance, by the patient, or without overlap."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from features.types import Floats
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget

Given = Literal["chance", "patient", "apart"]
COLUMNS = tuple(ColumnSpec(f"x{index}") for index in range(6))
HORIZON = 600.0
PAIR = ("new", "old")
_SCALE = 500.0


@dataclass(frozen=True, slots=True, eq=False)
class Treated:
    """Patients and the truth of each."""

    frame: pd.DataFrame
    outcome: OutcomeTarget
    progression: ProgressionTarget
    probability_gain: Floats
    """True difference in probability of response, new minus old, (n,)."""
    restricted_mean_gain: Floats
    """True difference of the mean time within `HORIZON`, (n,)."""


def treated(patients: int = 400, seed: int = 0, *, given: Given = "patient") -> Treated:
    """x0 and x1 decide both what is given and what comes of it; the new therapy helps more where x1 is high."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(patients, len(COLUMNS)))
    push = {"chance": 0.0 * X[:, 0], "patient": 0.8 * X[:, 0] - 0.5 * X[:, 1], "apart": 9.0 * X[:, 0]}[given]
    new = random.random(patients) < 1 / (1 + np.exp(-push))
    base, gain = 0.9 * X[:, 0] - 0.4 * X[:, 1], 0.6 + 0.7 * X[:, 1]
    chance = [1 / (1 + np.exp(-(base + arm * gain - 0.3))) for arm in (0, 1)]
    rate = [np.exp(-0.6 * (base + arm * gain)) / _SCALE for arm in (0, 1)]
    own = np.where(new, rate[1], rate[0])
    to_event, watched = random.exponential(1 / own), random.uniform(300, 1500, patients)
    frame = pd.DataFrame(X, columns=[spec.name for spec in COLUMNS])
    frame[THERAPY] = np.where(new, *PAIR)
    means = [(1 - np.exp(-HORIZON * one)) / one for one in rate]
    return Treated(
        frame=frame,
        outcome=OutcomeTarget((random.random(patients) < np.where(new, chance[1], chance[0])).astype(np.float64)),
        progression=ProgressionTarget(np.minimum(to_event, watched) + 1e-6, to_event <= watched),
        probability_gain=chance[1] - chance[0],
        restricted_mean_gain=means[1] - means[0],
    )


def true_probability_gain() -> float:
    """Mean over the population."""
    return float(treated(200_000, 12345).probability_gain.mean())


def true_restricted_mean_gain() -> float:
    """Mean over the population, in days."""
    return float(treated(200_000, 12345).restricted_mean_gain.mean())
