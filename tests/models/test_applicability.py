"""New patients of the same kind are inside, as often as promised; others are outside."""

import numpy as np
import pytest
from builders.tables import TEXTURE, VOLUME, known
from builders.versions import fitted

from models.applicability import read_cohort, write_cohort
from models.errors import BrokenFile
from models.families.all import FAMILIES
from models.families.target import Task


@pytest.mark.parametrize(("task", "family"), sorted(FAMILIES))
def test_new_patients_of_the_same_cohort_are_mostly_inside(task: Task, family: str) -> None:
    fit = fitted(task, family)
    verdicts = [fit.distance.judge(row) for row in fit.encode(known(500, seed=123, noise_columns=4).table)]
    outside = np.mean([one.status == "outside" for one in verdicts])
    percentiles = np.array([one.distance_percentile for one in verdicts])
    assert outside < 0.05
    assert ((percentiles >= 0) & (percentiles <= 1)).all()
    assert 0.35 < percentiles.mean() < 0.65


def test_far_and_out_of_range_patients_are_outside_and_the_columns_are_named() -> None:
    fit = fitted("progression", "cox")
    table = known(1, seed=2, noise_columns=4).table
    near = fit.distance.judge(fit.encode(table)[0])
    far = fit.distance.judge(fit.encode(table.assign(**{TEXTURE: 400.0}))[0])
    assert near.status == "inside"
    assert far.status == "outside"
    assert far.distance_percentile == 1.0
    assert far.outside_range == (TEXTURE,)


def test_an_unusual_combination_of_usual_values_is_outside() -> None:
    """Each value lies within its range; together they were never seen."""
    fit = fitted("outcome", "fusion")
    rows = fit.encode(known(1, seed=2, noise_columns=4).table)
    numbers = [index for index, spec in enumerate(fit.recipe.columns) if spec.kind == "number"]
    for index in numbers:
        rows[0, index] = fit.recipe.columns[index].training_upper
    verdict = fit.distance.judge(rows[0])
    assert verdict.outside_range == ()
    assert verdict.status == "outside"


def test_the_volume_is_judged_on_its_logarithm() -> None:
    """A skewed column is learned and judged on its logarithm: twice the median volume is nothing unusual."""
    fit = fitted("progression", "cox")
    index = [spec.name for spec in fit.recipe.columns].index(VOLUME)
    (term,) = [term for term in fit.recipe.design.terms if term.column == index and term.kind == "number"]
    assert term.log


def test_what_is_written_is_read_and_anything_else_refused() -> None:
    cohort = fitted("progression", "cox").cohort
    assert read_cohort(write_cohort(cohort)) == cohort
    for old, new in ((b'"centre"', b'"center"'), (b'"most_outside": 2', b'"most_outside": 2.5'), (b"]", b"")):
        with pytest.raises(BrokenFile):
            read_cohort(write_cohort(cohort).replace(old, new, 1))
