"""Who is learned from and who is held out, and what speaks of those held out."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What was said of those held out."""

    answer: Floats
    """As a predictor gives it."""
    far: Floats | None = None
    """How far each lies from those learned from, (n_test,), among their own distances; None where nobody tells."""


class Predictor(Protocol):
    """What learns from a split's training patients and speaks of those held out."""

    def __call__(self, split: Split) -> Floats:
        """Log-odds of response, (n_test,), or probability of no progression until each day, (n_test, days)."""


@runtime_checkable
class Placing(Predictor, Protocol):
    """A predictor that also tells how far those held out lie from those it learned from, by one and the same fit."""

    def said(self, split: Split) -> Said:
        """The same answer, with distances."""
