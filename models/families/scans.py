"""Which scans a model cannot do without: those that every training patient had."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np

from features.types import Floats
from models.families.columns import ColumnSpec

_MEASURED = frozenset({"radiomics", "embedding", "measure"})
_WORDS = {"baseline": "a {} scan", "latest": "a later {} scan", "delta": "{} scans of two dates"}


@lru_cache(maxsize=16_384)
def scan_of(column: str) -> str:
    """`<scan>.<when>` of a column that is measured in an image, e.g. `ct.baseline`; empty for any other."""
    kind, _, rest = column.partition(".")
    parts = rest.split(".")
    return f"{parts[0]}.{parts[1]}" if kind in _MEASURED and len(parts) > 2 else ""


def in_words(scans: Sequence[str]) -> str:
    """As people say it, e.g. `a ct scan`; of several, any one."""
    return " or ".join(
        _WORDS.get(when, "a {} scan").format(scan) for scan, _, when in (s.partition(".") for s in scans)
    )


def needed_scans(columns: Sequence[ColumnSpec], rows: Floats) -> tuple[tuple[str, ...], ...]:
    """Of each group at least one scan must bring a value; what no training patient lacked may not be imputed whole.

    Args:
        columns: Of the model.
        rows: Encoded training rows, (n, columns + 1), NaN where missing.

    Returns:
        A group for each scan that every patient had. Where there is none but every patient had one scan or
        another, the one group of all scans; else none.
    """
    by_scan: dict[str, list[int]] = {}
    for index, spec in enumerate(columns):
        if scan := scan_of(spec.name):
            by_scan.setdefault(scan, []).append(index)
    had = {scan: ~np.isnan(rows[:, indices]).all(axis=1) for scan, indices in by_scan.items()}
    always = tuple((scan,) for scan in sorted(had) if had[scan].all())
    if always or not had:
        return always
    return (tuple(sorted(had)),) if np.any(list(had.values()), axis=0).all() else ()


def absent_scans(columns: Sequence[ColumnSpec], present: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The scans of which a case has no value at all, with the columns that come from each.

    Args:
        columns: Of the model.
        present: Names of the columns that have a value.
    """
    by_scan: dict[str, list[str]] = {}
    for spec in columns:
        if scan := scan_of(spec.name):
            by_scan.setdefault(scan, []).append(spec.name)
    return {scan: tuple(names) for scan, names in by_scan.items() if not any(name in present for name in names)}
