"""Something to know before relying on features."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to know."""

    reason: str
    """For machines, e.g. `LESION_LEFT_OUT`."""
    message: str
    """For people, one sentence; no identifier."""
