"""Which image features say little more than how large the tumour is, and which say the same as each other.

Many a radiomic signature was tumour volume under other names: Welch et al., Radiother Oncol 130 (2019) 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.baselines import volume_columns
from models.families.columns import ColumnSpec

SURROGATE_FROM = 0.9
"""Rank correlation with volume, of either sign, from which a feature stands for volume."""
SAME_FROM = 0.95
"""Rank correlation, of either sign, from which two features say the same."""
_FEWEST = 10
"""Patients with both values, below which no correlation is told."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A feature that stands for volume."""

    column: str
    correlation: float
    """Spearman's, with volume."""


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Of the image features of one cohort."""

    volume: str
    """The column that measures volume; empty where there is none."""
    features: int
    """Image features that vary, volume itself not counted."""
    surrogates: tuple[Surrogate, ...]
    """Of these, those that stand for volume, the nearest first."""
    used: tuple[Surrogate, ...] = ()
    """Of these, those that the model takes."""
    volume_share: float | None = None
    """Of all that moves the model's answers, what rests on volume and those that stand for it; None for no model."""
    alike: tuple[tuple[str, ...], ...] = ()
    """Groups of the model's own features that say the same, each at least two."""


def redundancy(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> Redundancy | None:
    """Holds every image feature against volume, by ranks; None where there is no image feature.

    Args:
        frame: The training patients, a row each.
        columns: The image features; categories are left aside.
    """
    numbers = [spec for spec in columns if spec.kind == "number"]
    of_volume = next(iter(volume_columns(numbers)), None)
    others = [spec.name for spec in numbers if of_volume is None or spec.name != of_volume.name]
    if not others:
        return None
    values = frame[others].to_numpy(dtype=np.float64)
    varying = np.array([np.unique(column[~np.isnan(column)]).size > 1 for column in values.T])
    if of_volume is None:
        return Redundancy("", int(varying.sum()), ())
    found = _against(frame[of_volume.name].to_numpy(dtype=np.float64), values[:, varying])
    names = np.array(others)[varying]
    near = [index for index in np.argsort(-np.abs(found)) if abs(found[index]) >= SURROGATE_FROM]
    return Redundancy(
        of_volume.name, len(names), tuple(Surrogate(str(names[index]), float(found[index])) for index in near)
    )


def of_model(of_cohort: Redundancy, frame: pd.DataFrame, names: Sequence[str], shares: Floats) -> Redundancy:
    """The same, with how much of it is in one model.

    Args:
        of_cohort: What was found.
        frame: The training patients.
        names: Columns that the model takes.
        shares: Of these columns in each training patient's answer, (n, columns or more).
    """
    size = np.abs(shares).mean(axis=0)
    stand_for = {one.column for one in of_cohort.surrogates} | {of_cohort.volume}
    on_volume = sum(float(size[index]) for index, name in enumerate(names) if name in stand_for)
    whole = float(size.sum())
    return Redundancy(
        of_cohort.volume,
        of_cohort.features,
        of_cohort.surrogates,
        tuple(one for one in of_cohort.surrogates if one.column in set(names)),
        on_volume / whole if of_cohort.volume and whole > 0 else None,
        _alike(frame, [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]),
    )


def in_words(of: Redundancy) -> list[str]:
    """A sentence each, for a card and a terminal."""
    if not of.volume:
        return ["No column measures volume: whether features stand for it was not seen."]
    told = [
        f"{len(of.surrogates)} of {of.features} image features stand for tumour volume (rank correlation of "
        f"{SURROGATE_FROM:g} or more, of either sign, with {of.volume})."
    ]
    if of.volume_share is not None:
        taken = ", ".join(f"{one.column} ({one.correlation:+.2f})" for one in of.used) or "none"
        told.append(f"The model takes of these: {taken}.")
        told.append(f"Volume and what stands for it carry {of.volume_share:.0%} of what moves its answers.")
    told += [f"These say the same (rank correlation of {SAME_FROM:g} or more): {', '.join(one)}." for one in of.alike]
    return told


def _against(volume: Floats, values: Floats) -> Floats:
    """Spearman's correlation of each column with volume, over the patients who have both; 0 for too few of them."""
    from scipy.stats import rankdata, spearmanr  # noqa: PLC0415 - a second to import

    whole = ~np.isnan(values).any(axis=0) & (not np.isnan(volume).any())
    found = np.zeros(values.shape[1])
    if whole.any():
        ranks = rankdata(np.column_stack([volume, values[:, whole]]), axis=0)
        centred = ranks - ranks.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=0))
        found[whole] = (centred[:, 0] @ centred[:, 1:]) / np.where(size[0] * size[1:] > 0, size[0] * size[1:], np.inf)
    for index in np.flatnonzero(~whole):
        both = ~np.isnan(values[:, index]) & ~np.isnan(volume)
        if both.sum() >= _FEWEST and np.ptp(values[both, index]) > 0 and np.ptp(volume[both]) > 0:
            found[index] = spearmanr(volume[both], values[both, index]).statistic
    return found


def _alike(frame: pd.DataFrame, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Columns that are joined by one such pair after another."""
    if len(names) < 2:
        return ()
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - as above
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    near = frame[list(names)].corr("spearman", min_periods=_FEWEST).abs().to_numpy() >= SAME_FROM
    count, group = connected_components(csr_matrix(near), directed=False)
    groups = [tuple(np.array(names)[group == index].tolist()) for index in range(count)]
    return tuple(members for members in groups if len(members) > 1)
