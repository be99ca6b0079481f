"""Leaves only stable features to learn from.

One screen serves the whole training cohort, and with it every fold: it looks at images and at no outcome, so that it
cannot make figures on held-out patients better than they are for what they predict. Each fold with a screen of its own
would need as many patients perturbed again in each, or judge by a fifth fewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from models.cohort import Cohort
from models.errors import BadCohort
from models.families.columns import ColumnSpec
from models.stability.agreement import intraclass
from models.stability.agreement_table import read_agreements
from models.stability.repeats import Repeats, measure_repeats
from models.stability.stable import Agreement, Stability, StabilityCheck, judged
from models.table import FeatureTable, Measuring
from models.tabular.reading import PatientTable


def agreements_of(repeats: Repeats) -> tuple[Agreement, ...]:
    """Of each feature that was measured, in order."""
    found = intraclass(repeats.values)
    return tuple(
        Agreement(feature, None, None) if np.isnan(icc) else Agreement(feature, float(icc), float(min(lower, icc)))
        for feature, icc, lower in zip(repeats.features, found.icc, found.lower, strict=True)
    )


def stability_of(
    cohort: Cohort,
    columns: Sequence[ColumnSpec],
    check: StabilityCheck,
    measuring: Measuring,
    *,
    seed: int,
    workers: int = 1,
    progress: bool = True,
) -> Stability:
    """Measures how stable the image features of a cohort are, or reads it from the check's table.

    Raises:
        BadCohort: As `measure_repeats` and `read_agreements`, or none of the features is told of.
    """
    if check.table is not None:
        return of_agreements(read_agreements(check.table), columns, check)
    repeats = measure_repeats(
        cohort,
        measuring,
        repeats=check.perturbations,
        patients=check.patients,
        seed=seed,
        workers=workers,
        progress=progress,
    )
    found = of_agreements(agreements_of(repeats), columns, check)
    return replace(found, perturbations=check.perturbations, patients=repeats.values.shape[0])


def of_agreements(
    agreements: Sequence[Agreement],
    columns: Sequence[ColumnSpec],
    check: StabilityCheck,
    headers: Mapping[str, str] | None = None,
) -> Stability:
    """What agreements say of the image features that are offered; one that none speaks of could not be judged.

    Args:
        agreements: By feature, in the model's words or in the table's.
        columns: All that are offered.
        check: What is asked.
        headers: How features are called in somebody's own table, by model name.

    Raises:
        BadCohort: They speak of none of them, or none is stable.
    """
    known = {one.feature: one for one in agreements}
    named = headers or {}
    features = judged(columns)
    found = [known.get(feature) or known.get(named.get(feature, "")) for feature in features]
    if not any(found):
        raise BadCohort("no image feature that is offered is among those whose stability is known")
    every = (
        Agreement(feature, None, None) if one is None else replace(one, feature=feature)
        for feature, one in zip(features, found, strict=True)
    )
    stability = Stability(check.least, 0, 0, tuple(every))
    if not stability.kept:
        raise BadCohort(
            f"none of {len(features)} image features is stable: wanted a lower limit of ICC(1,1) of {check.least:g} "
            "or more; --min-icc asks for less",
            features=len(features),
        )
    return stability


def screened(table: FeatureTable, stability: Stability) -> FeatureTable:
    """The same patients without the features that are not stable."""
    frame, columns = without(table.frame, table.columns, stability)
    return replace(table, frame=frame, columns=columns, stability=stability)


def screened_patients(table: PatientTable, check: StabilityCheck) -> tuple[PatientTable, Stability]:
    """Somebody's own table without the features that are not stable, by agreements that were given; and these.

    Raises:
        BadCohort: As `read_agreements` and `of_agreements`, or no table of agreements was given.
    """
    if check.table is None:
        raise BadCohort("a table has no images to perturb; wanted a .csv of feature, icc, lower")
    stability = of_agreements(read_agreements(check.table), table.columns, check, table.headers)
    frame, columns = without(table.frame, table.columns, stability)
    return replace(table, frame=frame, columns=columns), stability


def without(
    frame: pd.DataFrame, columns: Sequence[ColumnSpec], stability: Stability
) -> tuple[pd.DataFrame, tuple[ColumnSpec, ...]]:
    """Columns of patients, and their specs, without the features that are not stable."""
    dropped = {one.feature for one in stability.dropped}
    kept = tuple(spec for spec in columns if spec.name not in dropped)
    return frame.drop(columns=sorted(dropped)), kept
