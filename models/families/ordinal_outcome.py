"""Best response in its order (PD, SD, PR, CR) by proportional odds; answered as the probability of PR or CR."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort, describe_cohort
from models.calibration import Calibration
from models.errors import BadCohort, BrokenFile
from models.families.bootstrap import draws, folds
from models.families.columns import ColumnSpec
from models.families.design import DesignMatrix
from models.families.family import REPLICATES, Check, Fitted
from models.families.ordinal_engine import FILE, RESPONSES, Cuts, OrdinalEngine, OrdinalFile
from models.families.preparation import MOST_MEETING_THERAPY, meet_therapy, prepare, screen
from models.families.proportional_odds import fit_odds
from models.families.recipe import Recipe
from models.families.scans import needed_scans
from models.families.screening import MOST_COLUMNS
from models.families.target import GRADES, OutcomeTarget, Target, Task
from models.plain import from_plain, loads

_PENALTIES = (0.01, 0.03, 0.1, 0.3)
_FOLDS = 5
_MOST_SCREENED = 24
_RARER_PER_COLUMN = 8
"""Patients of the rarer of response and none for each image column."""
_HEAVIER = 2.0
_UNDRAWN = 0.02
"""How much a patient counts whom a replicate had not drawn, so that none lacks a class."""
_METHOD = (
    "Proportional odds of {classes} with a ridge penalty of {penalty}, chosen by {folds} inner folds, on {columns} "
    "columns (at most {most}, screened inside each fit), {products} of them therapy interactions; the answer is the "
    "probability of {responses}."
)


class OrdinalOutcome:
    """The family. Where only response was recorded, it is logistic regression."""

    name = "ordinal"
    task: Task = "outcome"
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
        if not isinstance(target, OutcomeTarget):
            raise BadCohort("ordinal learns an outcome; the target is a time to progression")
        generator = np.random.default_rng(seed)
        responses = int(target.response.sum())
        bearable = max(1, min(responses, target.response.size - responses) // _RARER_PER_COLUMN)
        prepared = screen(prepare(table, target, columns), target, min(_MOST_SCREENED, bearable))
        design = meet_therapy(prepared, target, MOST_MEETING_THERAPY)
        X = DesignMatrix(design).apply(prepared.rows)
        heavier = np.array([_HEAVIER if term.kind == "interaction" else 1.0 for term in design.terms])
        names, grade = _classes(target)
        penalty = _penalty(X, target, heavier, generator, check)
        spread = []
        for counts in draws(target, replicates, generator):
            check()
            weights = np.maximum(counts, _UNDRAWN)
            spread.append(fit_odds(X, grade, len(names), penalty * heavier, weights, generator))
        estimate = fit_odds(X, grade, len(names), penalty * heavier)
        content = OrdinalFile(names, Cuts.of(estimate), tuple(map(Cuts.of, spread)))
        recipe = Recipe(
            family=self.name,
            task=self.task,
            columns=prepared.columns,
            therapies=prepared.therapies,
            design=design,
            calibration=Calibration(),
            time_days=(),
            replicates=replicates,
            needed_scans=needed_scans(prepared.columns, prepared.rows),
            centre=(0.0,) * (len(prepared.columns) + 1),
            architecture=None,
            method=_METHOD.format(
                classes=" < ".join(names),
                penalty=penalty,
                folds=_FOLDS,
                columns=len(design.terms),
                most=MOST_COLUMNS,
                products=sum(term.kind == "interaction" for term in design.terms),
                responses=" or ".join(names[content.first_response :]),
            ),
        )
        cohort = describe_cohort(design, prepared.columns, prepared.rows, generator)
        return Fitted.centred(recipe, OrdinalEngine(content), cohort, prepared.rows)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        if set(files) != {FILE}:
            raise BrokenFile(f"wanted {FILE}; seen {sorted(files)}")
        content = from_plain(OrdinalFile, loads(files[FILE], place=FILE), place=FILE)
        width = len(recipe.design.terms)
        if any(len(one.coefficients) != width for one in (content.estimate, *content.replicates)):
            raise BrokenFile(f"{FILE}: coefficients for another number of columns; wanted {width}")
        if len(content.replicates) != recipe.replicates:
            raise BrokenFile(f"{FILE}: {len(content.replicates)} replicates; wanted {recipe.replicates}")
        return Fitted.of(recipe, OrdinalEngine(content), cohort)


def _classes(target: OutcomeTarget) -> tuple[tuple[str, ...], Floats]:
    """The classes that patients had, worst first, and the index of each patient's."""
    if target.grade is None:
        return RESPONSES, target.response
    seen, index = np.unique(target.grade, return_inverse=True)
    return tuple(GRADES[int(one)] for one in seen), index.astype(np.float64)


def _penalty(X: Floats, target: OutcomeTarget, heavier: Floats, generator: np.random.Generator, check: Check) -> float:
    """The ridge penalty of least held-out log-loss of response."""
    fold = folds(target, _FOLDS, generator)
    loss = np.zeros(len(_PENALTIES))
    for held_out in range(_FOLDS):
        check()
        seen, unseen = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        names, grade = _classes(target.take(seen))
        for index, penalty in enumerate(_PENALTIES):
            fit = fit_odds(X[seen], grade, len(names), penalty * heavier)
            content = OrdinalFile(names, Cuts.of(fit), ())
            odds = OrdinalEngine(content).score(X[unseen]).log_odds
            loss[index] += float((np.logaddexp(0.0, odds) - target.response[unseen] * odds).sum())
    return _PENALTIES[int(np.argmin(loss))]
