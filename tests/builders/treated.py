"""Patients under two therapies, or three, whose true difference is known: dealt by chance, by the patient, or apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
THERAPIES = ("old", "new", "other")
"""Of `several`; the first is the reference."""
_SCALE = 500.0
_NODES = 30
"""Of each of x0, x1 and x2; from 20 on no digit changes that is looked at."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """Patients under `THERAPIES`, and what each would have had under any of them, (therapies, n)."""

    frame: pd.DataFrame
    outcome: OutcomeTarget
    progression: ProgressionTarget
    share: Floats
    """Chance of being given each therapy; they sum to 1 over therapies."""
    probability: Floats
    """Of response."""
    restricted_mean: Floats
    """Mean time within `HORIZON`."""


@dataclass(frozen=True, slots=True)
class Gain:
    """True mean difference between two therapies over a population."""

    probability: float
    restricted_mean: float
    """In days."""


def treated(patients: int = 400, seed: int = 0, *, given: Given = "patient") -> Treated:
    """x0 and x1 decide both what is given and what comes of it; the new therapy helps more where x1 is high."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(patients, len(COLUMNS)))
    push = {"chance": 0.0 * X[:, 0], "patient": 0.8 * X[:, 0] - 0.5 * X[:, 1], "apart": 9.0 * X[:, 0]}[given]
    new = random.random(patients) < 1 / (1 + np.exp(-push))
    lived = _lived(random, X, new.astype(np.intp), _gains(X)[:2])
    return Treated(
        frame=_frame(X, np.where(new, *PAIR)),
        outcome=lived.outcome,
        progression=lived.progression,
        probability_gain=lived.probability[1] - lived.probability[0],
        restricted_mean_gain=lived.restricted_mean[1] - lived.restricted_mean[0],
    )


def several(patients: int = 1800, seed: int = 0) -> Several:
    """x0, x1 and x2 decide which of three is given; new helps more where x1 is high, other where x2 is."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(patients, len(COLUMNS)))
    share = _share(X)
    arm = (random.random(patients) > np.cumsum(share, axis=0)[:-1]).sum(axis=0)
    lived = _lived(random, X, arm, _gains(X))
    return Several(
        frame=_frame(X, np.array(THERAPIES)[arm]),
        outcome=lived.outcome,
        progression=lived.progression,
        share=share,
        probability=lived.probability,
        restricted_mean=lived.restricted_mean,
    )


def true_probability_gain() -> float:
    """Mean over the population."""
    return true_gains_of_all()["new"].probability


def true_restricted_mean_gain() -> float:
    """Mean over the population, in days."""
    return true_gains_of_all()["new"].restricted_mean


@cache
def true_gains() -> Mapping[str, Gain]:
    """Of each other therapy of `several` over the reference, among those given either: who is compared."""
    return {name: _gain(name, either=True) for name in THERAPIES[1:]}


@cache
def true_gains_of_all() -> Mapping[str, Gain]:
    """The same over everybody, whatever they were given."""
    return {name: _gain(name, either=False) for name in THERAPIES[1:]}


@dataclass(frozen=True, slots=True, eq=False)
class _Lived:
    outcome: OutcomeTarget
    progression: ProgressionTarget
    probability: Floats
    """(therapies, n), as is the next."""
    restricted_mean: Floats


def _share(X: Floats) -> Floats:
    """Chance of each of `THERAPIES`, (therapies, n)."""
    odds = np.exp([0.2 + 0.0 * X[:, 0], 0.8 * X[:, 0] - 0.5 * X[:, 1], 0.05 + 0.5 * X[:, 2] - 0.4 * X[:, 0]])
    share: Floats = odds / odds.sum(axis=0)
    return share


def _gains(X: Floats) -> tuple[Floats, ...]:
    """What each of `THERAPIES` adds to a patient's score."""
    return 0.0 * X[:, 0], 0.6 + 0.7 * X[:, 1], 0.2 + 0.6 * X[:, 2]


def _expected(X: Floats, gains: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Probability of response and rate of progression under each therapy, (therapies, n)."""
    base = 0.9 * X[:, 0] - 0.4 * X[:, 1]
    chance = np.array([1 / (1 + np.exp(-(base + gain - 0.3))) for gain in gains])
    return chance, np.array([np.exp(-0.6 * (base + gain)) / _SCALE for gain in gains])


def _restricted(rate: Floats) -> Floats:
    mean: Floats = (1 - np.exp(-HORIZON * rate)) / rate
    return mean


def _lived(random: np.random.Generator, X: Floats, arm: np.ndarray, gains: Sequence[Floats]) -> _Lived:
    """Response and progression under the therapy given, and what was to be expected under each."""
    patients = len(X)
    rows = np.arange(patients)
    chance, rate = _expected(X, gains)
    to_event, watched = random.exponential(1 / rate[arm, rows]), random.uniform(300, 1500, patients)
    return _Lived(
        outcome=OutcomeTarget((random.random(patients) < chance[arm, rows]).astype(np.float64)),
        progression=ProgressionTarget(np.minimum(to_event, watched) + 1e-6, to_event <= watched),
        probability=chance,
        restricted_mean=_restricted(rate),
    )


def _gain(therapy: str, *, either: bool) -> Gain:
    """By Gauss and Hermite's nodes: the other columns decide nothing."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    X = np.zeros((_NODES**3, len(COLUMNS)))
    X[:, :3] = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 3)
    weight = np.prod(np.meshgrid(weights, weights, weights), axis=0).ravel()
    arm, share = THERAPIES.index(therapy), _share(X)
    if either:
        weight = weight * (share[0] + share[arm])
    chance, rate = _expected(X, _gains(X))
    mean = _restricted(rate)
    return Gain(
        probability=float(np.average(chance[arm] - chance[0], weights=weight)),
        restricted_mean=float(np.average(mean[arm] - mean[0], weights=weight)),
    )


def _frame(X: Floats, therapy: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(X, columns=[spec.name for spec in COLUMNS])
    frame[THERAPY] = therapy
    return frame
