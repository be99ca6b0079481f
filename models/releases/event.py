"""What happened to a version: admitted, promoted, served. Kept beside the releases, for the history."""

from dataclasses import dataclass
from typing import Literal

EventKind = Literal["admitted", "refused", "promoted", "rolled back", "retired", "serves", "stopped", "trouble"]
"""The first five are done by people; the last three a service says of itself.

`refused`: by a gate of the admission. `serves`: it answers from now on. `stopped`: it does not any more.
`trouble`: it was to serve and does not, see `detail`.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history."""

    at: str
    """ISO 8601, UTC."""
    kind: EventKind
    name: str
    version: str
    """Empty where it is not known."""
    by: str
    """Who did it, or which service says so."""
    digest: str = ""
    """Of the version; empty where it is not known."""
    alias: str = ""
    """That was moved, or that the service follows."""
    detail: str = ""
    """Why, in words; nothing of a patient."""
