"""Several families in place of a choice among them: all learn from the same patients, and answer by their mean."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.applicability import Cohort, describe_cohort
from models.calibration import Calibration
from models.errors import BadCohort, BrokenFile
from models.families.blend_engine import FILE, BlendEngine, BlendFile
from models.families.bootstrap import drawn_alike
from models.families.columns import ColumnSpec, encode
from models.families.design import DesignMatrix
from models.families.family import REPLICATES, Check, Family, Fitted
from models.families.members import Member, files_of, named, recipe_of, union, unjudged
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.target import Target, Task
from models.plain import from_plain, loads

_METHOD = "The mean of {count} families, each fitted to all patients, with equal weights on {scale}. {each}"
_SCALE: Mapping[Task, str] = {"outcome": "the log-odds", "progression": "the log cumulative hazard on each day"}


class Blend:
    """The family of one task. Members that have fixed settings alone, without strata, over one grid of days."""

    def __init__(self, task: Task, members: Sequence[Family]) -> None:
        self.name = "blend"
        self.task: Task = task
        self.members = tuple(members)
        self.files = (FILE, *(named(one.name, file) for one in members for file in one.files))

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
        """See `Family.fit`. Each member draws the same patients for a replicate of the same index.

        Raises:
            BadCohort: A member can learn nothing from this; it is named.
        """
        fits = []
        for member in self.members:
            with drawn_alike(seed):
                try:
                    fit = member.fit(table, target, columns, seed=seed, replicates=replicates, check=check)
                except BadCohort as error:
                    raise BadCohort(f"{member.name}, a member of {self.name}: {error}", **error.details) from error
            fits.append(fit)
        return self._joined(fits, table, [one.name for one in columns], seed)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if FILE not in files:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(BlendFile, loads(files[FILE], place=FILE), place=FILE)
        if [one.family for one in content.members] != [one.name for one in self.members]:
            raise BrokenFile(f"{FILE} has other members; wanted {', '.join(one.name for one in self.members)}")
        if recipe.architecture is not None or recipe.task != self.task:
            raise BrokenFile(f"{FILE} stands in a recipe of another task, or with a network")
        if self.task == "progression" and any(one.calibration != Calibration() for one in content.members):
            raise BrokenFile(f"{FILE}: a member calibrates hazards")
        engines = []
        for one, family in zip(content.members, self.members, strict=True):
            own = recipe_of(one, recipe)
            engines.append(family.load(own, files_of(one.family, files), unjudged(own.design)).engine)
        return Fitted.of(recipe, BlendEngine(content, engines), cohort)

    def _joined(self, fits: Sequence[Fitted], table: pd.DataFrame, declared: Sequence[str], seed: int) -> Fitted:
        specs = {spec.name: spec for fit in fits for spec in fit.recipe.columns}
        columns = tuple(specs[name] for name in declared if name in specs)
        first = fits[0].recipe
        assert all(fit.recipe.time_days == first.time_days for fit in fits)  # noqa: S101 - days are the target's
        design, taken = union([fit.recipe for fit in fits], [spec.name for spec in columns])
        rows = encode(columns, first.therapies, table)
        X = DesignMatrix(design).apply(rows)
        members = tuple(
            Member(
                fit.recipe.family,
                terms,
                tuple(fit.engine.contributions(X[:, list(terms)]).mean(axis=0).tolist()),
                fit.recipe.calibration,
            )
            for fit, terms in zip(fits, taken, strict=True)
        )
        recipe = Recipe(
            family=self.name,
            task=self.task,
            columns=columns,
            therapies=first.therapies,
            design=design,
            calibration=Calibration(),
            time_days=first.time_days,
            replicates=first.replicates,
            needed_scans=needed_scans(columns, rows),
            centre=(0.0,) * (len(columns) + 1),
            architecture=None,
            method=_METHOD.format(
                scale=_SCALE[self.task],
                count=len(fits),
                each=" ".join(f"{fit.recipe.family}: {fit.recipe.method}" for fit in fits),
            ),
        )
        cohort = describe_cohort(design, columns, rows, np.random.default_rng(seed))
        engine = BlendEngine(BlendFile(members), [fit.engine for fit in fits])
        return Fitted.centred(recipe, engine, cohort, rows)
