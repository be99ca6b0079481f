"""What was reported of a patient."""

from dataclasses import dataclass

from models.families.target import Task


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a patient."""

    task: Task
    therapy: str
    """That was given."""
    day: int
    """Since the baseline image: of the event, or of the last look."""
    event: bool
    """Response, or progression; False for no response, or for no progression until then."""
