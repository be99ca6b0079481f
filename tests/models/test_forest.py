"""A forest laid out as paths answers as XGBoost does: margins to the bit, contributions to its single precision."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost

from features.compiled import KERNELS
from features.types import Floats
from models import forest
from models.forest import paths_of
from models.nodes import Nodes
from models.trees import Forest, check_forest

OBJECTIVES = ("binary:logistic", "survival:cox", "survival:aft", "multi:softprob")


def cohort(objective: str, seed: int, columns: int = 6) -> tuple[Floats, Floats, dict[str, Floats]]:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(300, columns)).round(2)  # ties, and values that equal a split
    X[draw.random(X.shape) < 0.15] = np.nan
    worse = np.nan_to_num(X[:, 0]) - np.nan_to_num(X[:, 1]) * np.nan_to_num(X[:, 2])
    if objective == "survival:aft":
        days = np.exp(draw.normal(size=300) - worse)
        return X, days, {"label_lower_bound": days, "label_upper_bound": np.where(draw.random(300) < 0.3, np.inf, days)}
    if objective == "survival:cox":
        return X, np.where(draw.random(300) < 0.3, -1.0, 1.0) * np.exp(draw.normal(size=300) - worse), {}
    if objective == "multi:softprob":
        return X, draw.integers(0, 3, 300).astype(np.float64), {}
    return X, (worse + draw.normal(size=300) > 0).astype(np.float64), {}


def grown(objective: str, seed: int, **settings: object) -> tuple[xgboost.Booster, Forest, Floats]:
    X, label, bounds = cohort(objective, seed)
    given = {"objective": objective, "max_depth": 4, "nthread": 1, "seed": seed, "min_child_weight": 0.01, **settings}
    if objective == "multi:softprob":
        given["num_class"] = 3
    booster = xgboost.train(given, xgboost.DMatrix(X.astype(np.float32), label, nthread=1, **bounds), 25)
    content = bytes(booster.save_raw("ubj"))
    return booster, check_forest(content, columns=X.shape[1], objectives=OBJECTIVES), X


def own_margins(booster: xgboost.Booster, X: Floats, rounds: int = 0) -> Floats:
    matrix = xgboost.DMatrix(X.astype(np.float32), nthread=1)
    told: Floats = booster.predict(matrix, output_margin=True, iteration_range=(0, rounds)).astype(np.float64)
    return told.reshape(X.shape[0], -1)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("seed", "depth", "base"), [(1, 1, None), (2, 4, None), (3, 9, 0.137)])
def test_margins_are_those_of_xgboost_to_the_bit(objective: str, seed: int, depth: int, base: float | None) -> None:
    stated = {} if base is None or objective == "multi:softprob" else {"base_score": base}
    booster, checked, X = grown(objective, seed, max_depth=depth, **stated)
    paths = checked.paths()
    assert paths is not None
    assert (paths.margins(X) == own_margins(booster, X)).all()


@pytest.mark.parametrize("objective", OBJECTIVES[:3])
@pytest.mark.parametrize(("seed", "depth"), [(4, 2), (5, 5), (6, 10)])
def test_contributions_are_those_of_xgboost(objective: str, seed: int, depth: int) -> None:
    booster, checked, X = grown(objective, seed, max_depth=depth)
    paths = checked.paths()
    assert paths is not None
    own = booster.predict(xgboost.DMatrix(X.astype(np.float32), nthread=1), pred_contribs=True).astype(np.float64)
    shares = paths.shares(X)
    assert np.abs(own[:, :-1]).max() > 0.1
    assert np.allclose(shares, own[:, :-1], atol=2e-5)
    assert np.allclose(shares.sum(axis=1) + own[:, -1], paths.margins(X)[:, 0], atol=2e-5)


def test_a_single_tree_shares_out_as_shapley_did() -> None:
    """Two splits on two columns, covers of a half each: what a coalition leaves open is averaged over."""
    tree = Nodes(
        left=np.array([1, 3, -1, -1, -1], dtype=np.int32),
        right=np.array([2, 4, -1, -1, -1], dtype=np.int32),
        parent=np.array([2**31 - 1, 0, 0, 1, 1], dtype=np.int32),
        column=np.array([0, 1, 0, 0, 0], dtype=np.int32),
        split=np.array([0.0, 0.0, 8.0, 0.0, 4.0], dtype=np.float32),
        missing_left=np.array([True, True, False, False, False]),
        cover=np.array([4.0, 2.0, 2.0, 1.0, 1.0], dtype=np.float32),
    )
    paths = paths_of([tree], 1, np.array([0.5], dtype=np.float32))
    assert paths is not None
    # v() = 5, v(0) = 2, v(1) = (4 + 8) / 2 = 6, v(0, 1) = 4 for a row that goes left, then right.
    assert paths.margins(np.array([[-1.0, 1.0]])).tolist() == [[4.5]]
    assert paths.shares(np.array([[-1.0, 1.0]]))[0] == pytest.approx([((2 - 5) + (4 - 6)) / 2, ((6 - 5) + (4 - 2)) / 2])
    assert paths.margins(np.array([[np.nan, np.nan]])).tolist() == [[0.5]]  # missing goes left, twice


def test_the_first_rounds_alone() -> None:
    booster, checked, X = grown("multi:softprob", 7)
    paths = checked.paths(4)
    assert paths is not None
    assert (paths.margins(X) == own_margins(booster, X, 4)).all()


def test_one_row_is_answered_as_in_any_company() -> None:
    _, checked, X = grown("binary:logistic", 8)
    paths = checked.paths()
    assert paths is not None
    whole, shares = paths.margins(X), paths.shares(X)
    for row in (0, 17, 299):
        assert (paths.margins(X[row : row + 1])[0] == whole[row]).all()
        assert (paths.shares(X[row : row + 1])[0] == shares[row]).all()


def forms() -> list[int]:
    """For how many kinds of arguments each kernel of a forest was compiled."""
    return [len(kernel.signatures) for kernel in KERNELS if kernel.py_func.__module__ == forest.__name__]


def test_rows_of_any_layout_wait_for_no_kernel() -> None:
    """Several rows of chosen columns lie column by column; a kernel of their own would take seconds at a request."""
    _, checked, X = grown("binary:logistic", 8)
    paths = checked.paths()
    assert paths is not None
    whole, shares = paths.margins(X), paths.shares(X)
    ready = forms()
    assert sum(ready) > 0
    turned = X[:, list(range(X.shape[1]))]
    assert not turned.flags.c_contiguous
    assert (paths.margins(turned) == whole).all() and (paths.shares(turned) == shares).all()
    assert (paths.margins(X[::2]) == whole[::2]).all()
    assert forms() == ready


def test_a_forest_that_does_not_fit_is_left_to_xgboost(monkeypatch: pytest.MonkeyPatch) -> None:
    _, checked, _ = grown("binary:logistic", 9)
    assert checked.paths() is not None
    uncovered = [replace(tree, cover=np.zeros_like(tree.cover)) for tree in checked.nodes]
    assert paths_of(uncovered, 1, np.zeros(1, dtype=np.float32)) is None
    monkeypatch.setattr(forest, "MOST_STEPS", 10)
    assert checked.paths() is None


@pytest.mark.parametrize(("deep", "taken"), [(forest.MOST_ON_A_PATH, True), (forest.MOST_ON_A_PATH + 1, False)])
def test_a_path_of_more_columns_than_are_taken_is_left_to_xgboost(deep: int, taken: bool) -> None:
    """A chain: at each step to the left a leaf, to the right the next column."""
    nodes = 2 * deep + 1
    inner = 2 * np.arange(deep)
    left, column = np.full(nodes, -1, dtype=np.int32), np.zeros(nodes, dtype=np.int32)
    right, parent = left.copy(), np.full(nodes, 2**31 - 1, dtype=np.int32)
    left[inner], right[inner], column[inner] = inner + 1, inner + 2, np.arange(deep)
    parent[inner + 1] = parent[inner + 2] = inner
    whole, flags = np.ones(nodes, dtype=np.float32), np.zeros(nodes, dtype=np.bool_)
    paths = paths_of([Nodes(left, right, parent, column, whole, flags, whole)], 1, np.zeros(1, dtype=np.float32))
    assert (paths is not None) == taken
