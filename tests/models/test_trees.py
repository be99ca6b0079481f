"""No bytes that pass the checker crash XGBoost, and what XGBoost writes passes."""

import json
import pickle
import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import xgboost
from builders.versions import fitted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import BrokenFile
from models.trees import Forest, check_forest
from models.ubjson import read_ubjson

COLUMNS = 5


def trained(rounds: int = 4) -> xgboost.Booster:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(80, COLUMNS))
    matrix = xgboost.DMatrix(X, (X[:, 0] > 0).astype(float), nthread=1)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 0}, matrix, rounds)


UBJ = bytes(trained().save_raw("ubj"))
TEXT = bytes(trained().save_raw("json"))


def test_what_xgboost_writes_passes_in_either_form() -> None:
    assert check_forest(UBJ, columns=COLUMNS) == check_forest(TEXT, columns=COLUMNS)
    assert check_forest(UBJ, columns=COLUMNS) == Forest(COLUMNS, 4, 1, "binary:logistic")


def test_the_reader_reads_what_xgboost_reads() -> None:
    seen, told = cast(Any, read_ubjson(UBJ)), json.loads(TEXT)
    trees = seen["learner"]["gradient_booster"]["model"]["trees"]
    for ours, theirs in zip(trees, told["learner"]["gradient_booster"]["model"]["trees"], strict=True):
        for name in ("left_children", "right_children", "split_indices", "parents"):
            assert ours[name].tolist() == theirs[name]
        assert np.allclose(ours["split_conditions"], theirs["split_conditions"])


def test_replicates_side_by_side_pass() -> None:
    fit = fitted("outcome", "xgboost")
    width = len(fit.recipe.design.terms)
    forest = check_forest(fit.files()["replicates.ubj"], columns=width)
    assert (forest.groups, forest.objective) == (6, "multi:softprob")


def tree(model: dict[str, Any]) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]["trees"][1]  # type: ignore[no-any-return]


