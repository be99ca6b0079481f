"""Who is learned from and who is held out, and what speaks of those held out."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from features.types import Floats
from models.families.target import Target


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What is learned from, and who is held out; nothing else reaches a predictor."""

    train: pd.DataFrame
    target: Target
    test: pd.DataFrame
    days: Floats | None
    """Where survival is judged; None for an outcome."""


class Predictor(Protocol):
    """What learns from a split's training patients and speaks of those held out."""

    def __call__(self, split: Split) -> Floats:
        """Log-odds of response, (n_test,), or probability of no progression until each day, (n_test, days)."""
