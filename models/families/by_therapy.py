"""A model for each therapy, learned from the patients who were given it: what differs between therapies is left free.

Source: two-model or T-learner, Künzel et al., Proc Natl Acad Sci 116 (2019) 4156.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from models.applicability import Cohort, describe_cohort
from models.calibration import Calibration
from models.errors import BadCohort, BrokenFile
from models.families.by_therapy_engine import FILE, Arm, ByTherapyEngine, ByTherapyFile, arm_name, recipe_of_arm
from models.families.columns import THERAPY, ColumnSpec, complete, encode, therapies_of
from models.families.design import Design, DesignMatrix, Term
from models.families.family import REPLICATES, Check, Family, Fitted
from models.families.members import Member, files_of, union, unjudged
from models.families.preparation import require_enough
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.target import Target, Task
from models.plain import from_plain, loads

MOST_THERAPIES = 12
_NONE = -1.0
"""Stands for a therapy that was not told: of none."""
_METHOD = "{family} by itself for each therapy ({patients}), on the patients who were given it. {each}"


class ByTherapy:
    """Around a family that knows no days but its own: an outcome's, or one of proportional hazards."""

    def __init__(self, name: str, inner: Family) -> None:
        """Takes its own name, and what learns for each therapy."""
        self.name = name
        self.task: Task = inner.task
        self.inner = inner
        self.files = (FILE, *(f"{arm_name(arm)}.{file}" for arm in range(MOST_THERAPIES) for file in inner.files))

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
        """See `Family.fit`. Without a therapy in the table it is the family that it stands around.

        Raises:
            BadCohort: Of the patients on one of the therapies nothing can be learned; it is named.
        """
        require_enough(table, target)
        therapies = therapies_of(table)
        if len(therapies) > MOST_THERAPIES:
            raise BadCohort(f"{self.name} takes at most {MOST_THERAPIES} therapies; seen {len(therapies)}")
        specs = complete(columns, table)
        known = {spec.name for spec in specs}
        asked = [spec for spec in columns if spec.name in known]
        arms = [None] if len(therapies) < 2 else list(therapies)
        fits = [
            self._arm(table, target, asked, one, seed=seed + index, replicates=replicates, check=check)
            for index, one in enumerate(arms)  # chance of its own for each: arms of one size would share their draws
        ]
        return self._joined(fits, therapies, table, specs, seed)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if FILE not in files:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(ByTherapyFile, loads(files[FILE], place=FILE), place=FILE)
        wanted = len(recipe.therapies) if len(recipe.therapies) > 1 else 1
        if len(content.arms) != wanted or any(arm.model.family != self.inner.name for arm in content.arms):
            raise BrokenFile(f"{FILE} holds {len(content.arms)} models; wanted {wanted}, of {self.inner.name}")
        if recipe.architecture is not None or recipe.task != self.task:
            raise BrokenFile(f"{FILE} stands in a recipe of another task, or with a network")
        whole = [term.level for term in recipe.design.terms if term.kind == "therapy"]
        if sorted(whole) != list(range(wanted if len(recipe.therapies) > 1 else 0)):
            raise BrokenFile(f"the recipe of {self.name} lacks a term for a therapy, or has two")
        if set(files) - {FILE} - {f"{arm_name(one)}.{file}" for one in range(wanted) for file in self.inner.files}:
            raise BrokenFile(f"files of more therapies than the recipe knows; seen {sorted(files)}")
        engines = []
        for index, arm in enumerate(content.arms):
            own = recipe_of_arm(arm, recipe)
            engines.append(self.inner.load(own, files_of(arm_name(index), files), unjudged(own.design)).engine)
        return Fitted.of(recipe, ByTherapyEngine(content, engines, recipe.design, recipe.time_days), cohort)

    def _arm(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        therapy: str | None,
        *,
        seed: int,
        replicates: int,
        check: Check,
    ) -> Fitted:
        rows = np.arange(len(table))
        if therapy is not None:
            rows = np.flatnonzero((table[THERAPY].astype(str) == therapy).to_numpy())
        own = table.iloc[rows].reset_index(drop=True).drop(columns=THERAPY, errors="ignore")
        try:
            return self.inner.fit(own, target.take(rows), columns, seed=seed, replicates=replicates, check=check)
        except BadCohort as error:
            if therapy is None:
                raise
            said = f"{rows.size} patients were given {therapy}, and {self.name} learns from them alone: {error}"
            raise BadCohort(said, **error.details) from error

    def _joined(
        self,
        fits: Sequence[Fitted],
        therapies: tuple[str, ...],
        table: pd.DataFrame,
        specs: Sequence[ColumnSpec],
        seed: int,
    ) -> Fitted:
        used = {spec.name for fit in fits for spec in fit.recipe.columns}
        columns = tuple(spec for spec in specs if spec.name in used)
        design, taken = union([_as_whole(fit.recipe, columns) for fit in fits], [spec.name for spec in columns])
        if len(therapies) > 1:
            design = Design(
                design.terms
                + tuple(Term("therapy", len(columns), level=level, fill=_NONE) for level in range(len(therapies)))
            )
        rows = encode(columns, therapies, table)
        X = DesignMatrix(design).apply(rows)
        arms = tuple(
            _arm_of(fit, terms, X if len(fits) == 1 else X[rows[:, -1] == level])
            for level, (fit, terms) in enumerate(zip(fits, taken, strict=True))
        )
        time_days = min((fit.recipe.time_days for fit in fits), key=lambda days: days[-1] if days else 0)
        recipe = Recipe(
            family=self.name,
            task=self.task,
            columns=columns,
            therapies=therapies,
            design=design,
            calibration=Calibration(),
            time_days=time_days,
            replicates=fits[0].recipe.replicates,
            needed_scans=needed_scans(columns, rows),
            centre=(0.0,) * (len(columns) + 1),
            architecture=None,
            method=_METHOD.format(
                family=self.inner.name,
                patients=", ".join(
                    f"{int((rows[:, -1] == level).sum())} on {therapy}" for level, therapy in enumerate(therapies)
                )
                or f"{len(table)} patients, without a therapy",
                each=" ".join(
                    f"{therapy}: {fit.recipe.method}" for therapy, fit in zip(therapies or ("All",), fits, strict=False)
                ),
            ),
        )
        engine = ByTherapyEngine(ByTherapyFile(arms), [fit.engine for fit in fits], design, time_days)
        cohort = describe_cohort(design, columns, rows, np.random.default_rng(seed))
        return Fitted.centred(recipe, engine, cohort, rows)


def _as_whole(own: Recipe, columns: Sequence[ColumnSpec]) -> Recipe:
    """An arm's recipe over columns as the whole cohort has them; a category that nobody in it had is its usual one."""
    whole = {spec.name: spec for spec in columns}

    def at(term: Term, word: int) -> int:
        spec = own.columns[term.column]
        return whole[spec.name].categories.index(spec.categories[word])

    terms = tuple(
        replace(term, level=at(term, term.level), fill=float(at(term, int(term.fill))))
        if term.kind == "category"
        else term
        for term in own.design.terms
    )
    return replace(own, columns=tuple(whole[spec.name] for spec in own.columns), design=Design(terms))


def _arm_of(fit: Fitted, terms: tuple[int, ...], X: np.ndarray) -> Arm:
    """One therapy's fit as it is kept, centred on the patients that it learned from."""
    centre = fit.engine.contributions(X[:, list(terms)]).mean(axis=0)
    member = Member(fit.recipe.family, terms, tuple(centre.tolist()), fit.recipe.calibration)
    return Arm(member, fit.recipe.time_days)
