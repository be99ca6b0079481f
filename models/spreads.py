"""What the training cohort looked like, column by column, so that drift can be told from it; no patient's values.

Each column is cut into classes that held about as many training patients each (deciles where there are enough), or
into its categories. What travels are the cuts and the shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.errors import BrokenFile
from models.families.columns import THERAPY
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.intervals import restricted_mean

CLASSES = 10
FEWEST_IN_A_CLASS = 10
"""Training patients; with fewer the cuts would be patients' own values."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How the values of one column, or the predictions for one therapy, were spread."""

    name: str
    """The column, or the therapy; empty for a model that knows none."""
    cuts: tuple[float, ...]
    """Ascending; a value equal to a cut lies above it. None for categories."""
    categories: tuple[str, ...]
    """None for numbers."""
    shares: tuple[float, ...]
    """Of the patients that had a value, by class; sum to 1."""
    missing: float
    """Share of the patients that had none."""

    def __post_init__(self) -> None:
        classes = len(self.categories) or len(self.cuts) + 1
        fits = len(self.shares) == classes and bool(self.cuts) != bool(self.categories)
        sums = abs(sum(self.shares) - 1.0) < 1e-6 and min(self.shares, default=-1.0) >= 0 and 0 <= self.missing <= 1
        if not (fits and sums and list(self.cuts) == sorted(set(self.cuts))):
            raise BrokenFile(f"the reference of {self.name[:80]!r} is no spread: cuts and shares do not fit")

    @property
    def classes(self) -> int:
        """How many."""
        return len(self.shares)

    def class_of(self, value: float | str | None) -> int | None:
        """The class that a value falls into; None for a missing one, or a category that was never seen."""
        if value is None:
            return None
        if self.categories:
            return self.categories.index(value) if value in self.categories else None
        if isinstance(value, str) or not np.isfinite(value):
            return None
        return int(np.searchsorted(np.array(self.cuts), value, side="right"))


@dataclass(frozen=True, slots=True)
class Spreads:
    """The training cohort as drift is measured against it."""

    patients: int
    columns: tuple[Spread, ...]
    predictions: tuple[Spread, ...]
    """For each therapy, of all training patients: probability, or restricted mean days, by the model itself. In
    sample, so a little wider spread than for new patients."""


def spreads_of(fitted: Fitted, table: pd.DataFrame) -> Spreads | None:
    """From the table that a model learned from; None for fewer patients than make two classes.

    Args:
        fitted: The model.
        table: Its training table.
    """
    if len(table) < 2 * FEWEST_IN_A_CLASS:
        return None
    spreads = [_of_column(spec.name, spec.categories, table[spec.name]) for spec in fitted.recipe.columns]
    therapies = fitted.recipe.therapies or ("",)
    predictions = [_of_numbers(therapy, _predicted(fitted, table, therapy)) for therapy in therapies]
    return Spreads(
        len(table),
        tuple(spread for spread in spreads if spread is not None),
        tuple(spread for spread in predictions if spread is not None),
    )


def _predicted(fitted: Fitted, table: pd.DataFrame, therapy: str) -> Floats:
    scores = fitted.score(fitted.encode(table.assign(**{THERAPY: therapy}) if therapy else table))
    if isinstance(scores, OutcomeScores):
        return scores.probability
    assert isinstance(scores, ProgressionScores)  # noqa: S101 - there are two
    means: Floats = np.asarray(restricted_mean(fitted.recipe.time_days, scores.survival), dtype=np.float64)
    return means


def _of_column(name: str, categories: Sequence[str], series: "pd.Series[float]") -> Spread | None:
    if not categories:
        return _of_numbers(name, np.asarray(series, dtype=np.float64))
    present = series.dropna().astype(str)
    if present.empty:
        return None
    counts: Mapping[str, int] = present.value_counts().to_dict()
    shares = tuple(counts.get(word, 0) / len(present) for word in categories)
    return Spread(name, (), tuple(categories), shares, float(series.isna().mean()))


def _of_numbers(name: str, values: Floats) -> Spread | None:
    present = values[np.isfinite(values)]
    classes = min(CLASSES, present.size // FEWEST_IN_A_CLASS)
    if classes < 2:
        return None
    cuts = np.unique(np.quantile(present, np.linspace(0, 1, classes + 1)[1:-1]))
    cuts = cuts[cuts > present.min()]  # a class below the least value would stay empty
    if not cuts.size:
        return None
    counts = np.bincount(np.searchsorted(cuts, present, side="right"), minlength=cuts.size + 1)
    shares = tuple((counts / present.size).tolist())
    return Spread(name, tuple(cuts.tolist()), (), shares, float(1 - present.size / values.size))
