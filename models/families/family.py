"""What every family gives: a fit that predicts rows, explains them and saves itself as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort, CohortDistance
from models.assurance import widened
from models.calibration import probability
from models.families.columns import ColumnSpec, encode
from models.families.design import DesignMatrix
from models.families.recipe import Recipe
from models.families.search import Searching
from models.families.target import Target, Task
from models.recalibration import recalibrated_hazard

REPLICATES = 20
Check = Callable[[], None]
"""Called between steps of long work; raises when the caller no longer waits."""


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeScores:
    """Calibrated log-odds of response."""

    log_odds: Floats
    """(n,)."""
    replicates: Floats
    """(replicates, n)."""

    @property
    def probability(self) -> Floats:
        """Probability of response, (n,)."""
        return probability(self.log_odds)


@dataclass(frozen=True, slots=True, eq=False)
class ProgressionScores:
    """Cumulative hazard of progression at the days of the recipe."""

    cumulative_hazard: Floats
    """(n, times); 0 at day 0, never falling."""
    replicates: Floats
    """(replicates, n, times)."""

    @property
    def survival(self) -> Floats:
        """Probability of no progression until each day, (n, times)."""
        survival: Floats = np.exp(-self.cumulative_hazard)
        return survival

    @property
    def risk(self) -> Floats:
        """Log cumulative hazard at the horizon, (n,); higher is worse."""
        risk: Floats = np.log(self.cumulative_hazard[:, -1])
        return risk


Scores = OutcomeScores | ProgressionScores


class Engine(Protocol):
    """The part of a fitted model that differs between families. Thread-safe, and the same answer each time."""

    def score(self, X: Floats) -> Scores:
        """Raw scores of design rows, (n, terms); not calibrated."""

    def contributions(self, X: Floats) -> Floats:
        """Share of each design column in the additive score, (n, terms).

        Any constant may be missing from their sum; differences between rows are right.
        The additive score is the log-odds, or the log cumulative hazard at the horizon.
        """

    def files(self) -> Mapping[str, bytes]:
        """Data files by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fitted model of any family."""

    recipe: Recipe
    engine: Engine
    cohort: Cohort
    """For applicability, as it is kept."""
    distance: CohortDistance
    """The same, ready to judge."""
    _matrix: DesignMatrix
    _fold: Floats
    """Design columns to raw columns, (terms, columns + 1), of 0 and 1."""

    @classmethod
    def of(cls, recipe: Recipe, engine: Engine, cohort: Cohort) -> "Fitted":
        """From its parts."""
        fold = np.zeros((len(recipe.design.terms), len(recipe.columns) + 1))
        fold[np.arange(fold.shape[0]), recipe.design.raw_columns()] = 1.0
        distance = CohortDistance(cohort, recipe.design, recipe.columns)
        return cls(recipe, engine, cohort, distance, DesignMatrix(recipe.design), fold)

    @classmethod
    def centred(cls, recipe: Recipe, engine: Engine, cohort: Cohort, rows: Floats) -> "Fitted":
        """From its parts, with contributions measured from the mean of the training rows."""
        raw = cls.of(recipe, engine, cohort)
        mean = (engine.contributions(raw._matrix.apply(rows)) @ raw._fold).mean(axis=0)
        return cls.of(replace(recipe, centre=tuple(mean.tolist())), engine, cohort)

    def encode(self, table: pd.DataFrame) -> Floats:
        """Rows of numbers, (n, columns + 1), of a table of raw columns; harmonised where the model is."""
        return self.harmonised(encode(self.recipe.columns, self.recipe.therapies, table))

    def harmonised(self, rows: Floats) -> Floats:
        """Rows of values as they were measured, on the scale that the model learned on."""
        return rows if self.recipe.harmonisation is None else self.recipe.harmonisation.map(rows)

    def predict(self, table: pd.DataFrame) -> Scores:
        """Calibrated scores of a table of raw columns."""
        return self.score(self.encode(table))

    def score(self, rows: Floats) -> Scores:
        """Calibrated scores of encoded rows."""
        return self._calibrated(self.engine.score(self._matrix.apply(rows)), rows)

    def contributions(self, rows: Floats) -> Floats:
        """Share of each raw column, and of the therapy last, (n, columns + 1), from the average training patient."""
        X = self._matrix.apply(rows)
        return self._shares(X, self.engine.score(X))

    def explained(self, rows: Floats) -> tuple[Scores, Floats]:
        """`score` and `contributions` of the same rows, the engine asked once."""
        X = self._matrix.apply(rows)
        raw = self.engine.score(X)
        return self._calibrated(raw, rows), self._shares(X, raw)

    def _calibrated(self, scores: Scores, rows: Floats) -> Scores:
        calibration = self.recipe.calibration
        if isinstance(scores, OutcomeScores):
            spread = calibration.apply(scores.replicates)
            return OutcomeScores(
                calibration.apply(scores.log_odds), widened(spread, rows[:, -1], self.recipe.assurance)
            )
        scores = ProgressionScores(
            recalibrated_hazard(scores.cumulative_hazard, calibration),
            recalibrated_hazard(scores.replicates, calibration),
        )
        if not self.recipe.assurance.unexplained:
            return scores
        zero = np.zeros((scores.replicates.shape[0], rows.shape[0]))
        factor = np.exp(widened(zero, rows[:, -1], self.recipe.assurance))
        twice = np.concatenate([scores.replicates, scores.replicates])
        return ProgressionScores(scores.cumulative_hazard, twice * factor[:, :, None])

    def _shares(self, X: Floats, scores: Scores) -> Floats:
        calibration = self.recipe.calibration
        raw: Floats = self.engine.contributions(X) @ self._fold - np.array(self.recipe.centre)
        if calibration.kind == "platt":
            return calibration.slope * raw
        assert isinstance(scores, OutcomeScores)  # noqa: S101 - only an outcome is calibrated by a curve
        middle = scores.log_odds - raw.sum(axis=1)
        return calibration.steepness(scores.log_odds, middle)[:, None] * raw

    def files(self) -> dict[str, bytes]:
        """The engine's data files by name."""
        return dict(self.engine.files())

    def save(self, folder: Path) -> None:
        """Writes the engine's data files into a folder; the recipe goes into the manifest."""
        for name, content in self.files().items():
            (folder / name).write_bytes(content)


class Family(Protocol):
    """One way to learn."""

    name: str
    """On the command line."""
    task: Task
    files: tuple[str, ...]
    """Names of the data files that it writes and reads."""

    def fit(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        *,
        seed: int,
        replicates: int = REPLICATES,
        check: Check = lambda: None,
    ) -> Fitted:
        """Learns from one row a patient.

        All that looks at the data (screening, imputation, scaling, penalties, calibration) happens here,
        so that a fit on a training fold knows nothing of the held-out one.

        Args:
            table: Raw columns by full name; NaN or None where missing. With `therapy` where it was recorded.
            target: Of these rows.
            columns: Which columns may be used, as declared.
            seed: The same seed, table and machine give the same model.
            replicates: How many refits the intervals rest on; 0 for none.
            check: Called between steps.

        Raises:
            BadCohort: Nothing can be learned from this.
        """

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """From plain data, every byte of which is distrusted.

        Raises:
            BadVersion: A structure is wrong.
        """


@runtime_checkable
class Searchable(Protocol):
    """A family whose settings can be searched."""

    def searched(self, searching: Searching) -> Family:
        """The same family, its settings searched inside each fit, on its training patients alone."""
