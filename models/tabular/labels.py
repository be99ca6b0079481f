"""The label of each patient in somebody's own table: response, or time and event."""

import numpy as np
import pandas as pd

from features.types import Floats
from models.errors import BadCohort
from models.families.target import GRADES, OutcomeTarget, ProgressionTarget, Target
from models.manifest_table import bad_cell

_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"0", "false", "no", "n"})
FEWEST_OF_A_CLASS = 5


def flags(words: pd.Series, header: str, rows: pd.Series) -> Floats:
    """1 for yes, 0 for no, NaN for a missing cell, (n,).

    Raises:
        BadCohort: A cell that is neither, with its row.
    """
    values = np.full(len(words), np.nan)
    for index, word in enumerate(words):
        if pd.isna(word):
            continue
        plain = str(word).strip().lower().removesuffix(".0")
        if plain not in _YES | _NO:
            raise bad_cell(header, int(rows.iloc[index]), "another value", "1 or 0 (yes or no, true or false)")
        values[index] = float(plain in _YES)
    return values


def holds_grades(words: pd.Series) -> bool:
    """Whether a column holds best responses (CR, PR, SD, PD) and not flags."""
    return any(str(word).strip().upper() in GRADES for word in words.dropna())


def grades(words: pd.Series, header: str, rows: pd.Series) -> Floats:
    """Index in `GRADES` of best responses, NaN for a missing cell, (n,).

    Raises:
        BadCohort: A cell that is another word, with its row.
    """
    values = np.full(len(words), np.nan)
    for index, word in enumerate(words):
        if pd.isna(word):
            continue
        plain = str(word).strip().upper()
        if plain not in GRADES:
            wanted = f"{', '.join(GRADES)}; what else stands for nothing (NE) is told by --missing"
            raise bad_cell(header, int(rows.iloc[index]), "another value", wanted)
        values[index] = GRADES.index(plain)
    return values


def times(words: pd.Series, header: str, rows: pd.Series) -> Floats:
    """Times above 0, NaN for a missing cell, (n,).

    Raises:
        BadCohort: A cell that is no finite number above 0, with its row.
    """
    values = pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64)
    for index, value in enumerate(values):
        if pd.isna(words.iloc[index]):
            continue
        if not (np.isfinite(value) and value > 0):
            seen = f"{value:g}" if np.isfinite(value) else "something that is no finite number"
            raise bad_cell(header, int(rows.iloc[index]), seen, "a time above 0")
    return values


def entries(words: pd.Series, header: str, rows: pd.Series, until: Floats) -> Floats:
    """Times from which patients were watched, at least 0 and before their own `until`, (n,).

    Raises:
        BadCohort: A cell that is empty or is no such time, with its row.
    """
    values = pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64)
    for index, value in enumerate(values):
        if not 0 <= value < until[index]:  # nor is NaN
            seen = f"{value:g}" if np.isfinite(value) else "no finite number"
            raise bad_cell(
                header, int(rows.iloc[index]), seen, "a time of at least 0 and before the patient's own time"
            )
    return values


def require_learnable(target: Target, header: str) -> None:
    """Refuses a label that nothing can be learned from.

    Raises:
        BadCohort: One class only, no event, a class too rare to fold, or too few patients.
    """
    if isinstance(target, OutcomeTarget):
        seen = np.unique(target.response)
        if seen.size == 1:
            raise BadCohort(f"the column {header} holds {int(seen[0])} only; wanted both 1 and 0", column=header)
    elif isinstance(target, ProgressionTarget) and not target.event.any():
        raise BadCohort(f"the column {header} holds no event; wanted patients with the event seen", column=header)
    target.require_enough()
