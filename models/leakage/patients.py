"""Who a patient is: columns that name patients, patients who stand in the table twice, patients in two folds."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.errors import LeakingColumn, LeakingFold
from models.folds import Fold

FEWEST = 20
_NAMED = re.compile(
    r"(?i)(^|.*[\W_])(id|pid|uid|mrn|index|row_?names?|record|subject|patient|case)[\W_]?(id|no|nr|number|code|0)?$"
    r"|unnamed: ?\d+|.*(patient|subject|case)id$"
)
_FEWEST_CONTINUOUS = 3
"""Rows that agree in so many columns of mostly different values are one patient."""


def identifies(header: str, series: pd.Series) -> bool:
    """Whether a column names each patient: different words, counted rows, or different whole numbers so called.

    Args:
        header: The column's name.
        series: Its values, numbers or words, missing where NaN or None.
    """
    present = series.dropna()
    if present.size < FEWEST or present.nunique() < 0.95 * present.size or present.size < len(series) / 2:
        return False
    if series.dtype.kind not in "fiu":
        return True
    values = np.sort(present.to_numpy(dtype=np.float64))
    if (values != np.round(values)).any():
        return False
    counted = values.size == len(series) and bool((np.diff(values) == 1).all())
    return counted or _NAMED.fullmatch(header.rpartition(".")[2] or header) is not None


def refuse_identifiers(headers: Mapping[str, str], frame: pd.DataFrame) -> None:
    """Refuses a column that names the patients: a model would learn them by heart.

    Args:
        headers: The column's name in the table by its name in the frame.
        frame: One row a patient.

    Raises:
        LeakingColumn: With the first of them.
    """
    found = [header for column, header in headers.items() if identifies(header, frame[column])]
    if found:
        more = f" (and {len(found) - 1} more: {', '.join(found[1:5])})" if len(found) > 1 else ""
        raise LeakingColumn(
            f"the column {found[0]} names each patient{more}; an identifier is never learned from: leave it out "
            "(--drop), or say that it is the patient's pseudonym (--subject)",
            columns=", ".join(found[:5]),
        )


def refuse_twice(subjects: Sequence[str] | None, rows: Sequence[int], frame: pd.DataFrame, fold: Fold) -> None:
    """Refuses a patient who stands in the table twice: by pseudonym, or by values that no two patients share.

    Args:
        subjects: A pseudonym for each row, where there is one.
        rows: Number of each row, as a spreadsheet counts.
        frame: Features of each row.
        fold: Where each row would be held out.

    Raises:
        LeakingFold: With the two rows and their folds.
    """
    first: dict[str, int] = {}
    for index, subject in enumerate(subjects or ()):
        if subject in first:
            raise _twice("have one subject", first[subject], index, rows, fold)
        first[subject] = index
    numbers = frame.select_dtypes("number")
    continuous = numbers.loc[:, [numbers[name].nunique() > 0.5 * len(frame) for name in numbers.columns]]
    if continuous.shape[1] < _FEWEST_CONTINUOUS:
        return
    full = continuous[continuous.notna().sum(axis=1) >= _FEWEST_CONTINUOUS].round(9)
    seen: dict[tuple[float, ...], int] = {}
    for index, values in zip(full.index, full.fillna(np.inf).itertuples(index=False, name=None), strict=True):
        if values in seen:
            what = f"agree in all {continuous.shape[1]} columns whose values patients do not share"
            raise _twice(what, seen[values], int(index), rows, fold)
        seen[values] = int(index)


def _twice(what: str, first: int, second: int, rows: Sequence[int], fold: Fold) -> LeakingFold:
    folds = (int(fold[first]) + 1, int(fold[second]) + 1)
    where = f"fold {folds[0]} and fold {folds[1]}" if folds[0] != folds[1] else f"fold {folds[0]}, counted twice"
    return LeakingFold(
        f"rows {rows[first]} and {rows[second]} {what}: one patient would be in {where}; wanted one row a patient",
        rows=f"{rows[first]}, {rows[second]}",
        folds=f"{folds[0]}, {folds[1]}",
    )
