"""Raw columns: what each is, and a table of them as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BadCohort

THERAPY = "therapy"
_MOST_MISSING = 0.5


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One input column. A trainer declares the first six; `fit` completes the rest."""

    name: str
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    categories: tuple[str, ...] = ()
    lower: float | None = None
    """Smallest value taken, inclusive."""
    upper: float | None = None
    """Largest value taken, inclusive."""
    required: bool = False
    """Whether a case without it is refused."""
    impute: float | str | None = None
    """What stands in for a missing value: the median or the most frequent category of the training cohort."""
    training_lower: float | None = None
    training_upper: float | None = None


def complete(declared: Sequence[ColumnSpec], table: pd.DataFrame) -> tuple[ColumnSpec, ...]:
    """The columns that can be learned from, with what the training table says of them.

    A column that is constant, or missing in more than half of the patients, is left out.
    A category that no training patient had is no category of the model.

    Raises:
        BadCohort: A column is not in the table, or holds what its kind does not allow.
    """
    specs = []
    for spec in declared:
        if spec.name == THERAPY:
            continue
        if spec.name not in table.columns:
            raise BadCohort(f"the table has no column {spec.name}", column=spec.name)
        completed = _complete(spec, table[spec.name])
        if completed is not None:
            specs.append(completed)
    if not specs:
        raise BadCohort("no column varies between the patients; nothing can be learned")
    return tuple(specs)


def therapies_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The therapies that a table holds, sorted; none where it has no such column.

    Raises:
        BadCohort: A patient lacks the therapy while the column is there.
    """
    if THERAPY not in table.columns or table[THERAPY].isna().all():
        return ()
    if table[THERAPY].isna().any():
        raise BadCohort(f"{int(table[THERAPY].isna().sum())} patients have no therapy; wanted one for each")
    return tuple(sorted(table[THERAPY].astype(str).unique()))


def encode(columns: Sequence[ColumnSpec], therapies: Sequence[str], table: pd.DataFrame) -> Floats:
    """Rows of numbers, (n, columns + 1): categories as their index, missing as NaN, the therapy's index last.

    Raises:
        BadCohort: A category or therapy is not one of the model's.
    """
    rows = np.empty((len(table), len(columns) + 1))
    for index, spec in enumerate(columns):
        series = table[spec.name]
        rows[:, index] = _codes(series, spec.categories, spec.name) if spec.kind == "category" else _numbers(series)
    rows[:, -1] = _codes(table[THERAPY], therapies, THERAPY) if therapies else 0.0
    return rows


def _complete(spec: ColumnSpec, series: pd.Series) -> ColumnSpec | None:
    if spec.kind == "category":
        return _complete_category(spec, series)
    absent = _absent(series)
    missing = int(absent.sum())
    if missing > _MOST_MISSING * len(series):
        return None
    numbers = _numbers(series[~absent] if missing else series)
    if not np.isfinite(numbers).all():
        raise BadCohort(f"{spec.name} holds a value that is not finite", column=spec.name)
    lowest, highest = float(numbers.min()), float(numbers.max())
    if highest - lowest <= 1e-9 * max(1.0, abs(lowest), abs(highest)):
        return None
    return replace(
        spec,
        required=missing == 0,
        impute=float(np.median(numbers)),
        training_lower=lowest,
        training_upper=highest,
    )


def _complete_category(spec: ColumnSpec, series: pd.Series) -> ColumnSpec | None:
    missing = int(series.isna().sum())
    if missing > _MOST_MISSING * len(series):
        return None
    present = series.dropna().astype(str)
    seen = set(present)
    unknown = sorted(seen - set(spec.categories)) if spec.categories else []
    if unknown:
        raise BadCohort(f"{spec.name} holds {unknown}; declared are {list(spec.categories)}", column=spec.name)
    if len(seen) < 2:
        return None
    order = tuple(word for word in spec.categories if word in seen) or tuple(sorted(seen))
    frequent = max(order, key=lambda word: int((present == word).sum()))
    return replace(spec, categories=order, required=missing == 0, impute=frequent)


def _absent(series: pd.Series) -> NDArray[np.bool_]:
    values = series.to_numpy()
    if values.dtype == np.float64:
        absent: NDArray[np.bool_] = np.isnan(values)
        return absent  # pandas' own way takes ten times as long, and a cohort has a thousand columns
    return np.asarray(series.isna(), dtype=np.bool_)


def _numbers(series: pd.Series) -> Floats:
    try:
        return np.asarray(series, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadCohort(f"{series.name} holds something that is no number", column=series.name) from error


def _codes(series: pd.Series, words: Sequence[str], name: str) -> Floats:
    position = {word: float(index) for index, word in enumerate(words)}
    codes = np.full(len(series), np.nan)
    for row, word in enumerate(series):
        if not pd.isna(word):
            if str(word) not in position:
                raise BadCohort(f"{name} holds {word!s}; known are {list(words)}", column=name)
            codes[row] = position[str(word)]
    return codes
