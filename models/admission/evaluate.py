"""How good a version is on a held-out table, beside the champion and in subgroups, on the same draws of patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from features.types import Floats
from models.admission.report import Check, Measured
from models.answers import Prediction
from models.errors import BadCohort, ModelError
from models.evaluation import (
    SMALLER_IS_BETTER,
    Estimate,
    area_under_curve,
    concordance,
    outcome_measures,
    patient_draws,
    progression_measures,
)
from models.families.columns import THERAPY
from models.families.target import Bools, OutcomeTarget, ProgressionTarget, Target
from models.figures import FEWEST_IN_A_SUBGROUP, LEADING
from models.model import Model
from models.survival_error import evaluation_days

CANDIDATE, CHAMPION, DIFFERENCE = "candidate", "champion", "candidate minus champion"
ENTRY, COMPETING = "entry_days", "competing"
SEED = 0
_CHANCE = 0.5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures, and what they mean for the gates."""

    figures: tuple[Measured, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Patients that the version has not learned from, one a row."""

    frame: pd.DataFrame
    """Columns by full name, `therapy` where it was given."""
    target: Target


def read_table(file: Path, task: str) -> Table:
    """From CSV or Parquet: columns by full name, `therapy`, and `outcome`, or `time_days` with `event`.

    Beside these two `entry_days` may stand (the day from which each was watched) and `competing` (1 where death came
    first, at `time_days`): figures then take account of them.

    Raises:
        BadCohort: It cannot be read, or lacks what the task wants.
    """
    try:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (OSError, ValueError, ImportError) as error:
        raise BadCohort(f"the table cannot be read ({type(error).__name__}); wanted CSV or Parquet") from error
    wanted = ("outcome",) if task == "outcome" else ("time_days", "event")
    if missing := [name for name in wanted if name not in frame.columns]:
        raise BadCohort(f"the table has no column {missing[0]}; wanted {' and '.join(wanted)} for {task}")
    try:
        target: Target = (
            OutcomeTarget(frame["outcome"].to_numpy(np.float64)) if task == "outcome" else _progression(frame)
        )
    except (TypeError, ValueError) as error:
        raise BadCohort(f"{' or '.join(wanted)} of the table holds something that is no number") from error
    target.require_enough()
    told = wanted if task == "outcome" else (*wanted, ENTRY, COMPETING)
    return Table(frame.drop(columns=[name for name in told if name in frame.columns]), target)


def _progression(frame: pd.DataFrame) -> ProgressionTarget:
    numbers = {name: frame[name].to_numpy(np.float64) for name in ("time_days", "event")}
    for name in (ENTRY, COMPETING):
        if name in frame.columns:
            try:
                numbers[name] = frame[name].to_numpy(np.float64)
            except (TypeError, ValueError) as error:
                raise BadCohort(f"{name} of the table holds something that is no number") from error
    if COMPETING in numbers and not np.isin(numbers[COMPETING], (0.0, 1.0)).all():
        raise BadCohort(f"{COMPETING} of the table holds something other than 0 and 1")
    competing = numbers[COMPETING] > 0 if COMPETING in numbers else None
    return ProgressionTarget(numbers["time_days"], numbers["event"] > 0, numbers.get(ENTRY), competing)


def evaluate(table: Table, candidate: Model, champion: Model | None) -> Evaluated:
    """Figures of both on the same patients; the candidate must beat chance, and not fall short of the champion.

    Raises:
        BadCohort: A patient of the table is refused by a model.
    """
    patients = len(table.frame)
    weights = patient_draws(patients, SEED)
    said = _asked(table, candidate)
    of_candidate = _measures(table.target, said, weights)
    leading = LEADING[candidate.task]
    figures = [_figure(name, CANDIDATE, patients, draws) for name, draws in of_candidate.items()]
    checks = [_beats_chance(leading, of_candidate[leading], patients)]
    if champion is None:
        checks.append(Check("champion", "noted", "there is none of this name to compare with"))
    else:
        of_champion = _measures(table.target, _asked(table, champion), weights)
        for name in of_candidate.keys() & of_champion.keys():
            figures.append(_figure(name, CHAMPION, patients, of_champion[name]))
            if not name.startswith("calibration"):
                figures.append(_figure(name, DIFFERENCE, patients, of_candidate[name] - of_champion[name]))
        checks.append(_not_worse(figures, champion))
    found = list(_subgroups(table, said))
    figures += found
    checks.append(_subgroup_check(found))
    return Evaluated(tuple(sorted(figures, key=lambda one: one.name != leading)), tuple(checks))


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What a model said of every patient."""

    score: Floats
    """Log-odds of response, or a risk: higher is worse."""
    survival: Floats | None
    days: Floats | None


def _asked(table: Table, model: Model) -> _Said:
    days = evaluation_days(table.target) if isinstance(table.target, ProgressionTarget) else None
    answers = [_answer(table.frame.iloc[row], row, model) for row in range(len(table.frame))]
    if isinstance(table.target, OutcomeTarget):
        chance = np.array([_required(answer.outcome).probability for answer in answers]).clip(1e-7, 1 - 1e-7)
        return _Said(np.log(chance / (1 - chance)), None, None)
    if all(answer.risk is not None for answer in answers):
        return _Said(np.array([_required(answer.risk).log_hazard_ratio for answer in answers]), None, None)
    assert days is not None  # noqa: S101 - of a progression
    curves = [_required(answer.progression) for answer in answers]
    survival = np.array([np.interp(days, curve.time_days, curve.survival) for curve in curves])
    return _Said(-np.asarray(np.trapezoid(survival, days, axis=1)), survival, days)


def _answer(row: pd.Series, number: int, model: Model) -> Prediction:
    values: dict[str, float | str] = {}
    for spec in model.columns:
        value = row.get(spec.name)
        if value is None or value != value:  # noqa: PLR0124 - not a number
            continue
        values[spec.name] = str(value) if spec.kind == "category" else float(value)
    therapies = (str(row.get(THERAPY)),) if model.therapies else ()
    try:
        return model.predict(values, therapies).predictions[0]
    except ModelError as error:
        raise BadCohort(f"row {number + 1} of the table is refused by {model.name}: {error}") from error


def _required(value: T | None) -> T:
    if value is None:
        raise BadCohort("a patient of the table is given no prediction, for being unlike the training cohort")
    return value


def _measures(target: Target, said: _Said, weights: Floats) -> dict[str, Floats]:
    if isinstance(target, OutcomeTarget):
        return outcome_measures(target, said.score, weights)
    if said.survival is None or said.days is None:
        return {"concordance": concordance(target, said.score, weights)}
    return progression_measures(target, said.score, said.survival, said.days, weights)


def _figure(name: str, of: str, patients: int, draws: Floats) -> Measured:
    estimate = Estimate.of(draws)
    return Measured(name, of, patients, estimate.value, estimate.lower, estimate.upper)


def _beats_chance(leading: str, draws: Floats, patients: int) -> Check:
    estimate = Estimate.of(draws)
    better = estimate.lower is not None and estimate.lower > _CHANCE
    said = f"{leading} {estimate} on {patients} patients; its interval must lie above {_CHANCE}"
    return Check("performance", "passed" if better else "refused", said)


def _not_worse(figures: Sequence[Measured], champion: Model) -> Check:
    worse = [
        figure
        for figure in figures
        if figure.of == DIFFERENCE and figure.upper is not None and figure.lower is not None
        if (figure.lower > 0 if figure.name in SMALLER_IS_BETTER else figure.upper < 0)
    ]
    if worse:
        told = "; ".join(str(figure) for figure in worse)
        return Check("champion", "refused", f"worse than version {champion.version}, beyond chance: {told}")
    return Check("champion", "passed", f"not worse than version {champion.version}, within what chance allows")


def _subgroups(table: Table, said: _Said) -> Iterator[Measured]:
    """The leading figure where there are 20 patients or more with both classes."""
    for name, members in _groups(table.frame):
        rows = np.flatnonzero(members)
        target, score = table.target.take(rows), said.score[rows]
        marked = target.response > 0 if isinstance(target, OutcomeTarget) else target.event
        if rows.size < FEWEST_IN_A_SUBGROUP or not marked.any():
            continue
        weights = patient_draws(rows.size, SEED)
        if isinstance(target, ProgressionTarget):
            yield _figure("concordance", name, int(rows.size), concordance(target, score, weights))
        elif not marked.all():
            yield _figure("auc", name, int(rows.size), area_under_curve(score, marked, weights))


def _groups(frame: pd.DataFrame) -> Iterator[tuple[str, Bools]]:
    for column, title in (("clinical.sex", "sex"), ("site", "site"), (THERAPY, THERAPY)):
        if column in frame.columns:
            for word in sorted(frame[column].dropna().astype(str).unique())[:20]:
                yield f"{title}: {word}", (frame[column].astype(str) == word).to_numpy()
    if "clinical.age_years" in frame.columns:
        years = pd.to_numeric(frame["clinical.age_years"], errors="coerce")
        middle = float(years.median())
        yield f"age: up to {middle:g}", (years <= middle).to_numpy()
        yield f"age: over {middle:g}", (years > middle).to_numpy()


def _subgroup_check(found: Sequence[Measured]) -> Check:
    if not found:
        return Check(
            "subgroups", "noted", f"none of {FEWEST_IN_A_SUBGROUP} patients or more by sex, age, site, therapy"
        )
    bad = [figure for figure in found if figure.upper is not None and figure.upper < _CHANCE]
    if bad:
        return Check("subgroups", "refused", "worse than chance: " + "; ".join(str(figure) for figure in bad))
    worst = min(found, key=lambda figure: figure.value)
    return Check("subgroups", "passed", f"{len(found)} looked at; the lowest: {worst}")
