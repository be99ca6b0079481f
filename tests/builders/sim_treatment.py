"""The treatment simulation of DeepSurv, by its law or from its authors' file: two therapies whose true effect is known.

Ten columns, uniform from -1 to 1, of which x0 and x1 matter; therapies are dealt by a coin. Under `old` time to death
is exponential with a mean of five years for everybody. Under `new` its rate is multiplied by exp(h - mean of h), where
h = log(10) exp(-2 (x0^2 + x1^2)): worse for patients near the middle, better for all others. The study ends when half
of the patients have died, which is the only censoring. Seen to be the law of the file: its `hr` is h less its mean to
1e-7, and its rates of death by therapy and h are these.

Source: Katzman et al., BMC Med Res Methodol 18 (2018) 24; the file is `sim_treatment_dataset.h5` of their repository.
"""

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from features.types import Floats
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import ProgressionTarget

COLUMNS = tuple(ColumnSpec(f"x{index}") for index in range(10))
PAIR = ("new", "old")
YEAR = 365.25
HORIZON = 3 * YEAR
"""Days, before the study ends: effects are judged up to it."""
_RATE = 1 / (5 * YEAR)
_HEIGHT = math.log(10.0)
_MEAN = _HEIGHT * (math.sqrt(math.pi / 2) / 2 * math.erf(math.sqrt(2))) ** 2
"""Of h over the population."""
_SHA256 = "d39e041b13c56969a5eccc9b8371084fde977a8ac7648a41b8fe14ca06393343"
_PARTS = {"train": (4000, 2144, 180192, 196192), "test": (1000, 288288, 332288, 336288)}
"""Patients of each part, and where columns, event and time begin in the file, which is HDF5 without compression."""


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """Patients and the truth of each."""

    frame: pd.DataFrame
    target: ProgressionTarget
    survival_gain: Floats
    """True difference in the probability to live to `HORIZON`, new minus old, (n,)."""
    restricted_mean_gain: Floats
    """True difference of the mean time within `HORIZON`, days, (n,)."""


def sim_treatment(patients: int, seed: int) -> Treatment:
    """A draw of the law."""
    random = np.random.default_rng([24, seed])
    X = random.uniform(-1, 1, (patients, len(COLUMNS)))
    new = random.random(patients) < 0.5
    to_event = random.exponential(1 / np.where(new, _new_rate(X), _RATE))
    end = _end()
    return _known(X, new, ProgressionTarget(np.minimum(to_event, end), to_event < end))


def published_treatment(part: str) -> Treatment | None:
    """`train` or `test` of the authors' file; None where RADRESPONSE_DATA has no such file, or another one."""
    file = Path(os.environ.get("RADRESPONSE_DATA", "")) / "outcomes" / "deepsurv" / "sim_treatment_dataset.h5"
    if not os.environ.get("RADRESPONSE_DATA") or not file.is_file():
        return None
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHA256:
        return None
    patients, columns, event, time = _PARTS[part]
    X = np.frombuffer(content, "<f4", patients * 11, columns).reshape(patients, 11).astype(np.float64)
    died = np.frombuffer(content, "<i4", patients, event) > 0
    days = np.frombuffer(content, "<f4", patients, time).astype(np.float64) * YEAR
    return _known(X[:, :-1], X[:, -1] > 0, ProgressionTarget(days, died))


def true_gains() -> tuple[float, float]:
    """Means over the population: of survival to `HORIZON`, and of the time within it, days."""
    grid = (np.arange(1000) + 0.5) / 1000  # of x0 and of x1: the law is even in both
    rate = _new_rate(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
    survival, area = _gains(rate)
    return float(survival.mean()), float(area.mean())


def _known(X: Floats, new: NDArray[np.bool_], target: ProgressionTarget) -> Treatment:
    frame = pd.DataFrame(X, columns=[spec.name for spec in COLUMNS])
    frame[THERAPY] = np.where(new, *PAIR)
    return Treatment(frame, target, *_gains(_new_rate(X)))


def _new_rate(X: Floats) -> Floats:
    rate: Floats = _RATE * np.exp(_HEIGHT * np.exp(-2 * (X[:, 0] ** 2 + X[:, 1] ** 2)) - _MEAN)
    return rate


def _gains(rate: Floats) -> tuple[Floats, Floats]:
    alive = np.exp(-HORIZON * rate), math.exp(-HORIZON * _RATE)
    return alive[0] - alive[1], (1 - alive[0]) / rate - (1 - alive[1]) / _RATE


def _end() -> float:
    """When half of the population have died."""
    grid = (np.arange(200) + 0.5) / 200
    rate = _new_rate(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
    return float(brentq(lambda day: (np.exp(-day * rate).mean() + math.exp(-day * _RATE)) / 2 - 0.5, YEAR, 9 * YEAR))
