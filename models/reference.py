"""What an answer tells of the training cohort: percentiles, similar patients and numbers at risk; no patient's values.

Of each training patient the file keeps a place in a map of a few rounded coordinates, the therapy and what came of it,
time in whole weeks: enough to find similar ones, too little to read a covariate back. Of each number column it keeps
its ends and the means of blocks of five patients or more. Neither identifiers nor the cohort's order are kept.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from features.types import Floats
from models.answers import SimilarPatient
from models.errors import BrokenFile
from models.families.design import Design, DesignMatrix
from models.families.target import OutcomeTarget, Target
from models.plain import dumps, from_plain, loads

FILE = "reference.json"
FEWEST = 20
"""Training patients below which none is shown as similar: in so few, one could be known again."""
SHOWN = 10
"""Similar patients that an answer shows."""
DAYS_PER_WEEK = 7
_MOST_BLOCKS = 100
_LEAST_BLOCK = 5
_MOST_COORDINATES = 8
_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of each training patient, in the order of the map; one of the three is empty for the task."""

    therapy: tuple[int, ...]
    """Index of the therapy given; 0 for all where the model knows none."""
    responded: tuple[bool, ...]
    weeks: tuple[int, ...]
    """To the event or to censoring, rounded up."""
    event: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The training cohort, as far as an answer tells of it."""

    ladders: tuple[tuple[float, ...], ...]
    """Of each raw column its least value, the means of equal blocks of ascending values, and its greatest value; empty
    for a category."""
    directions: tuple[tuple[float, ...], ...]
    """(coordinates, main terms): principal axes of the standardised terms."""
    places: tuple[tuple[float, ...], ...]
    """(n, coordinates)."""
    followed: Followed

    def __post_init__(self) -> None:
        count, width = len(self.places), len(self.directions)
        told = self.followed
        if any(len(place) != width for place in self.places) or len(told.therapy) != count:
            raise BrokenFile(f"{FILE}: places and therapies do not fit")
        if (len(told.responded), len(told.weeks), len(told.event)) not in ((count, 0, 0), (0, count, count)):
            raise BrokenFile(f"{FILE}: what came of the patients does not fit their number")
        if any(row and (len(row) < 3 or list(row) != sorted(row)) for row in self.ladders):
            raise BrokenFile(f"{FILE}: the values of a column do not rise")

    def percentile(self, column: int, value: float) -> float | None:
        """Share of training patients below a value, 0 to 1, ties counted half; None for a category."""
        row = self.ladders[column]
        if not row:
            return None
        steps, first, last = len(row), bisect_left(row, value), bisect_right(row, value)
        if first < last:  # the value itself stands there, once or more
            return (_level(first, steps) + _level(last - 1, steps)) / 2
        if first in (0, steps):
            return 0.0 if first == 0 else 1.0
        below, above = _level(first - 1, steps), _level(first, steps)
        return below + (above - below) * (value - row[first - 1]) / (row[first] - row[first - 1])

    def at_risk(self, therapy: int, days: tuple[int, ...]) -> tuple[int, ...] | None:
        """Training patients given a therapy who were still followed without the event; None for an outcome."""
        if not self.followed.weeks:
            return None
        given = np.array(self.followed.therapy) == therapy
        until = np.sort(np.array(self.followed.weeks)[given] * DAYS_PER_WEEK)
        return tuple((until.size - np.searchsorted(until, days, "left")).tolist())


def _level(step: int, steps: int) -> float:
    """The share that a step of a ladder stands for: 0, the middles of even blocks, 1."""
    if step in (0, steps - 1):
        return 0.0 if step == 0 else 1.0
    return (step - 0.5) / (steps - 2)


class Neighbourhood:
    """Finds similar training patients; holds no state that changes."""

    def __init__(self, reference: Reference, design: Design, therapies: tuple[str, ...]) -> None:
        self._matrix = _MainTerms(design)
        width = len(reference.directions)
        self._directions = np.array(reference.directions).reshape(width, -1) if width else np.zeros((0, 0))
        if width and self._directions.shape[1] != self._matrix.width:
            raise BrokenFile(f"{FILE}: directions of {self._directions.shape[1]} terms; wanted {self._matrix.width}")
        if any(not 0 <= index < max(1, len(therapies)) for index in reference.followed.therapy):
            raise BrokenFile(f"{FILE}: a therapy that the model does not know")
        self._places = np.array(reference.places).reshape(len(reference.places), width)
        self._followed = reference.followed
        self._therapies = therapies

    def nearest(self, row: Floats, count: int = SHOWN) -> tuple[SimilarPatient, ...]:
        """The nearest training patients, nearest first; none where the cohort is too small to show any.

        Args:
            row: Encoded, (columns + 1,), NaN where imputed.
            count: How many.
        """
        if len(self._places) < FEWEST or not self._directions.size:
            return ()
        place = _placed(self._matrix.apply(row[None, :]), self._directions)[0]
        # The unit is the typical distance between two patients of the cohort.
        unit = math.sqrt(2.0 * float(self._places.var(axis=0).sum())) or 1.0
        distance = np.sqrt(((self._places - place) ** 2).sum(axis=1)) / unit
        return tuple(
            self._patient(int(one), float(distance[one])) for one in np.argsort(distance, kind="stable")[:count]
        )

    def _patient(self, index: int, distance: float) -> SimilarPatient:
        told = self._followed
        return SimilarPatient(
            distance=distance,
            therapy=self._therapies[told.therapy[index]] if self._therapies else "",
            responded=told.responded[index] if told.responded else None,
            time_days=told.weeks[index] * DAYS_PER_WEEK if told.weeks else None,
            event=told.event[index] if told.event else None,
        )


def describe(design: Design, rows: Floats, target: Target, generator: np.random.Generator) -> Reference:
    """The training cohort as answers will tell of it.

    Args:
        design: Of the model.
        rows: Encoded training rows, (n, columns + 1).
        target: What came of these patients.
        generator: Draws the order in which they are kept.
    """
    matrix = _MainTerms(design)
    X = matrix.apply(rows)
    _, _, axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    directions = axes[: min(_MOST_COORDINATES, matrix.width)]
    directions = (
        directions * np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])[:, None]
    )
    directions = directions.round(6)
    order = generator.permutation(len(rows))
    return Reference(
        ladders=tuple(_ladder(rows[:, index], index, design) for index in range(rows.shape[1] - 1)),
        directions=tuple(tuple(row) for row in directions.tolist()),
        places=tuple(tuple(row) for row in _placed(X[order], directions).tolist()),
        followed=_followed(rows[order, -1], target.take(order)),
    )


def write_reference(reference: Reference) -> bytes:
    """The file's content."""
    return dumps(reference)


