"""How far a patient is from those that a model learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.answers import Applicability
from models.errors import BrokenFile
from models.families.columns import ColumnSpec
from models.families.design import MARGIN, Design, DesignMatrix
from models.plain import dumps, from_plain, loads

FILE = "applicability.json"
_OUTSIDE_FROM = 0.99
"""Further from the centre than this share of training patients is outside."""
_FOLDS = 10
_QUANTILES = 201


@dataclass(frozen=True, slots=True)
class Cohort:
    """What is kept of the training cohort: centre, spread and how far its own patients lie; no patient."""

    centre: tuple[float, ...]
    """Of the standardised number terms."""
    precision: tuple[tuple[float, ...], ...]
    """Inverse of the shrunk covariance."""
    distances: tuple[float, ...]
    """Quantiles, evenly spaced from 0 to 1, of training patients' own distances, each from the others' centre."""
    most_outside: int
    """With more columns than this out of range, by more than the margin, a patient is outside."""

    def __post_init__(self) -> None:
        size = len(self.centre)
        if len(self.precision) != size or any(len(row) != size for row in self.precision):
            raise BrokenFile(f"{FILE}: the precision is not {size} x {size}")
        if len(self.distances) < 2 or list(self.distances) != sorted(self.distances):
            raise BrokenFile(f"{FILE}: distances are not ascending quantiles")


class CohortDistance:
    """Judges rows against a cohort; holds no state that changes."""

    def __init__(self, cohort: Cohort, design: Design, columns: Sequence[ColumnSpec]) -> None:
        self._matrix = DesignMatrix(design)
        width = self._matrix.number_columns().size
        if len(cohort.centre) != width:
            raise BrokenFile(f"{FILE} describes {len(cohort.centre)} number columns; the model has {width}")
        self._centre = np.array(cohort.centre)
        self._precision = np.array(cohort.precision).reshape(width, width)
        self._distances = np.array(cohort.distances)
        self._most_outside = cohort.most_outside
        self._columns = tuple(columns)
        self._lower = _bounds([spec.training_lower for spec in columns], -np.inf)
        self._upper = _bounds([spec.training_upper for spec in columns], np.inf)

    def judge(self, row: Floats) -> Applicability:
        """The verdict on one encoded row, (columns + 1,); NaN where a value was imputed."""
        offset = self._matrix.standardised(row[None, :])[0] - self._centre
        distance = float(np.sqrt(max(0.0, offset @ self._precision @ offset)))
        percentile = float(np.interp(distance, self._distances, np.linspace(0.0, 1.0, self._distances.size)))
        values = row[:-1]
        margin = MARGIN * (self._upper - self._lower)
        beyond = np.count_nonzero((values < self._lower - margin) | (values > self._upper + margin))
        outside = percentile > _OUTSIDE_FROM or beyond > self._most_outside
        beyond_range = (values < self._lower) | (values > self._upper)
        return Applicability(
            status="outside" if outside else "inside",
            distance_percentile=percentile,
            outside_range=tuple(self._columns[index].name for index in np.flatnonzero(beyond_range)),
            imputed=tuple(self._columns[index].name for index in np.flatnonzero(np.isnan(values))),
        )

    def ranked(self, rows: Floats) -> Floats:
        """How far each of many encoded rows lies, (n,): its percentile, above 1 for those beyond all of the cohort."""
        offset = self._matrix.standardised(rows) - self._centre
        distance = np.sqrt(np.maximum(0.0, ((offset @ self._precision) * offset).sum(axis=1)))
        percentile = np.interp(distance, self._distances, np.linspace(0.0, 1.0, self._distances.size))
        result: Floats = percentile + np.maximum(0.0, distance / max(float(self._distances[-1]), 1e-12) - 1.0)
        return result


def describe_cohort(design: Design, rows: Floats, generator: np.random.Generator) -> Cohort:
    """The training cohort as seen by a model's number terms.

    Each patient's distance is taken from the centre and spread of the other folds: distances of
    patients from a cohort that they shaped themselves would call too many new patients far.

    Args:
        design: Of the model.
        rows: Encoded training rows, (n, columns + 1).
        generator: Draws the folds.
    """
    X = DesignMatrix(design).standardised(rows)
    fold = generator.permutation(np.arange(X.shape[0]) % _FOLDS)
    distances = np.empty(X.shape[0])
    for held_out in range(_FOLDS):
        centre, precision = _centre_and_precision(X[fold != held_out])
        offset = X[fold == held_out] - centre
        distances[fold == held_out] = np.sqrt(np.einsum("ni,ij,nj->n", offset, precision, offset).clip(0))
    centre, precision = _centre_and_precision(X)
    return Cohort(
        centre=tuple(centre.tolist()),
        precision=tuple(tuple(row) for row in precision.tolist()),
        distances=tuple(np.quantile(distances, np.linspace(0.0, 1.0, _QUANTILES)).tolist()),
        most_outside=max(2, X.shape[1] // 10),
    )


def write_cohort(cohort: Cohort) -> bytes:
    """The file's content."""
    return dumps(cohort)


def read_cohort(content: bytes) -> Cohort:
    """From the file's content; BrokenFile when it is not what `write_cohort` writes."""
    return from_plain(Cohort, loads(content, place=FILE), place=FILE)


def _centre_and_precision(X: Floats) -> tuple[Floats, Floats]:
    """Mean, and the inverse of Ledoit and Wolf's shrunk covariance (J Multivar Anal 88 (2004) 365)."""
    n, width = X.shape
    centre = X.mean(axis=0)
    if width == 0:
        return centre, np.zeros((0, 0))
    centred = X - centre
    sample = centred.T @ centred / n
    mean_variance = float(np.trace(sample)) / width
    spread = float(((sample - mean_variance * np.eye(width)) ** 2).sum()) / width
    noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / n - float((sample**2).sum())) / (n * width)
    shrinkage = min(1.0, max(noise, 0.0) / spread) if spread > 0 else 1.0
    shrunk = (1 - shrinkage) * sample + (shrinkage * mean_variance + 1e-9) * np.eye(width)
    return centre, np.linalg.inv(shrunk)


def _bounds(values: Sequence[float | None], otherwise: float) -> Floats:
    return np.array([otherwise if value is None else value for value in values], dtype=np.float64)
