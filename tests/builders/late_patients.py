"""Patients of a known truth, many of whom death or late entry hides."""

import numpy as np

from features.types import Floats
from models.families.target import ProgressionTarget

DAY = 250.0
"""By which they are judged."""


def once(patients: int) -> Floats:
    return np.ones((1, patients))


def drawn(seed: int, patients: int, *, late: bool = False, dying: bool = False) -> tuple[ProgressionTarget, Floats]:
    """Who is seen of a population with a known log-hazard each; the worse progress sooner, and die sooner without."""
    random = np.random.default_rng(seed)
    many = 3 * patients
    risk = random.normal(size=many)
    progressed = random.exponential(300 / np.exp(risk))
    died = random.exponential(250 / np.exp(0.8 * risk)) if dying else np.full(many, np.inf)
    entry = np.where(random.random(many) < 0.4, 0.0, random.uniform(0, 500, many)) if late else np.zeros(many)
    lost = entry + random.exponential(500, many)
    time = np.minimum(np.minimum(progressed, died), lost)
    rows = np.flatnonzero(time > entry)[:patients]
    event, first = (progressed == time)[rows], (died == time)[rows]
    target = ProgressionTarget(time[rows], event, entry[rows] if late else None, first if dying else None)
    return target, risk[rows]


def incidence(risk: Floats, days: Floats, *, dying: bool = False) -> Floats:
    """The true probability of progression by each day, before death where that may come, (n, days)."""
    hazard = np.exp(risk)[:, None] / 300
    every = hazard + (np.exp(0.8 * risk)[:, None] / 250 if dying else 0.0)
    came: Floats = hazard / every * (1 - np.exp(-every * days[None, :]))
    return came
