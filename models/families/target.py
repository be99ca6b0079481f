"""What is learned: response, or time to an event with censoring."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BadCohort

Task = Literal["outcome", "progression"]
Bools = NDArray[np.bool_]
GRADES = ("PD", "SD", "PR", "CR")
"""Best overall response from worst to best. Source: RECIST 1.1, Eisenhauer et al., Eur J Cancer 45 (2009) 228."""
FIRST_RESPONSE = GRADES.index("PR")
"""Partial and complete response are response."""
FEWEST_PATIENTS = 20
FEWEST_EVENTS = 5
"""Of either class, or of events: below it nothing can be learned or checked."""


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeTarget:
    """Response of each patient, (n,): 1 for response, 0 for none."""

    response: Floats
    grade: Floats | None = None
    """Index in `GRADES` of each patient's best response, (n,); None where only response was recorded."""

    def __post_init__(self) -> None:
        if not np.isin(self.response, (0.0, 1.0)).all():
            raise BadCohort("an outcome is neither 0 nor 1")
        if self.grade is None:
            return
        known = self.grade.shape == self.response.shape and np.isin(self.grade, np.arange(len(GRADES))).all()
        if not known or not np.array_equal(self.grade >= FIRST_RESPONSE, self.response > 0):
            raise BadCohort(f"a grade of response is none of {', '.join(GRADES)}, or is another than the response")

    @classmethod
    def of_grades(cls, grade: Floats) -> "OutcomeTarget":
        """From the best response of each patient, as an index in `GRADES`."""
        return cls((grade >= FIRST_RESPONSE).astype(np.float64), grade)

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
        return OutcomeTarget(self.response[rows], None if self.grade is None else self.grade[rows])


@dataclass(frozen=True, slots=True, eq=False)
class ProgressionTarget:
    """Days to progression or to censoring, (n,), above 0, and whether progression was seen, (n,)."""

    time_days: Floats
    event: Bools
    entry_days: Floats | None = None
    """Day from which each patient was watched, (n,), at least 0 and before `time_days`; None where all were from day 0.

    Who progressed before entry is not among the patients (left truncation): without it, early hazards look too low.
    """
    competing: Bools | None = None
    """Where death came before progression, at `time_days`, (n,); None where it was not recorded.

    To all but a family of competing events such a patient is censored.
    """

    def __post_init__(self) -> None:
        if self.time_days.shape != self.event.shape:
            raise BadCohort(f"{self.time_days.shape[0]} times and {self.event.shape[0]} events")
        if not (np.isfinite(self.time_days).all() and (self.time_days > 0).all()):
            raise BadCohort("a time to progression is not a finite number above 0")
        if self.entry_days is not None:
            if self.entry_days.shape != self.time_days.shape:
                raise BadCohort(f"{self.time_days.shape[0]} times and {self.entry_days.shape[0]} entries")
            if not ((self.entry_days >= 0) & (self.entry_days < self.time_days)).all():
                raise BadCohort("an entry is not a finite number of days, at least 0 and before the time")
        if self.competing is not None and (
            self.competing.shape != self.event.shape or (self.competing & self.event).any()
        ):
            raise BadCohort("a competing event is not told of every patient, or came together with progression")

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
        entry = None if self.entry_days is None else self.entry_days[rows]
        competing = None if self.competing is None else self.competing[rows]
        return ProgressionTarget(self.time_days[rows], self.event[rows], entry, competing)

    @property
    def plain(self) -> bool:
        """Whether there is nothing but censoring on the right: no late entry, no competing event."""
        return self.entry_days is None and self.competing is None


Target = OutcomeTarget | ProgressionTarget
