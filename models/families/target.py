"""What is learned: response, or time to an event with censoring."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BadCohort

Task = Literal["outcome", "progression"]
Bools = NDArray[np.bool_]
FEWEST_PATIENTS = 20
FEWEST_EVENTS = 5
"""Of either class, or of events: below it nothing can be learned or checked."""


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeTarget:
    """Response of each patient, (n,): 1 for response, 0 for none."""

    response: Floats

    def __post_init__(self) -> None:
        if not np.isin(self.response, (0.0, 1.0)).all():
            raise BadCohort("an outcome is neither 0 nor 1")

    def require_enough(self) -> None:
        """Raises BadCohort when there are too few patients of either class."""
        positives = int(self.response.sum())
        fewest = min(positives, self.response.size - positives)
        if self.response.size < FEWEST_PATIENTS or fewest < FEWEST_EVENTS:
            raise BadCohort(
                f"{self.response.size} patients, {positives} of them with a response; wanted at least "
                f"{FEWEST_PATIENTS} patients, {FEWEST_EVENTS} of them with and {FEWEST_EVENTS} without a response",
                patients=self.response.size,
                responses=positives,
            )

    def take(self, rows: NDArray[np.intp]) -> "OutcomeTarget":
        """The target of some patients."""
        return OutcomeTarget(self.response[rows])


@dataclass(frozen=True, slots=True, eq=False)
class ProgressionTarget:
    """Days to progression or to censoring, (n,), above 0, and whether progression was seen, (n,)."""

    time_days: Floats
    event: Bools

    def __post_init__(self) -> None:
        if self.time_days.shape != self.event.shape:
            raise BadCohort(f"{self.time_days.shape[0]} times and {self.event.shape[0]} events")
        if not (np.isfinite(self.time_days).all() and (self.time_days > 0).all()):
            raise BadCohort("a time to progression is not a finite number above 0")

    def require_enough(self) -> None:
        """Raises BadCohort when there are too few patients or events."""
        events = int(self.event.sum())
        if self.event.size < FEWEST_PATIENTS or events < FEWEST_EVENTS:
            raise BadCohort(
                f"{self.event.size} patients with {events} events; wanted at least {FEWEST_PATIENTS} "
                f"with {FEWEST_EVENTS}",
                patients=self.event.size,
                events=events,
            )

    def take(self, rows: NDArray[np.intp]) -> "ProgressionTarget":
        """The target of some patients."""
        return ProgressionTarget(self.time_days[rows], self.event[rows])


Target = OutcomeTarget | ProgressionTarget