def booster(model: dict[str, Any]) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]  # type: ignore[no-any-return]


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a child out of range": lambda m: tree(m)["left_children"].__setitem__(0, 99),
    "a child below": lambda m: tree(m)["left_children"].__setitem__(0, -2),
    "a cycle": lambda m: tree(m)["left_children"].__setitem__(1, 0),
    "its own child": lambda m: tree(m)["right_children"].__setitem__(0, tree(m)["left_children"][0]),
    "one child": lambda m: tree(m)["left_children"].__setitem__(0, -1),
    "another parent": lambda m: tree(m)["parents"].__setitem__(1, 2),
    "a column that is not there": lambda m: tree(m)["split_indices"].__setitem__(0, COLUMNS),
    "a column below": lambda m: tree(m)["split_indices"].__setitem__(0, -1),
    "shorter conditions": lambda m: tree(m)["split_conditions"].pop(),
    "longer defaults": lambda m: tree(m)["default_left"].append(0),
    "a huge leaf": lambda m: tree(m)["split_conditions"].__setitem__(0, 1e39),
    "a text": lambda m: tree(m)["base_weights"].__setitem__(0, "1"),
    "a truth": lambda m: tree(m)["left_children"].__setitem__(0, True),
    "a large number": lambda m: tree(m)["left_children"].__setitem__(0, 2**31),
    "a categorical split": lambda m: tree(m)["split_type"].__setitem__(0, 1),
    "categories": lambda m: tree(m)["categories"].append(1),
    "more nodes than there are": lambda m: tree(m)["tree_param"].__setitem__("num_nodes", "999999999"),
    "vector leaves": lambda m: tree(m)["tree_param"].__setitem__("size_leaf_vector", "2"),
    "an unknown key": lambda m: tree(m).__setitem__("extra", 1),
    "no key": lambda m: tree(m).pop("sum_hessian"),
    "fewer trees than stated": lambda m: booster(m)["trees"].pop(),
    "more trees stated": lambda m: booster(m)["gbtree_model_param"].__setitem__("num_trees", "5"),
    "parallel trees": lambda m: booster(m)["gbtree_model_param"].__setitem__("num_parallel_tree", "2"),
    "another output": lambda m: booster(m)["tree_info"].__setitem__(0, 7),
    "a round beyond the trees": lambda m: booster(m)["iteration_indptr"].__setitem__(-1, 40),
    "no rounds": lambda m: booster(m).__setitem__("iteration_indptr", []),
    "more columns": lambda m: m["learner"]["learner_model_param"].__setitem__("num_feature", "6"),
    "more classes": lambda m: m["learner"]["learner_model_param"].__setitem__("num_class", "3"),
    "no base": lambda m: m["learner"]["learner_model_param"].__setitem__("base_score", "[]"),
    "an infinite base": lambda m: m["learner"]["learner_model_param"].__setitem__("base_score", "[inf]"),
    "a base outside": lambda m: m["learner"]["learner_model_param"].__setitem__("base_score", "[2]"),
    "an old base": lambda m: m["learner"]["learner_model_param"].__setitem__("base_score", "5E-1"),
    "another objective": lambda m: m["learner"]["objective"].__setitem__("name", "survival:cox"),
    "another booster": lambda m: m["learner"]["gradient_booster"].__setitem__("name", "dart"),
    "names": lambda m: m["learner"]["feature_names"].append("a"),
    "attributes": lambda m: m["learner"]["attributes"].__setitem__("a", "b"),
    "another version": lambda m: m.__setitem__("version", [1, 7, 0]),
    "no learner": lambda m: m.pop("learner"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_tree_is_refused(what: str) -> None:
    model = json.loads(TEXT)
    BREAKS[what](model)
    with pytest.raises(BrokenFile, match="no tree model that can serve"):
        check_forest(json.dumps(model).encode(), columns=COLUMNS)


def test_what_is_no_tree_model_is_refused() -> None:
    deep = b"[" * 100_000
    huge = b"{L" + struct.pack(">q", 2**62) + b"x"
    array = b"{L" + struct.pack(">q", 1) + b"a[$d#L" + struct.pack(">q", 2**60)
    nulls = b"{L" + struct.pack(">q", 1) + b"a[#L" + struct.pack(">q", 2**60)
    negative = b"{L" + struct.pack(">q", -1)
    twice = b"{" + 2 * (b"L" + struct.pack(">q", 1) + b"aT") + b"}"
    word = b"{L" + struct.pack(">q", 1) + b"\xffT}"
    pickled = pickle.dumps({"learner": [1, 2]})
    texts = [b'{"learner": NaN, "version": [3, 2, 0]}', b'{"learner": 1, "learner": 1}', b'{"a"', b'{"a":' * 99_999]
    for content in [b"", b"{", pickled, deep, huge, array, nulls, negative, twice, word, UBJ[:-1], UBJ + b"x", *texts]:
        with pytest.raises(BrokenFile):
            check_forest(content, columns=COLUMNS)
    with pytest.raises(BrokenFile, match="columns; wanted 6"):
        check_forest(UBJ, columns=6)


def survives(content: bytes) -> bool:
    """Whether the checker lets it pass; then XGBoost must take it and answer, or raise."""
    try:
        check_forest(content, columns=COLUMNS)
    except BrokenFile:
        return False
    model = xgboost.Booster({"nthread": 1})
    model.load_model(bytearray(content))
    rows = np.array([[0.0] * COLUMNS, [-9.0] * COLUMNS, [9.0] * COLUMNS], dtype=np.float32)
    assert model.inplace_predict(rows, predict_type="margin").shape == (3,)
    assert model.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True).shape == (3, COLUMNS + 1)
    return True


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(UBJ) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_flipped_bytes_never_reach_xgboost_broken(flips: list[tuple[int, int]]) -> None:
    content = bytearray(UBJ)
    for at, byte in flips:
        content[at] = byte
    survives(bytes(content))


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(UBJ)), st.integers(0, len(UBJ)), st.binary(max_size=12))
def test_cut_and_spliced_files_never_reach_xgboost_broken(start: int, end: int, between: bytes) -> None:
    survives(UBJ[:start] + between + UBJ[end:])


def test_every_structural_number_may_be_flipped() -> None:
    """All children, parents and split columns of a tree set to each of a few values."""
    passed = 0
    for name in ("left_children", "right_children", "parents", "split_indices"):
        for position in range(len(tree(json.loads(TEXT))[name])):
            for value in (-1, 0, 1, 3, 2**31 - 1):
                model = json.loads(TEXT)
                tree(model)[name][position] = value
                passed += survives(json.dumps(model).encode())
    assert passed > 0
