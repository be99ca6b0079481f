"""The blend is what its members say, halfway between them on the scale where they add up."""

from dataclasses import replace

import numpy as np
import pytest
from builders.tables import known
from builders.versions import cohort, fitted

from models.errors import BrokenFile
from models.families.all import family_of
from models.families.blend import FILE, BlendEngine, BlendFile
from models.families.family import Fitted, ProgressionScores
from models.plain import dumps, from_plain, loads


def test_the_hazard_is_the_geometric_mean_of_the_members() -> None:
    blend, cox, trees = (fitted("progression", name) for name in ("blend", "cox", "xgboost_cox"))
    table = cohort().table
    ours, one, other = (fit.predict(table) for fit in (blend, cox, trees))
    assert isinstance(ours, ProgressionScores)
    assert isinstance(one, ProgressionScores)
    assert isinstance(other, ProgressionScores)
    # Trees and inner folds are drawn by another stream of chance than those of a member by itself.
    middle = (np.log(one.cumulative_hazard[:, -1]) + np.log(other.cumulative_hazard[:, -1])) / 2.0
    seen = np.log(ours.cumulative_hazard[:, -1])
    assert np.corrcoef(middle, seen)[0, 1] > 0.98
    assert np.abs(seen - middle).mean() < 0.2


def test_it_is_exactly_the_mean_of_its_own_members_replicate_by_replicate() -> None:
    fit = fitted("progression", "blend")
    engine = fit.engine
    assert isinstance(engine, BlendEngine)
    X = fit._matrix.apply(fit.encode(cohort().table))
    whole = engine.score(X)
    parts = [member.score(X[:, at]) for member, at in engine._members]
    for name in ("cumulative_hazard", "replicates"):
        one, other = (getattr(part, name)[..., 1:] for part in parts)
        assert np.allclose(np.log(getattr(whole, name)[..., 1:]), (np.log(one) + np.log(other)) / 2.0, atol=1e-12)
    assert whole.replicates.shape[0] == fit.recipe.replicates > 0
    assert (np.diff(whole.cumulative_hazard, axis=1) >= 0).all()


def test_its_replicates_are_of_the_same_patients() -> None:
    """Drawn apart, the mean of two would spread as if each knew of other patients: members go up and down together."""
    fit = fitted("progression", "blend")
    engine = fit.engine
    assert isinstance(engine, BlendEngine)
    X = fit._matrix.apply(fit.encode(cohort().table))
    ends = [np.log(member.score(X[:, at]).replicates[:, :, -1]) for member, at in engine._members]
    away = [end - end.mean(axis=0) for end in ends]
    together = (away[0] * away[1]).mean() / (away[0].std() * away[1].std())
    aside = (np.roll(away[0], 1, axis=0) * away[1]).mean() / (away[0].std() * away[1].std())
    assert together > 0.1 > aside


def test_each_member_sees_its_own_terms_of_one_design() -> None:
    case = known(160)
    fit = family_of("progression", "blend").fit(case.table, case.progression, case.columns, seed=3, replicates=2)
    terms = fit.recipe.design.terms
    assert len(set(terms)) == len(terms), "a term that both see stands once"
    content = _content(fit)
    assert sorted({*content.cox, *content.trees}) == list(range(len(terms)))


@pytest.mark.parametrize("change", ["twice", "beyond", "without what it builds on"])
def test_a_damaged_list_of_terms_is_refused(change: str) -> None:
    fit = fitted("progression", "blend")
    content = _content(fit)
    terms, at = fit.recipe.design.terms, list(content.cox)
    if change == "twice":
        at[1] = at[0]
    elif change == "beyond":
        at[0] = len(terms)
    else:
        made = next(index for index in at if terms[index].kind == "interaction")
        at.remove(terms[made].of)
    files = {**fit.files(), FILE: dumps(replace(content, cox=tuple(at)))}
    with pytest.raises(BrokenFile, match=FILE):
        family_of("progression", "blend").load(fit.recipe, files, fit.cohort)


def _content(fit: Fitted) -> BlendFile:
    return from_plain(BlendFile, loads(fit.files()[FILE], place=FILE), place=FILE)
