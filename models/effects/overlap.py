"""The gate: whether patients like each other were given both therapies. Without that, no adjustment helps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.types import Floats
from models.effects.answers import Imbalance, Overlap, Reason, Verdict
from models.families.columns import ColumnSpec
from models.families.target import Bools

FEWEST = 20
"""Patients on either therapy: below it a comparison is refused."""
FEW = 50
_EDGE = 0.025
_MOST_AT_EDGE = 0.10
_MANY_AT_EDGE = 0.02
_FEWEST_EFFECTIVE = 15.0
_LEAST_EFFECTIVE_SHARE = 0.4
_UNLIKE = 0.25
_LEVEL_PATIENTS = 15
_LEVEL_SHARE = 0.05
_LISTED = 5


def refusal_by_numbers(option: int, reference: int, therapy: str, other: str) -> Reason | None:
    """Why two groups are too small to be compared at all; None where they are not."""
    if option == 0 or reference == 0:
        nobody = f"{therapy} or {other}" if option == reference else therapy if option == 0 else other
        return Reason("NOBODY_TREATED", f"nobody of these {option + reference} patients was given {nobody}")
    if min(option, reference) < FEWEST:
        return Reason(
            "FEW_PATIENTS",
            f"{option} patients were given {therapy} and {reference} {other}; wanted at least {FEWEST} on either",
        )
    return None


def refused(option: int, reference: int, reason: Reason) -> Overlap:
    """An overlap that was not even looked at."""
    return Overlap("refused", (reason,), option, reference, 0.0, 0.0, 0.0, 0.0, ())


def judge(
    frame: pd.DataFrame, columns: Sequence[ColumnSpec], treated: Bools, propensity: Floats, therapy: str, other: str
) -> Overlap:
    """The verdict, with every reason by name."""
    weights = np.where(treated, 1 / propensity, 1 / (1 - propensity))
    effective = [_effective(weights[treated == arm]) for arm in (True, False)]
    imbalance = _imbalance(frame, columns, treated, weights)
    at_edge = float(((propensity < _EDGE) | (propensity > 1 - _EDGE)).mean())
    counts = int(treated.sum()), int((~treated).sum())
    refusing = _unsupported(frame, columns, treated, therapy, other)
    warning: list[Reason] = []
    if at_edge > _MANY_AT_EDGE:
        told = Reason(
            "NO_OVERLAP",
            f"{at_edge:.0%} of the patients would almost never, or almost always, be given {therapy} "
            f"(propensity below {_EDGE:g} or above {1 - _EDGE:g})",
        )
        (refusing if at_edge > _MOST_AT_EDGE else warning).append(told)
    for size, name, patients in zip(effective, (therapy, other), counts, strict=True):
        if size < _FEWEST_EFFECTIVE:
            refusing.append(Reason("FEW_EFFECTIVE", f"weighted, {name} counts as {size:.0f} patients of {patients}"))
        elif size < _LEAST_EFFECTIVE_SHARE * patients:
            warning.append(Reason("FEW_EFFECTIVE", f"weighted, {name} counts as {size:.0f} patients of {patients}"))
    unlike = [one for one in imbalance if abs(one.after) > _UNLIKE]
    if unlike:
        listed = ", ".join(f"{one.column} ({one.after:+.2f})" for one in unlike[:_LISTED])
        warning.append(Reason("IMBALANCE", f"even weighted, the groups differ in {listed} (standard deviations)"))
    if min(counts) < FEW:
        warning.append(Reason("FEW_PATIENTS", f"{counts[0]} patients on {therapy} and {counts[1]} on {other} are few"))
    verdict: Verdict = "refused" if refusing else "weak" if warning else "sufficient"
    return Overlap(
        verdict=verdict,
        reasons=(*refusing, *warning),
        option_patients=counts[0],
        reference_patients=counts[1],
        option_effective=effective[0],
        reference_effective=effective[1],
        least_propensity=float(propensity.min()),
        largest_propensity=float(propensity.max()),
        imbalance=tuple(imbalance[:_LISTED]),
    )


def _effective(weights: Floats) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())


def _unsupported(
    frame: pd.DataFrame, columns: Sequence[ColumnSpec], treated: Bools, therapy: str, other: str
) -> list[Reason]:
    """Kinds of patients, by one category or one of few values, of whom nobody was given one of the therapies."""
    reasons = []
    for spec in columns:
        series = frame[spec.name]
        if spec.kind == "number" and series.nunique() > _LISTED:
            continue
        for value in series.dropna().unique():
            members = (series == value).to_numpy()
            if members.sum() < max(_LEVEL_PATIENTS, _LEVEL_SHARE * members.size):
                continue
            for arm, name in ((treated, therapy), (~treated, other)):
                if not (members & arm).any():
                    word = f"{value:g}" if isinstance(value, float) else str(value)
                    reasons.append(
                        Reason(
                            "NOBODY_TREATED",
                            f"nobody of the {int(members.sum())} patients with {spec.name} {word} was given {name}",
                        )
                    )
    return reasons


def _imbalance(frame: pd.DataFrame, columns: Sequence[ColumnSpec], treated: Bools, weights: Floats) -> list[Imbalance]:
    found = []
    for spec in columns:
        for name, values in _as_numbers(frame[spec.name], spec):
            before = _difference(values, treated, np.ones_like(weights))
            after = _difference(values, treated, weights)
            if np.isfinite(before) and np.isfinite(after):
                found.append(Imbalance(name, before, after))
    return sorted(found, key=lambda one: -abs(one.after))


def _as_numbers(series: pd.Series, spec: ColumnSpec) -> list[tuple[str, Floats]]:
    if spec.kind == "number":
        values = series.to_numpy(dtype=np.float64)
        return [(spec.name, np.where(np.isnan(values), np.nanmedian(values), values))]
    words = sorted({str(word) for word in series.dropna()})
    return [(f"{spec.name} {word}", (series == word).to_numpy(dtype=np.float64)) for word in words]


def _difference(values: Floats, treated: Bools, weights: Floats) -> float:
    """Of weighted means, in the standard deviation pooled over both groups as they came.

    Source: Austin and Stuart, Stat Med 34 (2015) 3661.
    """
    spread = float(np.sqrt((values[treated].var(ddof=1) + values[~treated].var(ddof=1)) / 2))
    if spread <= 0:
        return float("nan")
    means = [float(np.average(values[arm], weights=weights[arm])) for arm in (treated, ~treated)]
    return (means[0] - means[1]) / spread
