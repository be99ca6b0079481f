"""What any model must beat: the cohort's average, the clinical record alone, and tumour volume alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.types import Floats
from models.errors import BadCohort
from models.families.columns import THERAPY, ColumnSpec, encode
from models.families.design import Design, DesignMatrix
from models.families.preparation import prepare
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.plain_hazards import cox_ratios, joined_survival
from models.under_watch import progressed_by

AVERAGE = "cohort average"
CLINICAL = "clinical only"
VOLUME = "volume only"
AREA = "area only"
_VOLUMES = (
    r"measure\..+\.baseline\.all\.volume_mm3",
    r"(radiomics\.\w+\.baseline\.largest\.)?original_shape_MeshVolume",
    r"(radiomics\.\w+\.baseline\.largest\.)?original_shape_VoxelVolume",
    r"(?i)(.*[\W_])?volume(_?(mm3|cm3|ml|cc))?",
)
_AREAS = (
    r"measure\..+\.baseline\.(all|largest)\.area_mm2",
    r"(radiomics\.\w+\.baseline\.largest\.)?original_shape2D_(Mesh|Pixel)Surface",
)
"""Of a projection, which has no volume."""
_PENALTY = 0.1
"""Of the Cox models; keeps a rare category finite."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A plain model on a few columns: logistic regression for an outcome, Cox for progression."""

    name: str
    columns: tuple[ColumnSpec, ...]
    """None: everyone is predicted the same."""
    with_therapy: bool


def baselines(columns: Sequence[ColumnSpec]) -> tuple[Baseline, ...]:
    """Those that a cohort's columns allow."""
    clinical = tuple(spec for spec in columns if spec.name.startswith("clinical."))
    volume = volume_columns(columns)
    found = [Baseline(AVERAGE, (), with_therapy=False)]
    if clinical:
        found.append(Baseline(CLINICAL, clinical, with_therapy=True))
    if volume:
        found.append(Baseline(VOLUME, volume, with_therapy=False))
    elif area := _first(columns, _AREAS):
        found.append(Baseline(AREA, area, with_therapy=False))
    return tuple(found)


def volume_columns(columns: Sequence[ColumnSpec]) -> tuple[ColumnSpec, ...]:
    """The tumour's volume, by the first of the names it goes by that the columns have."""
    return _first(columns, _VOLUMES)


def _first(columns: Sequence[ColumnSpec], patterns: Sequence[str]) -> tuple[ColumnSpec, ...]:
    for pattern in patterns:
        if found := tuple(spec for spec in columns if re.fullmatch(pattern, spec.name)):
            return found
    return ()


def held_out_log_odds(baseline: Baseline, train: pd.DataFrame, target: OutcomeTarget, test: pd.DataFrame) -> Floats:
    """Log-odds of response for patients that the baseline has not seen, (n_test,)."""
    matrices = _matrices(baseline, train, target, test)
    if matrices is None:
        share = (target.response.sum() + 0.5) / (target.response.size + 1)
        return np.full(len(test), float(np.log(share / (1 - share))))
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import

    fitted = LogisticRegression(max_iter=1000).fit(matrices[0], target.response)
    log_odds: Floats = np.asarray(fitted.decision_function(matrices[1]), dtype=np.float64)
    return log_odds


def held_out_survival(
    baseline: Baseline, train: pd.DataFrame, target: ProgressionTarget, test: pd.DataFrame, days: Floats
) -> Floats:
    """Probability of no progression until each day, for patients that the baseline has not seen, (n_test, days).

    Of those who entered late, and with another end that may come first, as far as they were recorded.
    """
    import lifelines  # noqa: PLC0415 - a second to import

    matrices = _matrices(baseline, train, target, test)
    if not target.plain:
        if matrices is None:
            average = 1 - progressed_by(target, np.ones((1, target.event.size)), days)
            return np.tile(average, (len(test), 1))
        return joined_survival(target, cox_ratios(*matrices, penalty=_PENALTY), days, len(test))
    if matrices is None:
        curve: Any = lifelines.KaplanMeierFitter().fit(target.time_days, target.event)
        return np.tile(np.asarray(curve.predict(days), dtype=np.float64), (len(test), 1))
    frame = pd.DataFrame(matrices[0]).assign(time_days=target.time_days, event=target.event)
    cox = lifelines.CoxPHFitter(penalizer=_PENALTY).fit(frame, "time_days", "event")
    survival = cox.predict_survival_function(pd.DataFrame(matrices[1]), times=days)
    return np.asarray(survival, dtype=np.float64).T


def _matrices(
    baseline: Baseline, train: pd.DataFrame, target: Target, test: pd.DataFrame
) -> tuple[Floats, Floats] | None:
    """Design matrices learned from the training rows alone; None where no column varies there."""
    if not baseline.columns:
        return None
    kept = [spec.name for spec in baseline.columns]
    if baseline.with_therapy and THERAPY in train.columns:
        kept.append(THERAPY)
    try:
        prepared = prepare(train[kept], target, baseline.columns)
    except BadCohort:
        return None
    rows = encode(prepared.columns, prepared.therapies, known_only(test[kept], prepared.columns))
    return prepared.X, DesignMatrix(Design(prepared.terms)).apply(rows)


def known_only(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> pd.DataFrame:
    """The rows with a category that no training patient had set to missing."""
    changed = {
        spec.name: frame[spec.name].where(frame[spec.name].isin(spec.categories), None)
        for spec in columns
        if spec.kind == "category"
    }
    return frame.assign(**changed)
