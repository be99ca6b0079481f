"""A blend answers by the mean of its members; its replicates tell how these disagree; it says whose fit fails."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.tables import EMBEDDED, Known, known
from builders.versions import cohort, fitted, loaded, values_of

from features.types import Floats
from models.admission.parity import compare
from models.calibration import Calibration
from models.errors import BadCohort, BrokenFile
from models.families.all import TRIED, family_of
from models.families.blend import Blend
from models.families.blend_engine import FILE, BlendEngine, BlendFile
from models.families.bootstrap import drawn_alike, draws
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.families.members import recipe_of
from models.families.target import Task
from models.families.tree_hazards import Boosters
from models.plain import from_plain, loads

TASKS: tuple[Task, ...] = ("outcome", "progression")


def members_of(task: Task) -> list[Fitted]:
    """Each member, fitted by itself as the blend fits it."""
    blend, data = family_of(task, "blend"), cohort()
    assert isinstance(blend, Blend)
    found = []
    for one in blend.members:
        with drawn_alike(5):
            found.append(one.fit(data.table, data.target(task), data.columns, seed=5, replicates=6))
    return found


def fresh() -> pd.DataFrame:
    """Patients whom nobody learned from, some without a value."""
    table = known(60, seed=91, noise_columns=4).table
    table.loc[:9, EMBEDDED] = np.nan
    return table


def means_of(hazards: Sequence[Floats]) -> Floats:
    """Geometric ones."""
    mean: Floats = np.prod(np.stack(hazards), axis=0) ** (1 / len(hazards))
    return mean


def test_log_odds_are_the_means_of_those_of_members_and_replicates_tell_how_members_disagree() -> None:
    said = fitted("outcome", "blend").predict(fresh())
    each = [one.predict(fresh()) for one in members_of("outcome")]
    assert isinstance(said, OutcomeScores) and said.replicates.shape == (6, 60)
    odds = [one for one in each if isinstance(one, OutcomeScores)]
    assert np.allclose(said.log_odds, np.mean([one.log_odds for one in odds], axis=0), rtol=0, atol=1e-12)
    means = np.mean([one.replicates for one in odds], axis=0)
    for index, replicate in enumerate(said.replicates):
        away = odds[index % 2].log_odds - said.log_odds
        assert np.abs(away).max() > 0.1
        assert np.allclose(replicate, means[index] + away, rtol=0, atol=1e-12)
    assert np.allclose(said.replicates.mean(axis=0), means.mean(axis=0), rtol=0, atol=1e-12)


def test_hazards_are_the_geometric_means_of_those_of_members_on_every_day_and_replicates_tell_of_each() -> None:
    said = fitted("progression", "blend").predict(fresh())
    each = [one.predict(fresh()) for one in members_of("progression")]
    assert isinstance(said, ProgressionScores)
    hazards = [one for one in each if isinstance(one, ProgressionScores)]
    assert len(hazards) == len(each) == 4
    assert np.allclose(said.cumulative_hazard, means_of([one.cumulative_hazard for one in hazards]), rtol=1e-9, atol=0)
    spread = means_of([one.replicates for one in hazards])
    for index, replicate in enumerate(said.replicates):
        one, mean = hazards[index % 4].cumulative_hazard[:, 1:], said.cumulative_hazard[:, 1:]
        moved = np.maximum.accumulate(spread[index, :, 1:] * one / mean, axis=1)
        assert np.allclose(replicate[:, 1:], moved, rtol=1e-9, atol=0)
    for mine in (said.cumulative_hazard, said.replicates):
        assert (mine[..., 0] == 0).all() and (np.diff(mine, axis=-1) >= 0).all() and (mine[..., -1] > 0).all()


@pytest.mark.parametrize("task", TASKS)
def test_shares_are_the_means_of_those_of_members(task: Task) -> None:
    blend, table = fitted(task, "blend"), fresh()
    names = [*(spec.name for spec in blend.recipe.columns), "therapy"]
    told = np.zeros((len(table), len(names)))
    members = members_of(task)
    for one in members:
        own = one.contributions(one.encode(table))
        told[:, [names.index(spec.name) for spec in one.recipe.columns]] += own[:, :-1]
        told[:, -1] += own[:, -1]
    mine = blend.contributions(blend.encode(table))
    # Each tells from its own average training patient, which for calibrated trees is not the average of the answers.
    apart = mine - told / len(members)
    assert np.abs(apart - apart.mean(axis=0)).max() < 1e-6


def test_shares_of_a_member_that_is_calibrated_by_a_curve_add_up() -> None:
    fit, rows = fitted("outcome", "blend"), fitted("outcome", "blend").encode(cohort().table)
    engine = fit.engine
    assert isinstance(engine, BlendEngine)
    content = from_plain(BlendFile, loads(engine.files()[FILE], place=FILE), place=FILE)
    curve = Calibration(0.7, -0.2, "beta", 1.4)
    bent = BlendEngine(
        BlendFile((replace(content.members[0], calibration=curve), *content.members[1:])), engine.engines
    )
    X = fit._matrix.apply(rows)
    scores = bent.score(X)
    assert isinstance(scores, OutcomeScores)
    rest = scores.log_odds - bent.contributions(X).sum(axis=1)
    assert scores.log_odds.std() > 0.1 and np.ptp(rest) < 1e-5


def test_members_draw_the_same_patients_for_the_same_replicate() -> None:
    target = cohort().outcome
    with drawn_alike(3):
        first = list(draws(target, 4, np.random.default_rng(1)))
        second = list(draws(target, 4, np.random.default_rng(2)))
    assert np.array_equal(first, second) and not np.array_equal(first[0], first[1])
    apart = [list(draws(target, 4, np.random.default_rng(seed))) for seed in (1, 2)]
    assert not np.array_equal(apart[0], apart[1])


def test_a_term_that_members_share_stands_once_and_no_member_sees_more_than_64() -> None:
    blend = fitted("progression", "blend")
    assert len(set(blend.recipe.design.terms)) == len(blend.recipe.design.terms)
    content = from_plain(BlendFile, loads(blend.files()[FILE], place=FILE), place=FILE)
    assert {term for one in content.members for term in one.terms} == set(range(len(blend.recipe.design.terms)))
    for one, alone in zip(content.members, members_of("progression"), strict=True):
        own = recipe_of(one, blend.recipe)
        assert len(own.design.terms) <= 64
        assert own.design.names(own.columns, own.therapies) == alone.recipe.design.names(
            alone.recipe.columns, alone.recipe.therapies
        )


@pytest.mark.parametrize(
    ("task", "member", "change"), [("progression", "cox", {"entry_days": np.zeros(80)}), ("outcome", "xgboost", {})]
)
def test_the_member_that_cannot_learn_is_named(task: Task, member: str, change: dict[str, np.ndarray]) -> None:
    data: Known = known(80, seed=1, noise_columns=0)
    target = replace(data.progression, **change) if change else data.progression
    with pytest.raises(BadCohort, match=f"^{member}, a member of blend: "):
        family_of(task, "blend").fit(data.table, target, data.columns, seed=1)


def test_members_that_do_not_fit_the_recipe_are_refused() -> None:
    fit = fitted("progression", "blend")
    family, files = family_of("progression", "blend"), fit.files()
    said = files[FILE].decode()
    for wrong in (
        said.replace('"family": "cox"', '"family": "cox_net"'),
        said.replace('"terms": [\n    0,', '"terms": [\n    9999,', 1),
        said.replace('"terms": [\n    0,', '"terms": [\n    1,', 1),
        said.replace('"slope": 1.0', '"slope": 2.0', 1),
    ):
        assert wrong != said
        with pytest.raises(BrokenFile):
            family.load(fit.recipe, files | {FILE: wrong.encode()}, fit.cohort)
    for name in files:
        with pytest.raises(BrokenFile):
            family.load(fit.recipe, {other: content for other, content in files.items() if other != name}, fit.cohort)


@pytest.mark.parametrize(("task", "trees"), [("outcome", ["xgboost"]), ("progression", ["xgboost_cox", "xgboost_aft"])])
def test_admission_compares_each_member_with_trees_and_names_it(task: Task, trees: list[str], tmp_path: Path) -> None:
    model = loaded(tmp_path / "version", task, "blend")
    told = compare(model, [values_of(model, row) for row in range(3)], {})
    assert [part.partition(":")[0] for part in told.split("; ")] == trees
    assert told.count("XGBoost's own margins on 3 rows") == len(trees)


def test_a_member_whose_trees_answer_otherwise_is_not_admitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(tmp_path / "version", "progression", "blend")
    right = Boosters.margins
    monkeypatch.setattr(Boosters, "margins", lambda self, X: right(self, X) + 0.01)
    with pytest.raises(BrokenFile, match="away from XGBoost's own margins"):
        compare(model, [values_of(model, row) for row in range(3)], {})


def test_a_blend_is_tried_unasked_for_either_task() -> None:
    assert {task for task, name in TRIED if name == "blend"} == set(TASKS)


def test_a_fit_that_fails_leaves_no_trace_in_later_draws() -> None:
    before = list(draws(cohort().outcome, 2, np.random.default_rng(1)))
    with pytest.raises(BadCohort):
        family_of("outcome", "blend").fit(cohort().table.head(3), cohort().outcome, cohort().columns, seed=1)
    assert np.array_equal(before, list(draws(cohort().outcome, 2, np.random.default_rng(1))))
