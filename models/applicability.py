"""How far a patient is from those that a model learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.answers import Applicability
from models.errors import BrokenFile
from models.families.columns import ColumnSpec
from models.families.design import MARGIN, Design, DesignMatrix
from models.mahalanobis import Spread, quantiles_of, reaches, squares, strangeness
from models.parts import PartDistances, Parts, describe_parts
from models.plain import dumps, from_plain, loads, to_plain

FILE = "applicability.json"
_OUTSIDE_FROM = 0.99
"""Further from the centre than this share of training patients is outside."""
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Cohort:
    """What is kept of the training cohort: centre, spread and how far its own patients lie; no patient."""

    centre: tuple[float, ...]
    """Of the standardised number terms, the first of each raw column."""
    precision: tuple[tuple[float, ...], ...]
    """Inverse of the shrunk covariance."""
    distances: tuple[float, ...]
    """Quantiles, evenly spaced from 0 to 1, of training patients' own distances, each from the others' centre."""
    most_outside: int
    """With more columns than this out of range, by more than the margin, a patient is outside."""
    parts: Parts | None = None
    """The same by part; None where the model takes no image embedding, and of versions from before there were any."""

    def __post_init__(self) -> None:
        size = len(self.centre)
        if len(self.precision) != size or any(len(row) != size for row in self.precision):
            raise BrokenFile(f"{FILE}: the precision is not {size} x {size}")
        if len(self.distances) < 2 or list(self.distances) != sorted(self.distances):
            raise BrokenFile(f"{FILE}: distances are not ascending quantiles")


class _NumberTerms:
    """A design's number terms, one a raw column: who is far in a column that stands in several terms is far once."""

    def __init__(self, design: Design) -> None:
        self._matrix = DesignMatrix(design)
        every = self._matrix.number_columns()
        self._first = np.sort(np.unique(every, return_index=True)[1])
        self.columns: NDArray[np.intp] = every[self._first]
        """Raw column of each."""

    def standardised(self, rows: Floats) -> Floats:
        """Of encoded rows, not bounded, (n, numbers)."""
        return self._matrix.standardised(rows)[:, self._first]


class CohortDistance:
    """Judges rows against a cohort; holds no state that changes."""

    def __init__(self, cohort: Cohort, design: Design, columns: Sequence[ColumnSpec]) -> None:
        self._terms = _NumberTerms(design)
        width = self._terms.columns.size
        if len(cohort.centre) != width:
            raise BrokenFile(f"{FILE} describes {len(cohort.centre)} number columns; the model has {width}")
        self._centre = np.array(cohort.centre)
        self._precision = np.array(cohort.precision).reshape(width, width)
        self._distances = np.array(cohort.distances)
        self._most_outside = cohort.most_outside
        self._columns = tuple(columns)
        self._parts = None if cohort.parts is None else PartDistances(cohort.parts, columns, self._terms.columns)
        self._lower = _bounds([spec.training_lower for spec in columns], -np.inf)
        self._upper = _bounds([spec.training_upper for spec in columns], np.inf)

    def judge(self, row: Floats) -> Applicability:
        """The verdict on one encoded row, (columns + 1,); NaN where a value was imputed."""
        standardised = self._terms.standardised(row[None, :])[0]
        offset = standardised - self._centre
        distance = float(np.sqrt(max(0.0, offset @ self._precision @ offset)))
        percentile = float(np.interp(distance, self._distances, np.linspace(0.0, 1.0, self._distances.size)))
        values = row[:-1]
        embedding = feature = None
        far = percentile > _OUTSIDE_FROM
        if self._parts is not None:
            whole = float(strangeness(np.array([distance]), self._distances)[0])
            told = self._parts.judge(standardised, values, whole)
            embedding, feature, far = told.embedding_percentile, told.feature_percentile, told.outside
        margin = MARGIN * (self._upper - self._lower)
        beyond = np.count_nonzero((values < self._lower - margin) | (values > self._upper + margin))
        beyond_range = (values < self._lower) | (values > self._upper)
        return Applicability(
            status="outside" if far or beyond > self._most_outside else "inside",
            distance_percentile=percentile,
            outside_range=tuple(self._columns[index].name for index in np.flatnonzero(beyond_range)),
            imputed=tuple(self._columns[index].name for index in np.flatnonzero(np.isnan(values))),
            embedding_percentile=embedding,
            feature_percentile=feature,
        )

    def ranked(self, rows: Floats) -> Floats:
        """How far each of many encoded rows lies, (n,): its percentile, above 1 for those beyond all of the cohort."""
        offset = self._terms.standardised(rows) - self._centre
        return reaches(np.sqrt(squares(offset, self._precision)), self._distances)


def describe_cohort(
    design: Design, columns: Sequence[ColumnSpec], rows: Floats, generator: np.random.Generator
) -> Cohort:
    """The training cohort as seen by a model's number terms.

    Each patient's distance is taken from the centre and spread of the other folds: distances of
    patients from a cohort that they shaped themselves would call too many new patients far.

    Args:
        design: Of the model.
        columns: Raw ones, of the model.
        rows: Encoded training rows, (n, columns + 1).
        generator: Draws the folds.
    """
    terms = _NumberTerms(design)
    X = terms.standardised(rows)
    fold = generator.permutation(np.arange(X.shape[0]) % _FOLDS)
    distances = np.empty(X.shape[0])
    for held_out in range(_FOLDS):
        others = Spread.of(X[fold != held_out])
        offset = X[fold == held_out] - others.centre
        distances[fold == held_out] = np.sqrt(np.einsum("ni,ij,nj->n", offset, others.precision, offset).clip(0))
    spread = Spread.of(X)
    return Cohort(
        centre=tuple(spread.centre.tolist()),
        precision=tuple(tuple(row) for row in spread.precision.tolist()),
        distances=tuple(quantiles_of(distances).tolist()),
        most_outside=max(2, X.shape[1] // 10),
        parts=describe_parts(columns, terms.columns, X, rows, distances),
    )


def write_cohort(cohort: Cohort) -> bytes:
    """The file's content; without parts it is what it was before there were any."""
    plain = to_plain(cohort)
    if cohort.parts is None and isinstance(plain, dict):
        del plain["parts"]
    return dumps(plain)


def read_cohort(content: bytes) -> Cohort:
    """From the file's content; BrokenFile when it is not what `write_cohort` writes."""
    plain = loads(content, place=FILE)
    if isinstance(plain, dict):
        plain.setdefault("parts", None)
    return from_plain(Cohort, plain, place=FILE)


def _bounds(values: Sequence[float | None], otherwise: float) -> Floats:
    return np.array([otherwise if value is None else value for value in values], dtype=np.float64)
