"""New patients of the same kind are inside, as often as promised; others are outside."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.tables import TEXTURE, VOLUME, known
from builders.versions import facts, fitted, loaded, values_of

from features.types import Floats
from models.answers import Applicability
from models.applicability import FILE, Cohort, CohortDistance, describe_cohort, read_cohort, write_cohort
from models.errors import BrokenFile
from models.families.all import FAMILIES
from models.families.columns import ColumnSpec
from models.families.design import Design, main_terms
from models.families.family import Fitted
from models.families.target import Task
from models.load import load_model
from models.mahalanobis import Spread, from_all_others
from models.package import write_version
from models.parts import Parts

IMAGE, OTHER = 8, 24
DEEP = "embedding.ct.baseline.largest.default."


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


def drawn(seed: int) -> Callable[[int], Floats]:
    """Encoded patients of one population: embeddings and features that a few causes move together, and go together."""
    generator = np.random.default_rng(seed)
    deep, plain = generator.normal(size=(6, IMAGE)), generator.normal(size=(6, OTHER))

    def draw(patients: int) -> Floats:
        causes = generator.normal(size=(patients, 6))
        others = 0.3 * causes + generator.normal(size=(patients, 6))
        noise = 0.5 * generator.normal(size=(patients, IMAGE + OTHER))
        return np.column_stack([np.hstack([causes @ deep, others @ plain]) + noise, np.zeros(patients)])

    return draw


def described(rows: Floats, *, embedded: bool = True) -> tuple[Cohort, Design, list[ColumnSpec]]:
    names = [f"{DEEP if embedded else VOLUME}{one}" for one in range(IMAGE)]
    names += [f"{TEXTURE}{one}" for one in range(OTHER)]
    columns = [
        ColumnSpec(
            name,
            impute=float(np.nanmedian(rows[:, index])),
            training_lower=float(np.nanmin(rows[:, index])),
            training_upper=float(np.nanmax(rows[:, index])),
        )
        for index, name in enumerate(names)
    ]
    design = Design(main_terms(columns, (), rows))
    return describe_cohort(design, columns, rows, np.random.default_rng(0)), design, columns


def judged(cohort: Cohort, design: Design, columns: list[ColumnSpec], rows: Floats) -> list[Applicability]:
    distance = CohortDistance(cohort, design, columns)
    return [distance.judge(row) for row in rows]


def test_of_new_patients_about_one_in_a_hundred_is_outside_by_part_or_whole() -> None:
    shares, percentiles = [], []
    for seed in range(40):
        draw = drawn(seed)
        verdicts = judged(*described(draw(200)), draw(60))
        shares.append(np.mean([one.status == "outside" for one in verdicts]))
        percentiles += [(one.embedding_percentile, one.feature_percentile) for one in verdicts]
    assert 0.004 < np.mean(shares) < 0.016
    assert np.array(percentiles, dtype=np.float64).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.04)


def test_more_patients_strange_in_the_embedding_alone_are_caught_and_the_part_is_told() -> None:
    """Two embedding columns that go together go apart; all other values are usual."""
    found, missed, percentiles = [], [], []
    for seed in range(8):
        draw = drawn(seed)
        cohort, design, columns = described(draw(300))
        rows = draw(80)
        strange = rows.copy()
        strange[:, :2] += [3.0, -3.0]
        usual, by_part = judged(cohort, design, columns, rows), judged(cohort, design, columns, strange)
        by_whole = judged(replace(cohort, parts=None), design, columns, strange)
        found.append(np.mean([one.status == "outside" for one in by_part]))
        missed.append(np.mean([one.status == "outside" for one in by_whole]))
        assert [one.feature_percentile for one in by_part] == [one.feature_percentile for one in usual]
        percentiles += [one.embedding_percentile for one in by_part]
    assert np.mean(found) > np.mean(missed) + 0.1
    assert np.median(np.array(percentiles, dtype=np.float64)) > 0.97


def test_a_patient_without_an_image_has_no_percentile_of_the_embedding() -> None:
    draw = drawn(2)
    rows, lacking = draw(200), draw(1)
    rows[:40, :IMAGE] = np.nan
    lacking[0, :IMAGE] = np.nan
    cohort, design, columns = described(rows)
    (told,) = judged(cohort, design, columns, lacking)
    assert told.embedding_percentile is None
    assert told.feature_percentile is not None
    assert told.status == "inside"


def test_distances_from_all_others_are_those_of_a_fit_without_each_patient() -> None:
    """Where shrinking does little; how much is shrunk is the one thing that is not worked out again."""
    X = drawn(3)(400)[:, :8]
    each = []
    for left_out in range(0, 400, 8):
        others = Spread.of(np.delete(X, left_out, axis=0))
        offset = X[left_out] - others.centre
        each.append(np.sqrt(offset @ others.precision @ offset))
    assert from_all_others(X)[::8] == pytest.approx(np.array(each), rel=5e-3)
    own = Spread.of(X)
    nearer = np.sqrt((((X - own.centre) @ own.precision) * (X - own.centre)).sum(axis=1))
    assert (from_all_others(X) > nearer).all()


def test_a_model_without_an_embedding_is_judged_and_written_as_before() -> None:
    cohort, design, columns = described(drawn(4)(150), embedded=False)
    assert cohort.parts is None
    assert set(json.loads(write_cohort(cohort))) == {"centre", "precision", "distances", "most_outside"}
    (told,) = judged(cohort, design, columns, drawn(4)(1))
    assert told.embedding_percentile is None and told.feature_percentile is None


def test_parts_are_read_as_written_and_others_refused() -> None:
    cohort, design, columns = described(drawn(5)(150))
    content = write_cohort(cohort)
    assert read_cohort(content) == cohort
    assert cohort.parts is not None and cohort.parts.embedding is not None
    short = replace(cohort.parts.embedding, centre=(), precision=())
    with pytest.raises(BrokenFile, match="8"):
        CohortDistance(replace(cohort, parts=replace(cohort.parts, embedding=short)), design, columns)
    for old, new in ((b'"outside_from"', b'"from"'), (b'"embedding": {', b'"embedding": {"more": 1,')):
        with pytest.raises(BrokenFile):
            read_cohort(content.replace(old, new, 1))
    with pytest.raises(BrokenFile):
        Parts(replace(cohort.parts.embedding, distances=(2.0, 1.0)), None, 1.0)


def test_a_version_from_before_parts_loads_and_answers_as_it_did(tmp_path: Path) -> None:
    """Such a version has no parts in its file: the whole distance alone is told and judges."""
    fit = fitted("outcome", "fusion")
    before = Fitted.of(fit.recipe, fit.engine, replace(fit.cohort, parts=None))
    write_version(tmp_path / "before", before, facts("outcome"), "# A card\n")
    assert "parts" not in json.loads((tmp_path / "before" / FILE).read_bytes())
    then, now = load_model(tmp_path / "before", "m", "1"), loaded(tmp_path / "now", "outcome", "fusion")
    answers = [model.predict(values_of(now)).predictions[0] for model in (then, now)]
    old, new = (answer.applicability for answer in answers)
    assert old.embedding_percentile is None and old.feature_percentile is None
    assert new.embedding_percentile is not None and new.feature_percentile is not None
    assert replace(new, embedding_percentile=None, feature_percentile=None) == old
    assert answers[0].outcome == answers[1].outcome