def read_reference(content: bytes) -> Reference:
    """From the file's content; BrokenFile when it is not what `write_reference` writes."""
    return from_plain(Reference, loads(content, place=FILE), place=FILE)


class _MainTerms:
    """The design without the therapy and its interactions."""

    def __init__(self, design: Design) -> None:
        self._matrix = DesignMatrix(design)
        self._kept = np.array([term.kind in ("number", "category") for term in design.terms], dtype=bool)
        self.width = int(self._kept.sum())

    def apply(self, rows: Floats) -> Floats:
        """(n, main terms)."""
        X: Floats = self._matrix.apply(rows)[:, self._kept]
        return X


def _placed(X: Floats, directions: Floats) -> Floats:
    placed: Floats = (X @ directions.T).round(_DIGITS) + 0.0
    return placed


def _ladder(values: Floats, column: int, design: Design) -> tuple[float, ...]:
    if any(term.kind == "category" and term.column == column for term in design.terms):
        return ()
    present = np.sort(values[~np.isnan(values)])
    blocks = min(_MOST_BLOCKS, present.size // _LEAST_BLOCK)
    if not blocks:
        return ()
    means = [float(block.mean()) for block in np.array_split(present, blocks)]
    # A mean of equal values can differ from them in its last digit.
    return tuple(float(one) for one in np.clip([present[0], *means, present[-1]], present[0], present[-1]))


def _followed(codes: Floats, target: Target) -> Followed:
    therapy = tuple(int(code) for code in codes)
    if isinstance(target, OutcomeTarget):
        return Followed(therapy, tuple(bool(one) for one in target.response), (), ())
    weeks = tuple(math.ceil(days / DAYS_PER_WEEK) for days in target.time_days.tolist())
    return Followed(therapy, (), weeks, tuple(bool(one) for one in target.event))
