"""How an ensemble is trained, and where a search may look for better."""

from dataclasses import dataclass

from models.families.search import Span


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """What each member shares; without a search, these."""

    hidden: int = 8
    """Width of each branch."""
    rate: float = 0.03
    """Adam's, at its start."""
    left_out: float = 0.1
    """How often a patient's image branch is hidden in training, so that neither carries all the weight."""
    decay: float | None = None
    """Strength of the pull to 0; None to choose among a few."""


SPANS = (
    Span("hidden", 2, 24, log=True, whole=True),
    Span("rate", 0.005, 0.1, log=True),
    Span("left_out", 0.0, 0.5),
    Span("decay", 0.005, 10.0, log=True),
)
