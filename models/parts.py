"""How far a patient lies in image embeddings, and in all else: a distance for either part of the columns.

Over all columns at once a strange image drowns among dozens of usual values, and the other way round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BrokenFile
from models.families.columns import ColumnSpec
from models.mahalanobis import Spread, from_all_others, quantiles_of, squares, strangeness

_EMBEDDING = "embedding."
_INSIDE = 0.99
"""Share of patients of the same population who are inside by all distances together, at the least."""
_FEWEST = 20
"""Patients with a value of a part, from which on it has a distance."""
_PLACE = "a part of the cohort's distance"


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of the training cohort in some of the number terms; no patient."""

    centre: tuple[float, ...]
    """Of the standardised number terms of this part, in the design's order."""
    precision: tuple[tuple[float, ...], ...]
    """Inverse of the shrunk covariance."""
    distances: tuple[float, ...]
    """Quantiles, evenly spaced from 0 to 1, of training patients' own distances, each from all others."""

    def __post_init__(self) -> None:
        size = len(self.centre)
        if len(self.precision) != size or any(len(row) != size for row in self.precision):
            raise BrokenFile(f"{_PLACE} has a precision that is not {size} x {size}")
        if len(self.distances) < 2 or list(self.distances) != sorted(self.distances):
            raise BrokenFile(f"{_PLACE} has distances that are not ascending quantiles")


@dataclass(frozen=True, slots=True)
class Parts:
    """Both parts; None for one without number terms, or that too few training patients had."""

    embedding: Part | None
    feature: Part | None
    outside_from: float
    """A patient who is stranger than that (`models.mahalanobis.strangeness`), by a part or by the whole, is outside."""


@dataclass(frozen=True, slots=True)
class PartVerdict:
    """Of one patient."""

    embedding_percentile: float | None
    """Share of training patients nearer to the centre, 0 to 1; None where the patient has no value of the part."""
    feature_percentile: float | None
    outside: bool
    """By a part or by the whole."""


class PartDistances:
    """Judges patients by part; holds no state that changes."""

    def __init__(self, parts: Parts, columns: Sequence[ColumnSpec], number_columns: NDArray[np.intp]) -> None:
        """Takes the model's raw columns, and the raw column of each number term."""
        self._outside_from = parts.outside_from
        terms = terms_by_part(columns, number_columns)
        self._embedding, self._feature = (
            None if part is None else _PartDistance(part, own, number_columns[own])
            for part, own in zip((parts.embedding, parts.feature), terms, strict=True)
        )

    def judge(self, standardised: Floats, values: Floats, whole: float) -> PartVerdict:
        """The verdict on one patient.

        Args:
            standardised: The design's number terms, (numbers,).
            values: Raw columns, (columns,); NaN where missing.
            whole: How strange the patient is by all number terms.
        """
        embedding, feature = (
            None if part is None else part.judge(standardised, values) for part in (self._embedding, self._feature)
        )
        strange = max([whole, *(told[1] for told in (embedding, feature) if told is not None)])
        return PartVerdict(
            None if embedding is None else embedding[0],
            None if feature is None else feature[0],
            strange > self._outside_from,
        )


class _PartDistance:
    def __init__(self, part: Part, terms: NDArray[np.intp], columns: NDArray[np.intp]) -> None:
        if len(part.centre) != terms.size:
            raise BrokenFile(f"{_PLACE} has {len(part.centre)} number terms; the model has {terms.size}")
        self._terms, self._columns = terms, columns
        self._centre = np.array(part.centre)
        self._precision = np.array(part.precision).reshape(terms.size, terms.size)
        self._distances = np.array(part.distances)

    def judge(self, standardised: Floats, values: Floats) -> tuple[float, float] | None:
        """Percentile and strangeness; None where every value is missing: what stands in lies near, and says nothing."""
        if np.isnan(values[self._columns]).all():
            return None
        offset = standardised[self._terms] - self._centre
        distance = np.sqrt(squares(offset[None, :], self._precision))
        percentile = np.interp(distance, self._distances, np.linspace(0.0, 1.0, self._distances.size))
        return float(percentile[0]), float(strangeness(distance, self._distances)[0])


def describe_parts(
    columns: Sequence[ColumnSpec],
    number_columns: NDArray[np.intp],
    standardised: Floats,
    rows: Floats,
    whole: Floats,
) -> Parts | None:
    """Both parts of a training cohort, and from where on a patient is outside by all distances together.

    Args:
        columns: Raw ones, of the model.
        number_columns: Raw column of each number term.
        standardised: Number terms of the training patients, (n, numbers).
        rows: Encoded training rows, (n, columns + 1).
        whole: Distances of the same patients over all number terms, each from others alone, (n,).

    Returns:
        None where the model takes no image embedding.
    """
    embedded, others = terms_by_part(columns, number_columns)
    if not embedded.size:
        return None
    n, strangest = whole.size, strangeness(whole, quantiles_of(whole))
    found: list[Part | None] = []
    for terms in (embedded, others):
        present = ~np.isnan(rows[:, number_columns[terms]]).all(axis=1)
        if np.count_nonzero(present) < _FEWEST:
            found.append(None)
            continue
        X = standardised[np.ix_(present, terms)]
        distances, spread = from_all_others(X), Spread.of(X)
        quantiles = quantiles_of(distances)
        strangest[present] = np.maximum(strangest[present], strangeness(distances, quantiles))
        precision = tuple(tuple(row) for row in spread.precision.tolist())
        found.append(Part(tuple(spread.centre.tolist()), precision, tuple(quantiles.tolist())))
    # The patient of that rank a new one of the same population lies beyond with a chance of 1 in 100 at most, or of
    # 1 in n + 1 where the cohort is too small to tell 1 in 100.
    rank = min(n, math.ceil(_INSIDE * (n + 1)))
    return Parts(found[0], found[1], float(np.sort(strangest)[rank - 1]))


def terms_by_part(
    columns: Sequence[ColumnSpec], number_columns: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which number terms are of image embeddings, and which are not."""
    embedded = np.array([columns[index].name.startswith(_EMBEDDING) for index in number_columns], dtype=bool)
    return np.flatnonzero(embedded), np.flatnonzero(~embedded)
