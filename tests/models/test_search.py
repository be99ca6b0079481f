"""Settings are searched by optuna on inner folds: what is known is found, and the fixed settings are never lost."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from builders.own_tables import site_table, written
from builders.tables import TEXTURE, VOLUME, known
from builders.versions import facts

from features.types import Floats
from models.__main__ import main
from models.errors import BadCohort, BadSignature, BrokenFile
from models.evaluate import Evaluating, evaluate
from models.families.all import FAMILIES, family_of, searched
from models.families.family import OutcomeScores, Searchable
from models.families.search import Searched, Searching, Setting, Span, in_words, search
from models.manifest import FILE, Manifest, read_manifest, write_manifest
from models.plain import dumps, loads
from models.tabular.reading import TableRequest

SPANS = (Span("depth", 1, 8, whole=True), Span("rate", 0.001, 1.0, log=True))
FIXED = {"depth": 2, "rate": 0.5}
ABLE = sorted(key for key, family in FAMILIES.items() if isinstance(family, Searchable))
NOISE = np.random.default_rng(0).normal(size=200)


def bowl(depth: float, rate: float) -> Callable[[Mapping[str, float]], Floats]:
    """Losses of 200 patients, least at a known place."""
    return lambda at: (at["depth"] - depth) ** 2 + (math.log10(at["rate"]) - math.log10(rate)) ** 2 + NOISE


def found(
    loss: Callable[[Mapping[str, float]], Floats], trials: int, seed: int = 0, check: Callable[[], None] = lambda: None
) -> Searched:
    return search(SPANS, FIXED, loss, Searching(trials), seed=seed, check=check)


def ahead(gain: Floats, at: Mapping[str, float]) -> Floats:
    """All settings but the fixed ones are better by so much."""
    return NOISE - (at != FIXED) * gain


def test_a_known_minimum_is_found_and_nearer_than_by_chance(capfd: pytest.CaptureFixture[str]) -> None:
    chosen = found(bowl(6, 0.01), 60)
    assert chosen.chosen["depth"] == 6
    assert chosen.chosen["rate"] == pytest.approx(0.01, rel=0.5)
    draw = np.random.default_rng(0)
    by_chance = [
        (depth - 6) ** 2 + (log_rate + 2) ** 2
        for depth, log_rate in zip(draw.integers(1, 9, 60), draw.uniform(-3, 0, 60), strict=True)
    ]
    assert chosen.loss - NOISE.mean() < min(by_chance)
    assert chosen.trials == 60 and chosen.best > 1 and chosen.loss < chosen.fixed_loss
    assert capfd.readouterr() == ("", ""), "optuna announces nothing"


def test_the_same_seed_gives_the_same_settings_and_another_gives_others() -> None:
    assert found(bowl(6, 0.01), 12) == found(bowl(6, 0.01), 12)
    assert found(bowl(6, 0.01), 12) != found(bowl(6, 0.01), 12, seed=1)


def test_fixed_settings_stay_where_none_are_better_beyond_chance() -> None:
    best_already = found(bowl(2, 0.5), 15)
    assert (best_already.best, best_already.chosen) == (1, FIXED)
    assert "none was better than the fixed settings" in in_words(best_already)
    other = np.random.default_rng(1).normal(size=200)
    other = (other - other.mean()) / other.std(ddof=1)
    for lead, chosen in ((1.8, 1), (2.2, 2)):
        loss = partial(ahead, other + lead / math.sqrt(200))
        assert found(loss, 15).best == chosen, "in standard errors"


def test_settings_by_which_nothing_can_be_learned_are_passed_over_but_for_the_fixed_ones() -> None:
    def fragile(at: Mapping[str, float]) -> Floats:
        if at["depth"] > 4:
            raise BadCohort("no fit")
        return np.full(200, np.nan) if at["depth"] == 4 else bowl(8, 0.5)(at)

    assert found(fragile, 25).chosen["depth"] == 3
    with pytest.raises(BadCohort, match="no fit"):
        search(SPANS, {"depth": 8, "rate": 0.5}, fragile, Searching(5), seed=0, check=lambda: None)


def test_a_caller_who_no_longer_waits_ends_the_search() -> None:
    left, tried = iter(range(3)), []

    def loss(at: Mapping[str, float]) -> Floats:
        tried.append(at)
        return bowl(6, 0.01)(at)

    def check() -> None:
        if next(left, None) is None:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        found(loss, 50, check=check)
    assert len(tried) == 3


@pytest.mark.parametrize("trials", [0, -3, 1001])
def test_a_search_of_no_trials_or_too_many_says_what_is_wanted(trials: int) -> None:
    with pytest.raises(BadSignature, match="wanted 1 to 1000"):
        Searching(trials)


@pytest.mark.parametrize("trials", ["-1", "many", "1.5", "1001"])
@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_bad_number_of_trials_is_refused_on_the_command_line(
    command: str, trials: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--table", "t.csv", "--outcome", "pcr", "--family", "xgboost", "--search", trials])
    assert ended.value.code == 2
    assert "wanted a whole number of trials, 0 to 1000" in capsys.readouterr().err


def test_a_family_without_settings_to_search_is_refused_with_those_that_have() -> None:
    with pytest.raises(BadSignature, match="cox has no settings to search; fusion, xgboost, xgboost_aft, xgboost_cox"):
        searched(family_of("progression", "cox"), Searching(5))
    assert searched(family_of("progression", "cox"), None) is family_of("progression", "cox")


@pytest.mark.parametrize(("task", "name"), [key for key in ABLE if key[1] != "fusion"])
def test_a_search_of_the_fixed_settings_alone_changes_no_bit(task: str, name: str) -> None:
    case, family = known(120), FAMILIES[task, name]  # type: ignore[index]
    target = case.target(family.task)
    plain = family.fit(case.table, target, case.columns, seed=1, replicates=2)
    one = searched(family, Searching(1)).fit(case.table, target, case.columns, seed=1, replicates=2)
    assert one.files() == plain.files() and one.recipe.search is not None and one.recipe.search.best == 1
    assert replace(one.recipe, search=None) == plain.recipe


def test_fusion_is_searched_by_the_patients_that_members_had_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.fusion.training._STEPS", 40)
    case, family = known(40, noise_columns=0), FAMILIES["outcome", "fusion"]
    chosen = searched(family, Searching(2)).fit(case.table, case.outcome, case.columns, seed=1, replicates=0).recipe
    assert chosen.search is not None and chosen.architecture is not None
    assert chosen.search.loss <= chosen.search.fixed_loss
    assert chosen.architecture.hidden == chosen.search.chosen["hidden"]
    assert f"decay {chosen.search.chosen['decay']:.4g}, chosen" in chosen.method


def test_what_rests_on_three_columns_together_is_searched_out_and_kept_in_the_version() -> None:
    """Few respond, and only by three columns at once: trees of depth 2 that are offered few columns say it badly."""
    case, draw = known(500, noise_columns=0, therapy=False), np.random.default_rng(5)
    table = case.table.copy()
    names = ["clinical.age_years", VOLUME, TEXTURE]
    table[names] = draw.uniform(1, 2, size=(500, 3))
    chance = np.where((table[names] > 1.3).all(axis=1), 0.95, 0.05)
    target = replace(case.outcome, response=(draw.random(500) < chance).astype(np.float64))
    learned, judged = table.iloc[:300], table.iloc[300:]
    loss = {}
    for trials in (0, 10):
        family = searched(family_of("outcome", "xgboost"), Searching(trials) if trials else None)
        fit = family.fit(learned, target.take(np.arange(300)), case.columns, seed=2, replicates=2)
        scores = fit.predict(judged)
        assert isinstance(scores, OutcomeScores)
        loss[trials] = float(np.logaddexp(0, np.where(target.response[300:] > 0, -1, 1) * scores.log_odds).mean())
    assert loss[10] < loss[0] - 0.03
    assert fit.recipe.search is not None and fit.recipe.search.chosen["max_depth"] >= 3
    content = write_manifest(Manifest(fit.recipe, facts("outcome")))
    assert read_manifest(content).recipe == fit.recipe
    older = loads(content, place=FILE)
    del older["recipe"]["search"]  # type: ignore[index, call-overload, arg-type, union-attr]
    assert read_manifest(dumps(older)).recipe == replace(fit.recipe, search=None)


def test_an_evaluation_searches_inside_each_outer_fold_and_says_so(tmp_path: Path) -> None:
    """Its own gate holds: with the outcomes of a held-out fold dealt anew, the search must come to the same."""
    request = TableRequest(written(tmp_path, site_table(100)), outcome="pcr", drop=("months", "died", "arm"))
    report = evaluate(request, Evaluating(folds=2, families=("xgboost",), search=2, progress=False))
    assert "settings of xgboost are searched by 2 trials inside each fit" in report.protocol
    with pytest.raises(BadSignature, match="ordinal has no settings to search"):
        evaluate(request, Evaluating(folds=2, families=("ordinal",), search=2, progress=False))


def test_a_search_that_could_not_have_been_is_refused() -> None:
    right = found(bowl(6, 0.01), 5)
    for wrong in (
        {"best": 6},
        {"loss": right.fixed_loss + 1},
        {"settings": ()},
        {"settings": (Setting("a", 1.0),) * 2},
    ):
        with pytest.raises(BrokenFile):
            replace(right, **wrong)
