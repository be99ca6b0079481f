"""What reads a brought version's data gives: numbers for rows, and its shares where it has exact ones."""

from dataclasses import dataclass
from typing import Protocol

from features.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Probabilities:
    """Of response, (n,)."""

    probability: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Probability of no progression on each day, (n, days)."""

    survival: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Risks:
    """Log-hazard ratio, (n,); higher is worse."""

    log_hazard_ratio: Floats


Answers = Probabilities | Curves | Risks


class Engine(Protocol):
    """Thread-safe, and the same answer each time."""

    @property
    def absent(self) -> tuple[str, ...]:
        """What the version brings no means for, in words."""

    def answer(self, rows: Floats) -> Answers:
        """Of rows in the engine's own order of columns, (n, columns); NaN where a value is missing."""

    def contributions(self, rows: Floats) -> Floats | None:
        """Share of each column in the log-odds or log-hazard, (n, columns); None where there is no exact one."""
