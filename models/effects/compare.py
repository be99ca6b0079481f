"""Two therapies compared over the patients who were given either: the gate first, then estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.effects import overlap, regression
from models.effects.answers import Comparison, Effect, Estimated, Learner, Overlap, Quantity
from models.effects.estimate import (
    Influence,
    around,
    combined,
    dr_learner,
    influence,
    mean_with_interval,
    policy,
)
from models.effects.nuisance import Nuisances, columns_of, cross_fit, with_therapy
from models.effects.pseudo import restricted_mean_pseudo_values, survival_pseudo_values
from models.effects.sensitivity import as_risk_ratio, e_value, e_value_of_limit, ratio_of_risks
from models.errors import BadCohort
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import Bools, OutcomeTarget, ProgressionTarget, Target
from models.progress import progress_bar

LEVEL = 0.9
REPEATS = 3
"""Cross-fittings, of which the median is taken: an estimate must not hang on one deal of the folds."""
_REPLICATES = 60
"""Draws of patients behind the intervals of the T- and S-learner."""
_PENALTY = 10.0
_AT_RISK = 0.1


@dataclass(frozen=True, slots=True)
class Comparing:
    """How therapies are compared."""

    evidence: str
    horizons: tuple[float, ...] = ()
    """In the table's unit of time; empty for the time until which a tenth of either group is watched."""
    level: float = LEVEL
    seed: int = 0
    learners: bool = True
    """Whether the T-, S- and DR-learner stand beside, which takes most of the time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    quantity: Quantity
    day: float | None
    values: Floats
    scale: regression.Scale

    @property
    def name(self) -> str:
        return f"{self.quantity} {self.day}"


def compare_therapies(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSpec],
    target: Target,
    reference: str,
    how: Comparing,
    *,
    groups: Mapping[str, Bools] | None = None,
    progress: bool = False,
) -> tuple[Comparison, ...]:
    """Every other therapy against the reference, over all patients and over each group.

    Args:
        frame: Raw columns with `therapy`, one row a patient.
        columns: What may be adjusted for.
        target: Of these patients.
        reference: One of the therapies.
        how: Evidence, horizons, level.
        groups: By name, e.g. `her2: 0`, the patients of each.
        progress: Whether a bar goes to stderr.

    Raises:
        BadCohort: There is no such therapy, or no other.
    """
    given = frame[THERAPY].astype(str).to_numpy()
    therapies = sorted(set(given))
    if reference not in therapies:
        raise BadCohort(f"nobody was given the reference {reference!r}; known: {', '.join(therapies[:20])}")
    if len(therapies) < 2:
        raise BadCohort(f"everybody was given {reference!r}; wanted two therapies or more to compare")
    found = []
    every = {"": np.ones(given.size, dtype=np.bool_), **(groups or {})}
    asked = [(group, therapy) for group in every for therapy in therapies if therapy != reference]
    with progress_bar(len(asked), "comparing therapies", "comparison", shown=progress) as bar:
        for group, therapy in asked:
            members = every[group]
            rows = np.flatnonzero(members & np.isin(given, (therapy, reference)))
            part = frame.iloc[rows].reset_index(drop=True)
            found.append(compare(part, columns, target.take(rows), (therapy, reference), how, group=group))
            bar.update()
    return tuple(found)


def compare(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSpec],
    target: Target,
    pair: tuple[str, str],
    how: Comparing,
    *,
    group: str = "",
) -> Comparison:
    """One therapy against another, over the patients of either; refused by name where the data cannot carry it."""
    therapy, reference = pair
    treated = (frame[THERAPY].astype(str) == therapy).to_numpy()

    def answer(judged: Overlap, effects: tuple[Effect, ...] = ()) -> Comparison:
        return Comparison(therapy, reference, group, how.evidence, how.level, judged, effects)

    counts = int(treated.sum()), int((~treated).sum())
    reason = overlap.refusal_by_numbers(*counts, therapy, reference)
    if reason is not None:
        return answer(overlap.refused(*counts, reason))
    results = _results(target, treated, how.horizons)
    wanted = {result.name: (result.values, result.scale) for result in results}
    fits = [
        cross_fit(frame, columns, target, treated, wanted, how.seed + repeat, learners=how.learners)
        for repeat in range(REPEATS)
    ]
    propensity = np.median([one.propensity for one in fits], axis=0)
    judged = overlap.judge(frame, columns, treated, propensity, therapy, reference)
    if judged.verdict == "refused":
        return answer(judged)
    beside = _Beside(frame, columns, target, treated, how)
    return answer(judged, tuple(_effect(result, fits, beside) for result in results))


@dataclass(frozen=True, slots=True, eq=False)
class _Beside:
    """What the learners beside the main estimate need."""

    frame: pd.DataFrame
    columns: Sequence[ColumnSpec]
    target: Target
    treated: Bools
    how: Comparing


def _results(target: Target, treated: Bools, horizons: Sequence[float]) -> list[_Result]:
    if isinstance(target, OutcomeTarget):
        return [_Result("probability", None, target.response, "probability")]
    arms = [np.flatnonzero(treated == arm) for arm in (False, True)]
    watched = min(float(np.quantile(target.time_days[rows], 1 - _AT_RISK)) for rows in arms)
    days = tuple(day for day in horizons if day > 0) or (watched,)
    longest = min(float(target.time_days[rows].max()) for rows in arms)
    if max(days) > longest:
        raise BadCohort(f"a horizon of {max(days):g} lies beyond {longest:g}, until when both therapies are watched")
    found = [_Result("restricted_mean", max(days), _by_arm(target, arms, max(days), area=True), "number")]
    return found + [_Result("survival", day, _by_arm(target, arms, day, area=False), "number") for day in days]


def _by_arm(target: ProgressionTarget, arms: Sequence[np.ndarray], day: float, *, area: bool) -> Floats:
    values = np.empty(target.event.size)
    for rows in arms:
        own = target.take(rows)
        values[rows] = restricted_mean_pseudo_values(own, day) if area else survival_pseudo_values(own, day)
    return values


def _effect(result: _Result, fits: Sequence[Nuisances], beside: _Beside) -> Effect:
    treated, how = beside.treated, beside.how
    each = [influence(result.values, treated, one, result.name) for one in fits]
    freedom = treated.size - 1

    def over(parts: Sequence[Floats]) -> Estimated:
        return combined([mean_with_interval(part, how.level) for part in parts], how.level, freedom)

    option, reference = over([one.option for one in each]), over([one.reference for one in each])
    difference = over([one.difference for one in each])
    values = _e_values(result, each[0], option, reference, difference, treated, how.level)
    return Effect(
        quantity=result.quantity,
        day=result.day,
        option=_held(option, result),
        reference=_held(reference, result),
        difference=difference,
        e_value=values[0],
        e_value_of_limit=values[1],
        learners=_learners(result, fits[0], each[0], beside) if how.learners else (),
    )


def _held(estimate: Estimated, result: _Result) -> Estimated:
    """Ends held where the quantity can be."""
    highest = float(result.day) if result.quantity == "restricted_mean" and result.day is not None else 1.0
    value, lower, upper = (float(np.clip(x, 0.0, highest)) for x in (estimate.value, estimate.lower, estimate.upper))
    return Estimated(value, lower, upper)


def _e_values(
    result: _Result,
    each: Influence,
    option: Estimated,
    reference: Estimated,
    difference: Estimated,
    treated: Bools,
    level: float,
) -> tuple[float, float]:
    if result.quantity == "restricted_mean":
        pooled = float(np.sqrt(np.mean([result.values[treated == arm].var(ddof=1) for arm in (True, False)])))
        ratios = [as_risk_ratio(end / pooled) for end in (difference.value, difference.lower, difference.upper)]
    else:
        risks = [option.value, reference.value]
        if result.quantity == "survival":
            risks = [1 - risk for risk in risks]
        ratio = ratio_of_risks(risks[0], risks[1])
        sign = -1.0 if result.quantity == "survival" else 1.0
        least = [max(risk, 1e-3) for risk in risks]
        log_ratio = sign * (
            (each.option - each.option.mean()) / least[0] - (each.reference - each.reference.mean()) / least[1]
        )
        spread = mean_with_interval(log_ratio, level).upper - float(log_ratio.mean())
        ratios = [ratio, ratio * float(np.exp(-spread)), ratio * float(np.exp(spread))]
    return e_value(ratios[0]), e_value_of_limit(*ratios)


def _learners(result: _Result, nuisances: Nuisances, each: Influence, beside: _Beside) -> tuple[Learner, ...]:
    treated, how = beside.treated, beside.how
    under, single = nuisances.under[result.name], nuisances.single[result.name]
    own = dr_learner(each, nuisances, how.seed)
    drawn = _drawn_differences(result, beside)
    freedom = treated.size - 1
    found = [Learner("unadjusted", _unadjusted(result, treated, how.level), None, None)]
    for name, gain, replicates in (
        ("T", under[1] - under[0], drawn[0]),
        ("S", single[1] - single[0], drawn[1]),
    ):
        average = around(float(gain.mean()), float(replicates.std(ddof=1)), how.level, freedom)
        found.append(
            Learner("T" if name == "T" else "S", average, policy(each, gain > 0, how.level), float((gain > 0).mean()))
        )
    average = mean_with_interval(each.difference, how.level)
    found.append(Learner("DR", average, policy(each, own > 0, how.level), float((own > 0).mean())))
    return tuple(found)


def _unadjusted(result: _Result, treated: Bools, level: float) -> Estimated:
    """Means of the two groups as they came, by their own spread: for a restricted mean, the jackknife's error."""
    groups = [result.values[treated], result.values[~treated]]
    error = float(np.sqrt(sum(group.var(ddof=1) / group.size for group in groups)))
    return around(float(groups[0].mean() - groups[1].mean()), error, level, treated.size - 2)


