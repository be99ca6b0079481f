"""Cox's model for time to progression: fitted by lifelines, kept as plain coefficients and baselines."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort
from models.errors import BadCohort, BrokenFile
from models.families.bootstrap import draws, folds
from models.families.breslow import partial_log_likelihood
from models.families.columns import ColumnSpec
from models.families.family import REPLICATES, Check, Fitted, ProgressionScores
from models.families.hazard_plan import plan, progression_of
from models.families.horizon import interpolate
from models.families.recipe import Recipe
from models.families.screening import MOST_COLUMNS
from models.families.target import ProgressionTarget, Target, Task
from models.plain import dumps, from_plain, loads

FILE = "cox.json"
_PENALTIES = (0.03, 0.1, 0.3)
FOLDS = 3
STEEPEST = 30.0
"""Largest log-hazard ratio to the average patient that is answered."""
_METHOD = (
    "Cox's proportional hazards (lifelines, Efron's ties) with a ridge penalty of {penalty}, chosen by {folds} inner "
    "folds, on {columns} columns (at most {most}, screened inside each fit), {products} of them therapy interactions."
)


@dataclass(frozen=True, slots=True)
class Hazards:
    """One fitted Cox model: H(t, x) = H0(t) exp(coefficients . (x - centre))."""

    coefficients: tuple[float, ...]
    """One for each design column, on its scale."""
    centre: tuple[float, ...]
    """Mean of each design column in the fit."""
    days: tuple[float, ...]
    """Ascending days where the baseline is known."""
    baseline: tuple[float, ...]
    """H0 on these days, never falling."""

    def __post_init__(self) -> None:
        ascending = all(a < b for a, b in zip(self.days, self.days[1:], strict=False))
        rising = all(a <= b for a, b in zip(self.baseline, self.baseline[1:], strict=False))
        if not (ascending and rising and len(self.days) == len(self.baseline) > 0):
            raise BrokenFile(f"{FILE}: a baseline is not a cumulative hazard over ascending days")
        if len(self.coefficients) != len(self.centre) or self.days[0] < 0 or self.baseline[0] < 0:
            raise BrokenFile(f"{FILE}: coefficients or baseline are impossible")


@dataclass(frozen=True, slots=True)
class CoxFile:
    """What `cox.json` holds."""

    estimate: Hazards
    replicates: tuple[Hazards, ...]


class CoxEngine:
    """Coefficients and baselines ready to multiply."""

    def __init__(self, content: CoxFile, time_days: Sequence[int]) -> None:
        self._content = content
        every = (content.estimate, *content.replicates)
        self._coefficients = np.array([one.coefficients for one in every])
        self._offset = np.array([np.dot(one.coefficients, one.centre) for one in every])
        at = tuple(time_days)
        self._baselines = np.array([interpolate(at, np.array(one.days), np.array(one.baseline)) for one in every])

    def log_ratio(self, X: Floats) -> Floats:
        """Log-hazard ratio to the average patient of each fit, (1 + replicates, n)."""
        ratio: Floats = self._coefficients @ X.T - self._offset[:, None]
        return ratio

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        ratio = np.exp(np.clip(self.log_ratio(X), -STEEPEST, STEEPEST))
        hazard = ratio[:, :, None] * self._baselines[:, None, :]
        return ProgressionScores(hazard[0], hazard[1:])

    def contributions(self, X: Floats) -> Floats:
        """Coefficient times column: exact on the log-hazard."""
        shares: Floats = X * self._coefficients[0]
        return shares

    def files(self) -> dict[str, bytes]:
        """Plain JSON."""
        return {FILE: dumps(self._content)}


class CoxProgression:
    """The family."""

    name = "cox"
    task: Task = "progression"
    files: tuple[str, ...] = (FILE,)

    def fit(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        *,
        seed: int,
        replicates: int = REPLICATES,
        check: Check = lambda: None,
    ) -> Fitted:
        """See `Family.fit`."""
        target = progression_of(target, self.name, late_entry=False)
        generator = np.random.default_rng(seed)
        planned = plan(table, target, columns)
        X, time_days, heavier = planned.X, planned.time_days, planned.heavier
        penalty = best_penalty(X, target, heavier, generator, check)
        spread = []
        for counts in draws(target, replicates, generator):
            check()
            # Rows stand as often as drawn: lifelines' weights leave its penalty and its scaling unweighted.
            drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
            spread.append(on_days(fit_hazards(X[drawn], target.take(drawn), penalty * heavier, generator), time_days))
        engine = CoxEngine(CoxFile(fit_hazards(X, target, penalty * heavier), tuple(spread)), time_days)
        method = _METHOD.format(
            penalty=penalty,
            folds=FOLDS,
            columns=len(planned.design.terms),
            most=MOST_COLUMNS,
            products=planned.products,
        )
        return planned.fitted(self.name, engine, generator, replicates=replicates, method=method)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if set(files) != {FILE}:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(CoxFile, loads(files[FILE], place=FILE), place=FILE)
        width = len(recipe.design.terms)
        if any(len(one.coefficients) != width for one in (content.estimate, *content.replicates)):
            raise BrokenFile(f"{FILE}: coefficients for another number of columns; wanted {width}")
        if len(content.replicates) != recipe.replicates or len(recipe.time_days) < 2:
            raise BrokenFile(f"{FILE}: {len(content.replicates)} replicates; wanted {recipe.replicates}, and days")
        return Fitted.of(recipe, CoxEngine(content, recipe.time_days), cohort)


def fit_hazards(
    X: Floats, target: ProgressionTarget, penalty: Floats, generator: np.random.Generator | None = None
) -> Hazards:
    """One penalised Cox fit by lifelines.

    Args:
        X: Design columns, (n, columns).
        target: Time and event.
        penalty: Ridge penalty of each column as lifelines has it (on columns of unit spread, per patient).
        generator: Of a replicate, whose penalty pulls each coefficient not to 0 but to a draw from the prior that the
            penalty is. Drawing patients alone would leave out what the penalty hides, and be too sure.
            Source: Papandreou and Yuille, Perturb-and-MAP, ICCV 2011.
    """
    from lifelines.fitters.coxph_fitter import SemiParametricPHFitter  # noqa: PLC0415 - slow to import

    varies = X.std(axis=0) > 1e-9
    frame = pd.DataFrame(X[:, varies]).rename(columns=str).assign(time=target.time_days, event=target.event)
    with warnings.catch_warnings():
        # lifelines warns of rare categories, which the penalty bounds.
        warnings.simplefilter("ignore")
        try:
            fitter = SemiParametricPHFitter(penalizer=penalty[varies])
            # Medians that only its plots need would cost as much as the fit itself.
            fitter._compute_central_values_of_raw_training_data = lambda *_: None
            fitter.fit(frame, "time", "event")
        except Exception as error:  # its own errors have no common base but Exception
            raise BadCohort(f"lifelines finds no Cox fit on {X.shape[0]} patients") from error
    coefficients, centre = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    coefficients[varies], centre[varies] = fitter.params_.to_numpy(), fitter._norm_mean.to_numpy()
    if generator is not None:
        precision = X.shape[0] * penalty[varies] * fitter._norm_std.to_numpy() ** 2
        pull = np.sqrt(precision) * generator.normal(size=precision.size)
        coefficients[varies] += fitter.variance_matrix_.to_numpy() @ pull
    baseline = fitter.baseline_cumulative_hazard_
    return Hazards(
        coefficients=tuple(coefficients.tolist()),
        centre=tuple(centre.tolist()),
        days=tuple(baseline.index.to_numpy(dtype=np.float64).tolist()),
        baseline=tuple(baseline.iloc[:, 0].to_numpy(dtype=np.float64).tolist()),
    )


def best_penalty(
    X: Floats, target: ProgressionTarget, heavier: Floats, generator: np.random.Generator, check: Check
) -> float:
    """The ridge penalty whose held-out partial likelihood is largest (Verweij and van Houwelingen 1993)."""
    fold = folds(target, FOLDS, generator)
    gain = np.zeros(len(_PENALTIES))
    for held_out in range(FOLDS):
        seen = np.flatnonzero(fold != held_out)
        for index, penalty in enumerate(_PENALTIES):
            check()
            risk = X @ np.array(fit_hazards(X[seen], target.take(seen), penalty * heavier).coefficients)
            gain[index] += partial_log_likelihood(risk, target)
            gain[index] -= partial_log_likelihood(risk[seen], target.take(seen))
    return _PENALTIES[int(np.argmax(gain))]


def on_days(hazards: Hazards, time_days: tuple[int, ...]) -> Hazards:
    """A replicate needs its baseline only where the curve is given."""
    baseline = interpolate(time_days, np.array(hazards.days), np.array(hazards.baseline))
    return Hazards(hazards.coefficients, hazards.centre, tuple(map(float, time_days)), tuple(baseline.tolist()))
