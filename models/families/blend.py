"""Cox's model and boosted trees of a hazard, averaged: on the scale where they add up, replicate by replicate.

With a few hundred patients inner folds tell two such families apart no better than chance, and their errors differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort
from models.errors import BadCohort, BrokenFile
from models.families.bootstrap import draws
from models.families.columns import ColumnSpec
from models.families.cox_progression import FILE as COX_FILE
from models.families.cox_progression import CoxProgression
from models.families.design import Design, DesignMatrix, Term
from models.families.family import REPLICATES, Check, Engine, Fitted, ProgressionScores
from models.families.hazard_plan import HazardPlan, plan, plan_of_trees, progression_of
from models.families.recipe import Recipe
from models.families.target import Target, Task
from models.families.xgboost_progression import XGBoostProgression
from models.plain import dumps, from_plain, loads

FILE = "blend.json"
_METHOD = (
    "The geometric mean of two cumulative hazards, each screened by itself, and drawn anew on the same patients. "
    "(1) {cox} (2) {trees}"
)


@dataclass(frozen=True, slots=True)
class BlendFile:
    """What `blend.json` holds: which terms of the design each member sees."""

    cox: tuple[int, ...]
    trees: tuple[int, ...]


class BlendEngine:
    """Both members; the log cumulative hazard is the mean of theirs."""

    def __init__(self, content: BlendFile, cox: Engine, trees: Engine) -> None:
        self._content = content
        self._members = ((cox, list(content.cox)), (trees, list(content.trees)))

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        found = [member.score(X[:, at]) for member, at in self._members]
        estimates, replicates = [], []
        for one in found:
            assert isinstance(one, ProgressionScores)  # noqa: S101 - both are of a progression
            estimates.append(np.sqrt(one.cumulative_hazard))
            replicates.append(np.sqrt(one.replicates))
        return ProgressionScores(estimates[0] * estimates[1], replicates[0] * replicates[1])

    def contributions(self, X: Floats) -> Floats:
        """Half of each member's, on the log cumulative hazard."""
        shares = np.zeros(X.shape)
        for member, at in self._members:
            shares[:, at] += member.contributions(X[:, at]) / 2.0
        return shares

    def files(self) -> dict[str, bytes]:
        """The members' own, and plain JSON."""
        own = {name: content for member, _ in self._members for name, content in member.files().items()}
        return {**own, FILE: dumps(self._content)}


class BlendProgression:
    """The family."""

    name = "blend"
    task: Task = "progression"

    def __init__(self) -> None:
        self._cox = CoxProgression()
        self._trees = XGBoostProgression("xgboost_cox", "survival:cox")
        self.files: tuple[str, ...] = (*self._cox.files, *self._trees.files, FILE)

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
        linear, branched = plan(table, target, columns), plan_of_trees(table, target, columns)
        # The same patients in both, or the mean would be surer than its members together are.
        every = list(draws(target, replicates, generator))
        cox, said = self._cox.grow(linear, target, every, generator, check)
        trees, told, _ = self._trees.grow(branched, target, every, generator, check, seed=seed)
        joint, content = _joint(branched, linear)
        method = _METHOD.format(cox=said, trees=told)
        engine = BlendEngine(content, cox, trees)
        return joint.fitted(self.name, engine, generator, replicates=replicates, method=method)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        wanted = {name for name in self.files if recipe.replicates or name not in self._trees.of_replicates}
        if set(files) != wanted:
            raise BrokenFile(f"wanted {sorted(wanted)}; seen {sorted(files)}")
        content = from_plain(BlendFile, loads(files[FILE], place=FILE), place=FILE)
        cox, trees = (_part(recipe, at) for at in (content.cox, content.trees))
        own = {name: files[name] for name in files if name in self._trees.files}
        engine = BlendEngine(
            content, self._cox.engine(cox, {COX_FILE: files[COX_FILE]}), self._trees.engine(trees, own)
        )
        return Fitted.of(recipe, engine, cohort)


def _joint(whole: HazardPlan, other: HazardPlan) -> tuple[HazardPlan, BlendFile]:
    """One plan of all that either sees: the terms of `whole` first, then what only `other` has."""
    first, second = whole.prepared, other.prepared
    if first.therapies != second.therapies or whole.time_days != other.time_days:
        raise BadCohort("two plans of one table differ in their therapies or days")
    names = [spec.name for spec in first.columns]
    more = [index for index, spec in enumerate(second.columns) if spec.name not in names]
    columns = (*first.columns, *(second.columns[index] for index in more))
    rows = np.concatenate([first.rows[:, :-1], second.rows[:, more], first.rows[:, -1:]], axis=1)
    place = {spec.name: index for index, spec in enumerate(columns)}
    at_first = [*range(len(first.columns)), len(columns)]
    at_second = [*(place[spec.name] for spec in second.columns), len(columns)]
    terms = [replace(term, column=at_first[term.column]) for term in whole.design.terms]
    seen: list[int] = []
    for term in other.design.terms:
        moved = replace(term, column=at_second[term.column], of=seen[term.of] if term.of >= 0 else -1)
        if moved not in terms:
            terms.append(moved)
        seen.append(terms.index(moved))
    design = Design(tuple(terms))
    prepared = replace(first, columns=columns, rows=rows, terms=design.terms, X=DesignMatrix(design).apply(rows))
    joint = HazardPlan(prepared, design, prepared.X, whole.time_days, np.ones(len(terms)))
    return joint, BlendFile(cox=tuple(seen), trees=tuple(range(len(whole.design.terms))))


def _part(recipe: Recipe, at: Sequence[int]) -> Recipe:
    """The recipe of a member, which sees some of the terms."""
    terms = recipe.design.terms
    if len(set(at)) != len(at) or not all(0 <= index < len(terms) for index in at):
        raise BrokenFile(f"{FILE} names a term twice, or one that the design does not have")
    own: list[Term] = []
    for index in at:
        term = terms[index]
        if term.of >= 0 and term.of not in at:
            raise BrokenFile(f"{FILE} gives a member an interaction and not what it builds on", term=index)
        own.append(replace(term, of=list(at).index(term.of)) if term.of >= 0 else term)
    return replace(recipe, design=Design(tuple(own)))