def _drawn_differences(result: _Result, beside: _Beside) -> tuple[Floats, Floats]:
    """Average differences by the T- and the S-learner over draws of patients, (replicates,) each."""
    treated = beside.treated
    every = np.arange(treated.size)
    X, _ = columns_of(beside.frame, beside.columns, beside.target, treated, every, every[:1])
    random = np.random.default_rng(beside.how.seed)
    first, second = np.empty(_REPLICATES), np.empty(_REPLICATES)
    for index in range(_REPLICATES):
        counts = sum(
            (np.bincount(random.choice(rows, rows.size), minlength=treated.size) for rows in _arms(treated)),
            np.zeros(treated.size, dtype=np.intp),
        ).astype(np.float64)
        arms = [
            regression.linear(X[rows], result.values[rows], result.scale, _PENALTY, counts[rows])(X)
            for rows in _arms(treated)
        ]
        first[index] = np.average(arms[1] - arms[0], weights=counts)
        both = regression.linear(with_therapy(X, treated), result.values, result.scale, _PENALTY, counts)
        told = [both(with_therapy(X, np.full(treated.size, arm))) for arm in (False, True)]
        second[index] = np.average(told[1] - told[0], weights=counts)
    return first, second


def _arms(treated: Bools) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(~treated), np.flatnonzero(treated)
