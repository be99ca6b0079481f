"""What one lesion gave: features that have a value, and why others have none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extracted:
    """Features of one lesion, by name; each asked name stands in exactly one of the two."""

    values: dict[str, float]
    """Finite numbers."""
    missing: dict[str, str]
    """Why there is no value, in a sentence."""
