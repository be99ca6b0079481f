"""What monitoring says of one version: drift against its training cohort, performance on reported outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from models.drift import Drift, drift_of
from models.live import Live, live_outcome, live_progression
from models.monitoring.store import MonitoringStore, Pair
from models.spreads import Spreads

NEWEST_CASES = 500
"""Drift is told of about so many of the newest cases."""
_LEAST_SURVIVAL = 1e-6


@dataclass(frozen=True, slots=True)
class Monitored:
    """One version."""

    name: str
    version: str
    digest: str
    cases: int
    """That drift is told of; kept in groups, so the newest few are not among them."""
    inputs: tuple[Drift, ...]
    """By column; none where the version brings no reference."""
    predictions: tuple[Drift, ...]
    """By therapy."""
    referenced: bool
    """Whether the version brings what drift is measured against."""
    live: Live | None
    """None while no outcome has been reported."""

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns, and `prediction` with its therapy, that have moved."""
        inputs = [drift.name for drift in self.inputs if drift.drifted]
        said = [f"prediction {drift.name}".strip() for drift in self.predictions if drift.drifted]
        return (*inputs, *said)


def monitored(name: str, version: str, digest: str, spreads: Spreads | None, store: MonitoringStore) -> Monitored:
    """Reads and measures; blocks.

    Args:
        name: Of the model.
        version: Of it.
        digest: Of the version: what monitoring goes by.
        spreads: What the version brings to measure drift against.
        store: Of what was asked and reported.

    Raises:
        StoreUnavailable: The store is away.
    """
    cases, counts = store.counts(digest, NEWEST_CASES) if spreads else (0, {})
    inputs: list[Drift] = []
    predictions: list[Drift] = []
    for kind, known, into in (
        ("input", spreads.columns if spreads else (), inputs),
        ("prediction", spreads.predictions if spreads else (), predictions),
    ):
        for spread in known:
            found = counts.get(f"{kind}:{spread.name}")
            if found is not None and len(found) == spread.classes + 1 and spreads is not None:
                into.append(drift_of(spread, spreads.patients, found[:-1], found[-1]))
    return Monitored(
        name,
        version,
        digest,
        cases,
        tuple(inputs),
        tuple(predictions),
        spreads is not None,
        live_of(store.pairs(digest)),
    )


def live_of(pairs: Sequence[Pair]) -> Live | None:
    """Performance of one version on reported outcomes; None where there are none."""
    if not pairs:
        return None
    event = np.array([pair.outcome.event for pair in pairs])
    if pairs[0].predicted.task == "outcome":
        probability = np.array([pair.predicted.probability or 0.5 for pair in pairs])
        return live_outcome(probability, event.astype(np.float64))
    day = np.array([float(pair.outcome.day) for pair in pairs])
    # After the last day of a curve nothing is foreseen: a patient who is seen longer is censored there.
    last = np.array([float(pair.predicted.curve[-1][0]) for pair in pairs])
    event &= day <= last
    day = np.minimum(day, last)
    hazard = np.array([_hazard(pair.predicted.curve, until) for pair, until in zip(pairs, day, strict=True)])
    risk = np.array([_hazard(pair.predicted.curve, float("inf")) for pair in pairs])
    return live_progression(hazard, risk, day, event)


def _hazard(curve: Sequence[tuple[int, float]], day: float) -> float:
    """Cumulative hazard up to a day, linear between the curve's."""
    total = 0.0
    for (before, one), (after, other) in pairwise(curve):
        step = log(max(one, _LEAST_SURVIVAL)) - log(max(other, _LEAST_SURVIVAL))
        if day <= before:
            break
        total += step * min(1.0, (day - before) / (after - before))
    return total
