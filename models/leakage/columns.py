"""Columns that know the answer: equal to the label, parting it alone, known only where it is, or in time's order."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from features.types import Floats
from models.errors import LeakingColumn
from models.families.columns import ColumnSpec
from models.families.target import Bools, OutcomeTarget, ProgressionTarget, Target

FEWEST = 20
"""With fewer values a perfect column may be chance."""
_FEWEST_OF_A_CLASS = 5
_PARTS = 0.995
"""An area under the curve of one column alone at or above it is no biomarker's."""
_SAME_ORDER = 0.98
"""A rank correlation with the time itself at or above it is no biomarker's."""
_FEW_VALUES = 10
_AFTER = "it must have been recorded after, or from, the outcome: leave it out"
_CHANCE = 1e-6
"""Of as many patients of one class in a row, below which it is none."""


def refuse_leaks(frame: pd.DataFrame, columns: Sequence[ColumnSpec], target: Target) -> None:
    """Refuses a column that alone tells the label of every patient who has it.

    Args:
        frame: Raw columns, one row a patient.
        columns: Those that would be learned from.
        target: Of these patients.

    Raises:
        LeakingColumn: With the columns and what they tell.
    """
    absent = [spec.name for spec in columns if _told_by_lack(frame[spec.name].isna().to_numpy(), _label(target))]
    if absent:
        raise LeakingColumn(
            f"{_listed(absent)}: whether there is a value tells {_word(target)} of all who have one, or of all who "
            f"have none; {_AFTER}",
            columns=_listed(absent),
        )
    leaking = [spec.name for spec in columns if _leaks(frame[spec.name], spec, target)]
    if leaking:
        raise LeakingColumn(
            f"{_listed(leaking)} alone tells {_word(target)} of every patient; {_AFTER}",
            columns=_listed(leaking),
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _word(target: Target) -> str:
    return "outcome" if isinstance(target, OutcomeTarget) else "time_days or event"


def _told_by_lack(absent: Bools, label: Bools) -> bool:
    """Whether all who lack a value, or all who have one, are of one class, and so many that it is not chance.

    That a value is missing is learned from (`models.families.design`), so it can leak as a value can.
    """
    if absent.size < FEWEST or not _both(label) or (absent == label).all() or (absent != label).all():
        return False  # none are there, or it is the label itself, which is told with the others
    for side in (absent, ~absent):
        of = label[side]
        if FEWEST <= of.size < label.size and (of.all() or not of.any()):
            share = float(label.mean() if of.all() else 1 - label.mean())
            if share**of.size < _CHANCE:
                return True
    return False


def _leaks(series: pd.Series, spec: ColumnSpec, target: Target) -> bool:
    known, label = series.notna().to_numpy(), _label(target)
    if known.size >= FEWEST and _is_label(known, label):
        return True
    present = series[known]
    if present.size < FEWEST or present.nunique() < 2:
        return False
    times = target.time_days[known] if isinstance(target, ProgressionTarget) else None
    if spec.kind == "category":
        codes = pd.factorize(present.astype(str))[0].astype(np.float64)
        return _pure(codes, label[known]) or (times is not None and _is_time_in_parts(codes, times))
    values = present.to_numpy(dtype=np.float64)
    if _separates(values, label[known]) or _pure(values, label[known]):
        return True
    return times is not None and (_in_order(values, times, label[known]) or _is_time_in_parts(values, times))


def _label(target: Target) -> Bools:
    return target.response > 0 if isinstance(target, OutcomeTarget) else target.event


def _both(label: Bools, fewest: int = _FEWEST_OF_A_CLASS) -> bool:
    return bool(min(label.sum(), (~label).sum()) >= fewest)


def _is_label(mark: Bools, label: Bools) -> bool:
    """Whether a mark is the label, or its reverse: a value that is there only where the answer is yes."""
    return _both(label) and bool((mark == label).all() or (mark != label).all())


def _separates(values: Floats, label: Bools) -> bool:
    """Whether one threshold parts the classes, in whatever monotone form the column has."""
    if not _both(label):
        return False
    area = _area(values, label)
    return area >= (_PARTS if _both(label, 2 * _FEWEST_OF_A_CLASS) else 1.0)


def _area(values: Floats, label: Bools) -> float:
    """Area under the curve, turned so that it is at least one half."""
    positives = int(label.sum())
    ranks = rankdata(values)[label].sum() - positives * (positives + 1) / 2
    area = float(ranks) / (positives * (label.size - positives))
    return max(area, 1 - area)


def _pure(values: Floats, label: Bools) -> bool:
    """Whether every value has one class only, and there are few values: the label in another code."""
    if not _both(label) or np.unique(values).size > values.size / 4:
        return False
    return bool((pd.Series(label).groupby(values).nunique() == 1).all())


def _in_order(values: Floats, times: Floats, event: Bools) -> bool:
    """Whether a column has the order of the times, of all patients or of those with the event."""
    return any(
        rows.sum() >= FEWEST
        and np.unique(values[rows]).size > _FEW_VALUES
        and abs(float(np.corrcoef(rankdata(values[rows]), rankdata(times[rows]))[0, 1])) >= _SAME_ORDER
        for rows in (np.ones(times.size, dtype=np.bool_), event)
    )


def _is_time_in_parts(values: Floats, times: Floats) -> bool:
    """Whether a few values are stretches of time, such as `alive at two years`."""
    kinds = np.unique(values)
    if not 2 <= kinds.size <= _FEW_VALUES:
        return False
    parts = sorted((times[values == kind] for kind in kinds), key=lambda part: float(np.median(part)))
    if min(part.size for part in parts) < _FEWEST_OF_A_CLASS:
        return False
    return all(
        _area(np.concatenate([lower, upper]), np.repeat([False, True], [lower.size, upper.size])) >= _PARTS
        for lower, upper in pairwise(parts)
    )
