"""Cox's model with an elastic net, strata with their own baselines, and patients who entered late."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort
from models.errors import BadCohort, BrokenFile
from models.families.bootstrap import draws, folds
from models.families.columns import ColumnSpec
from models.families.family import REPLICATES, Check, Fitted
from models.families.hazard_plan import HazardPlan, plan, progression_of
from models.families.horizon import interpolate
from models.families.partial_likelihood import RiskSets, baseline, elastic_net
from models.families.recipe import Recipe
from models.families.screening import MOST_COLUMNS
from models.families.strata import check_strata, strata_of, with_strata
from models.families.stratified import FILE, Baseline, StratifiedEngine, StratifiedFile, StratifiedHazards
from models.families.target import FEWEST_EVENTS, ProgressionTarget, Target, Task
from models.plain import from_plain, loads

_PENALTIES = (0.3, 0.1, 0.03, 0.01)
_L1_RATIOS = (0.0, 0.5, 1.0)
_FOLDS = 3
_METHOD = (
    "Cox's proportional hazards (Efron's ties) with an elastic net of penalty {penalty} and l1 ratio {l1_ratio}, "
    "chosen by {folds} inner folds, on {columns} columns (at most {most}, screened inside each fit), {products} of "
    "them therapy interactions; {kept} coefficients are not 0{strata}{late}."
)


class CoxNet:
    """The family. A stratified one learns as if of the same name: what strata there are is in its files."""

    name = "cox_net"
    task: Task = "progression"
    files: tuple[str, ...] = (FILE,)

    def __init__(self, strata: str | None = None) -> None:
        self.strata = strata
        """Full name of a category column each value of which has its own baseline; None for one baseline."""

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
        """See `Family.fit`.

        Raises:
            BadCohort: Also where a stratum has too few events for a baseline, or a patient has none.
        """
        target = progression_of(target, self.name, late_entry=True)
        generator = np.random.default_rng(seed)
        planned = plan(table, target, [spec for spec in columns if spec.name != self.strata])
        X, heavier = planned.X, planned.heavier
        strata, spec = np.zeros(target.event.size), None
        if self.strata is not None:
            spec, strata = strata_of(self.strata, columns, table)
            _require_events(strata, spec, target, planned.time_days[-1])
        penalty, l1_ratio = best_strength(X, target, strata, heavier, generator, check)
        levels = 1 if spec is None else len(spec.categories)
        estimate = fit_strata(X, target, strata, levels, penalty * heavier, l1_ratio)
        spread = []
        for counts in draws(target, replicates, generator):
            check()
            drawn = np.repeat(np.arange(counts.size), counts.astype(np.intp))
            fit = fit_strata(X[drawn], target.take(drawn), strata[drawn], levels, penalty * heavier, 0.0, generator)
            spread.append(_on_days(fit, estimate, planned.time_days))
        content = StratifiedFile(levels, estimate, tuple(spread))
        whole = planned if spec is None else with_strata(planned, spec, strata)
        method = _method(planned, content, penalty, l1_ratio, self.strata, late=target.entry_days is not None)
        engine = StratifiedEngine(content, whole.time_days)
        return whole.fitted(self.name, engine, generator, replicates=replicates, method=method)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if set(files) != {FILE}:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(StratifiedFile, loads(files[FILE], place=FILE), place=FILE)
        check_strata(recipe, content.strata)
        width = len(recipe.design.terms) - (content.strata if content.strata > 1 else 0)
        if any(len(one.coefficients) != width for one in (content.estimate, *content.replicates)):
            raise BrokenFile(f"{FILE}: coefficients for another number of columns; wanted {width}")
        if len(content.replicates) != recipe.replicates or len(recipe.time_days) < 2:
            raise BrokenFile(f"{FILE}: {len(content.replicates)} replicates; wanted {recipe.replicates}, and days")
        return Fitted.of(recipe, StratifiedEngine(content, recipe.time_days), cohort)


def fit_strata(
    X: Floats,
    target: ProgressionTarget,
    strata: Floats,
    levels: int,
    penalty: Floats,
    l1_ratio: float,
    generator: np.random.Generator | None = None,
) -> StratifiedHazards:
    """One fit by the partial likelihood, of patients at risk from their entry on, with a baseline for each stratum.

    A stratum without events gets a baseline of nothing, for the caller to fill. A replicate (with a generator) is
    fitted with the ridge of the same strength, each coefficient pulled to a draw from its prior, as in
    `models.families.cox_progression.fit_hazards`: a lasso that leaves a column out says nothing of how little is known
    of it.
    """
    spread = X.std(axis=0, ddof=1)
    varies = spread > 1e-9
    scaled, risk = X[:, varies] / spread[varies], RiskSets.of(target, strata)
    beta, information = elastic_net(scaled, risk, penalty[varies], l1_ratio)
    if generator is not None:
        precision = X.shape[0] * penalty[varies]
        pull = np.sqrt(precision) * generator.normal(size=precision.size)
        beta = beta + np.linalg.solve(information + np.diag(precision), pull)
    coefficients, centre = np.zeros(X.shape[1]), X.mean(axis=0)
    coefficients[varies] = beta / spread[varies]
    ratio = (X - centre) @ coefficients
    baselines = []
    for level in range(levels):
        days, hazard = baseline(ratio, risk, target, strata == level)
        known = Baseline(tuple(days.tolist()), tuple(hazard.tolist())) if days.size else Baseline((0.0,), (0.0,))
        baselines.append(known)
    return StratifiedHazards(tuple(coefficients.tolist()), tuple(centre.tolist()), tuple(baselines))


def best_strength(
    X: Floats,
    target: ProgressionTarget,
    strata: Floats,
    heavier: Floats,
    generator: np.random.Generator,
    check: Check,
    l1_ratios: Sequence[float] = _L1_RATIOS,
) -> tuple[float, float]:
    """Penalty and l1 ratio whose held-out partial likelihood is largest (Verweij and van Houwelingen 1993)."""
    fold = folds(target, _FOLDS, generator)
    everyone = RiskSets.of(target, strata)
    gain = np.zeros((len(l1_ratios), len(_PENALTIES)))
    for held_out in range(_FOLDS):
        seen = np.flatnonzero(fold != held_out)
        spread = X[seen].std(axis=0, ddof=1)
        scaled = X / np.where(spread > 1e-9, spread, np.inf)
        risk = RiskSets.of(target.take(seen), strata[seen])
        for row, l1_ratio in enumerate(l1_ratios):
            check()
            beta: Floats | None = None
            for index, penalty in enumerate(_PENALTIES):
                beta, _ = elastic_net(scaled[seen], risk, penalty * heavier, l1_ratio, beta)
                ratio = scaled @ beta
                gain[row, index] += everyone.log_likelihood(ratio) - risk.log_likelihood(ratio[seen])
    best, strongest = np.unravel_index(int(np.argmax(gain)), gain.shape)
    return _PENALTIES[int(strongest)], l1_ratios[int(best)]


def _require_events(strata: Floats, spec: ColumnSpec, target: ProgressionTarget, horizon: int) -> None:
    for level, word in enumerate(spec.categories):
        events = int((target.event & (strata == level) & (target.time_days <= horizon)).sum())
        if events < FEWEST_EVENTS:
            raise BadCohort(
                f"stratum {word!r} of {spec.name} has {events} events within {horizon} days; wanted at least "
                f"{FEWEST_EVENTS} for a baseline of its own",
                stratum=word,
                events=events,
            )


def _on_days(fit: StratifiedHazards, estimate: StratifiedHazards, time_days: tuple[int, ...]) -> StratifiedHazards:
    """A replicate, its baselines where the curve is given; the estimate's where it drew no event of a stratum."""
    baselines = []
    for own, other in zip(fit.baselines, estimate.baselines, strict=True):
        known = own if own.cumulative_hazard[-1] > 0 else other
        hazard = interpolate(time_days, np.array(known.days), np.array(known.cumulative_hazard))
        baselines.append(Baseline(tuple(map(float, time_days)), tuple(hazard.tolist())))
    return replace(fit, baselines=tuple(baselines))


def _method(
    planned: HazardPlan, content: StratifiedFile, penalty: float, l1_ratio: float, strata: str | None, *, late: bool
) -> str:
    return _METHOD.format(
        penalty=penalty,
        l1_ratio=l1_ratio,
        folds=_FOLDS,
        columns=len(planned.design.terms),
        most=MOST_COLUMNS,
        products=planned.products,
        kept=sum(one != 0.0 for one in content.estimate.coefficients),
        strata="" if strata is None else f"; a baseline for each of {content.strata} values of {strata}",
        late="; patients count from the day from which they were watched" if late else "",
    )
