"""Checks an XGBoost tree model before XGBoost sees it: a broken one was seen to crash the process at predict."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from models.errors import BrokenFile
from models.nodes import Nodes
from models.ubjson import Value, read_ubjson

if TYPE_CHECKING:
    from models.forest import Paths

MOST_BYTES = 64 * 2**20
_MOST_NODES = 2**16
_MOST_TREES = 2**16
_MOST_GROUPS = 4096
_NO_PARENT = 2**31 - 1
_OBJECTIVES = {
    "binary:logistic": {"name", "reg_loss_param"},
    "multi:softprob": {"name", "softmax_multiclass_param"},
    "survival:cox": {"name"},
    "survival:aft": {"name", "aft_loss_param"},
}
OURS = ("binary:logistic", "multi:softprob")
"""What our own trainer writes."""
_DISTRIBUTIONS = ("normal", "logistic", "extreme")
_TYPES = frozenset({"float", "int", "i", "q"})
_INTEGER_ARRAYS = ("left_children", "right_children", "parents", "split_indices")
_FLOAT_ARRAYS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_BYTE_ARRAYS = ("default_left", "split_type")
_CATEGORY_ARRAYS = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_LIMITS = {
    "f": (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**8 - 1),
}
"""What a number of each type may be."""
_COUNT = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Forest:
    """What a checked file holds."""

    columns: int
    """Width of the rows that it takes."""
    trees: int
    groups: int
    """Outputs for each row."""
    objective: str
    names: tuple[str, ...] = ()
    """Of the columns, where the file has them."""
    best_round: int | None = None
    """Where training was stopped early."""
    distribution: str = ""
    """Of an accelerated failure time: normal, logistic or extreme."""
    scale: float = 1.0
    """Of that distribution."""
    base: tuple[float, ...] = field(default=(), compare=False)
    """As the file states it, one for each output: a probability, a hazard ratio or a time, not a margin."""
    nodes: tuple[Nodes, ...] = field(default=(), compare=False, repr=False)
    """Of each tree."""

    def paths(self, rounds: int = 0) -> "Paths | None":
        """Laid out for single rows, the first rounds alone where a number is given; None where XGBoost has to do it."""
        from models.forest import paths_of  # noqa: PLC0415 - numba takes half a second to import

        start = np.array(self.base, dtype=np.float32)
        if self.objective == "binary:logistic":
            margin = -np.log(np.float32(1) / start - np.float32(1))
        else:
            margin = start if self.objective == "multi:softprob" else np.log(start)
        return paths_of(self.nodes[: rounds * self.groups or None], self.groups, margin)


def check_forest(content: bytes, *, columns: int, objectives: Sequence[str] = OURS, brought: bool = False) -> Forest:
    """Says what a `ubj` or `json` tree model holds, once it is certain that it can be predicted with.

    Each tree: equal lengths, children in range, every node reached once from the root (so no cycle),
    split columns below `columns`, finite numbers, no categorical split. The counts that the file
    states of itself are the true ones.

    Args:
        content: The file.
        columns: How many columns the rows will have.
        objectives: Of which it may be one.
        brought: Whether it may hold names of columns and attributes, as other trainers write them.

    Raises:
        BrokenFile: Anything else; a pickle, for one.
    """
    if len(content) > MOST_BYTES:
        raise BrokenFile(f"a tree model of {len(content)} bytes; at most {MOST_BYTES} are taken")
    text = content[:64].lstrip().startswith(b'{"')
    model = _object(_read_json(content) if text else read_ubjson(content), {"learner", "version"}, "model")
    _version(model["version"])
    learner = _object(
        model["learner"],
        {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"},
        "learner",
    )
    if not brought:
        for name in ("attributes", "feature_names", "feature_types"):
            if not (isinstance(learner[name], dict | list) and len(cast(Sequence[object], learner[name])) == 0):
                raise _broken(f"{name} is not empty")
    booster = _object(learner["gradient_booster"], {"model", "name"}, "gradient_booster")
    if booster["name"] != "gbtree":
        raise _broken("the booster is not gbtree")
    objective, groups, distribution, scale, base = _head(learner, columns, objectives)
    nodes = _booster(booster["model"], columns, groups)
    return Forest(
        columns=columns,
        trees=len(nodes),
        groups=groups,
        objective=objective,
        names=_names(learner["feature_names"], learner["feature_types"], columns),
        best_round=_best_round(learner["attributes"], len(nodes) // groups),
        distribution=distribution,
        scale=scale,
        base=base,
        nodes=nodes,
    )


def _names(names: Value, types: Value, columns: int) -> tuple[str, ...]:
    for told, what in ((names, "feature_names"), (types, "feature_types")):
        if not isinstance(told, list) or len(told) not in (0, columns) or not all(isinstance(one, str) for one in told):
            raise _broken(f"{what} are not one for each of {columns} columns")
    if not _TYPES.issuperset(cast(list[str], types)):
        raise _broken("it has categorical columns, or of a type that is unknown; wanted numbers")
    return tuple(cast(list[str], names))


def _best_round(attributes: Value, rounds: int) -> int | None:
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise _broken("attributes are no texts")
    if "best_iteration" not in attributes:
        return None
    best = _count(attributes["best_iteration"], "best_iteration")
    if best >= rounds:
        raise _broken(f"its best round is {best} of {rounds}")
    return best


def _head(
    learner: dict[str, Value], columns: int, objectives: Sequence[str]
) -> tuple[str, int, str, float, tuple[float, ...]]:
    stated = _object(
        learner["learner_model_param"],
        {"base_score", "boost_from_average", "num_class", "num_feature", "num_target"},
        "learner_model_param",
    )
    if _count(stated["num_feature"], "num_feature") != columns:
        raise _broken(f"it takes {stated['num_feature']!r} columns; wanted {columns}")
    if _count(stated["num_target"], "num_target") != 1 or stated["boost_from_average"] not in ("0", "1"):
        raise _broken("num_target or boost_from_average")
    classes = _count(stated["num_class"], "num_class")
    groups = max(1, classes)
    if groups > _MOST_GROUPS:
        raise _broken(f"{groups} outputs; at most {_MOST_GROUPS} are taken")
    objective = learner["objective"]
    name = objective.get("name") if isinstance(objective, dict) else None
    if not isinstance(name, str) or name not in objectives or (name == "multi:softprob") != (classes > 0):
        raise _broken(f"the objective is {str(name)[:40]!r}, none of " + ", ".join(objectives))
    stated_of = _object(objective, _OBJECTIVES[name], "objective")
    distribution, scale = "", 1.0
    if name == "survival:aft":
        distribution, scale = _accelerated(stated_of["aft_loss_param"])
    elif name != "survival:cox":
        wanted = {"scale_pos_weight": "1"} if classes == 0 else {"num_class": str(classes)}
        parameters = stated_of[next(iter(_OBJECTIVES[name] - {"name"}))]
        if parameters != wanted and (classes or not _weighted(parameters)):
            raise _broken("the objective's parameters")
    return name, groups, distribution, scale, _base_score(stated["base_score"], name, groups)


def _weighted(parameters: Value) -> bool:
    """Whether responders counted for more in training: it changes no prediction of a fitted model."""
    weight = parameters.get("scale_pos_weight") if isinstance(parameters, dict) and len(parameters) == 1 else None
    return isinstance(weight, str) and _NUMBER.fullmatch(weight) is not None


def _accelerated(parameters: Value) -> tuple[str, float]:
    told = _object(parameters, {"aft_loss_distribution", "aft_loss_distribution_scale"}, "aft_loss_param")
    distribution, scale = told["aft_loss_distribution"], told["aft_loss_distribution_scale"]
    if distribution not in _DISTRIBUTIONS or not isinstance(scale, str) or not _NUMBER.fullmatch(scale):
        raise _broken(f"the distribution of times is none of {', '.join(_DISTRIBUTIONS)}")
    if not 0 < float(scale) < 1e6:
        raise _broken("the scale of the distribution of times is not above 0")
    return str(distribution), float(scale)


def _base_score(stated: Value, objective: str, groups: int) -> tuple[float, ...]:
    if not isinstance(stated, str) or len(stated) > 32 * groups or not stated.startswith("[") or stated[-1] != "]":
        raise _broken("base_score")
    try:
        scores = [float(word) for word in stated[1:-1].split(",")]
    except ValueError:
        raise _broken("base_score") from None
    if len(scores) != groups or not all(math.isfinite(score) for score in scores):
        raise _broken("base_score")
    if objective == "binary:logistic" and not 0 < scores[0] < 1:
        raise _broken("base_score is no probability")
    return tuple(scores)


def _booster(value: Value, columns: int, groups: int) -> tuple[Nodes, ...]:
    model = _object(value, {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}, "gbtree")
    cats = _object(model["cats"], {"enc", "feature_segments", "sorted_idx"}, "cats")
    if any(len(cast(Sequence[object], item)) for item in cats.values() if isinstance(item, list | np.ndarray)):
        raise _broken("it has categorical columns")
    if not all(isinstance(item, list | np.ndarray) for item in cats.values()):
        raise _broken("cats")
    stated = _object(model["gbtree_model_param"], {"num_parallel_tree", "num_trees"}, "gbtree_model_param")
    trees = model["trees"]
    if not isinstance(trees, list) or not 0 < len(trees) <= _MOST_TREES:
        raise _broken("trees")
    if _count(stated["num_trees"], "num_trees") != len(trees) or stated["num_parallel_tree"] != "1":
        raise _broken(f"it states {stated['num_trees']!r} trees and holds {len(trees)}")
    indptr = _integers(model["iteration_indptr"], "iteration_indptr")
    if indptr[:1] != [0] or indptr[-1] != len(trees) or any(b - a != groups for a, b in pairwise(indptr)):
        raise _broken("iteration_indptr does not cut the trees into rounds")
    info = _integers(model["tree_info"], "tree_info")
    if info != [index % groups for index in range(len(trees))]:
        raise _broken("tree_info names outputs that are not there")
    return tuple(_tree(tree, index, columns) for index, tree in enumerate(trees))


def _tree(value: Value, index: int, columns: int) -> Nodes:
    names = {*_INTEGER_ARRAYS, *_FLOAT_ARRAYS, *_BYTE_ARRAYS, *_CATEGORY_ARRAYS, "id", "tree_param"}
    tree = _object(value, names, "tree")
    stated = _object(tree["tree_param"], {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}, "tree_param")
    nodes = _count(stated["num_nodes"], "num_nodes")
    if not 0 < nodes <= _MOST_NODES or _count(stated["num_feature"], "num_feature") != columns:
        raise _broken(f"tree {index}: nodes or columns")
    if stated["num_deleted"] != "0" or stated["size_leaf_vector"] != "1" or tree["id"] != index:
        raise _broken(f"tree {index}: parameters")
    arrays = {name: _array(tree[name], np.dtype(np.int32), nodes) for name in _INTEGER_ARRAYS}
    floats = {name: _array(tree[name], np.dtype(np.float32), nodes) for name in _FLOAT_ARRAYS}
    flags = {name: _array(tree[name], np.dtype(np.uint8), nodes) for name in _BYTE_ARRAYS}
    if (
        any(
            not isinstance(tree[name], list | np.ndarray) or len(cast(Sequence[object], tree[name]))
            for name in _CATEGORY_ARRAYS
        )
        or flags["split_type"].any()
        or (flags["default_left"] > 1).any()
    ):
        raise _broken(f"tree {index}: a categorical split")
    if not all(np.isfinite(array).all() for array in floats.values()):
        raise _broken(f"tree {index}: a number is not finite")
    _structure(arrays["left_children"], arrays["right_children"], arrays["parents"], index)
    if ((arrays["split_indices"] < 0) | (arrays["split_indices"] >= columns)).any():
        raise _broken(f"tree {index}: splits on a column that is not there")
    return Nodes(
        left=arrays["left_children"],
        right=arrays["right_children"],
        parent=arrays["parents"],
        column=arrays["split_indices"],
        split=floats["split_conditions"],
        missing_left=flags["default_left"].astype(np.bool_),
        cover=floats["sum_hessian"],
    )


def _structure(left: np.ndarray, right: np.ndarray, parents: np.ndarray, index: int) -> None:
    """Every node but the root is the child of exactly one, and all are reached from the root."""
    inner = left != -1
    if not np.array_equal(inner, right != -1):
        raise _broken(f"tree {index}: a node with one child")
    children = np.concatenate([left[inner], right[inner]])
    if ((children < 1) | (children >= left.size)).any() or np.unique(children).size != children.size:
        raise _broken(f"tree {index}: a child out of range, or with two parents")
    owners = np.flatnonzero(inner)
    expected = np.full(left.size, _NO_PARENT)
    expected[children] = np.concatenate([owners, owners])
    if not np.array_equal(parents, expected):
        raise _broken(f"tree {index}: parents do not match children")
    reached, frontier = 1, np.array([0])
    while frontier.size:
        frontier = frontier[inner[frontier]]
        frontier = np.concatenate([left[frontier], right[frontier]])
        reached += frontier.size
    if reached != left.size:
        raise _broken(f"tree {index}: a node that the root does not reach, or a cycle")


def _array(value: Value, dtype: np.dtype[np.generic], nodes: int) -> np.ndarray:
    """One array of a tree, in exactly the type that XGBoost expects of it."""
    if isinstance(value, np.ndarray):
        if value.dtype != dtype:
            raise _broken(f"an array of {value.dtype}; wanted {dtype}")
        array = value
    elif isinstance(value, list):
        whole = all(type(item) is int for item in value)
        if not whole and (dtype.kind != "f" or not all(type(item) in (int, float) for item in value)):
            raise _broken("an array holds something that is no number")
        lowest, highest = _LIMITS[dtype.kind]
        if not all(lowest <= number <= highest for number in cast(list[float], value)):
            raise _broken("a number is too large")
        array = np.array(value, dtype=dtype)
    else:
        raise _broken("a tree lacks an array")
    if array.shape != (nodes,):
        raise _broken(f"an array of {array.size} in a tree of {nodes} nodes")
    return array


def _integers(value: Value, name: str) -> list[int]:
    if isinstance(value, np.ndarray) and value.dtype == np.int32:
        return cast(list[int], value.tolist())
    if isinstance(value, list) and all(type(item) is int for item in value):
        return cast(list[int], value)
    raise _broken(f"{name} holds no whole numbers")


def _count(value: Value, name: str) -> int:
    if not isinstance(value, str) or not _COUNT.fullmatch(value):
        raise _broken(f"{name} is no count")
    return int(value)


def _object(value: Value, names: set[str], place: str) -> dict[str, Value]:
    if not isinstance(value, dict) or set(value) != names:
        raise _broken(f"{place} does not hold exactly {', '.join(sorted(names))}")
    return value


def _version(value: Value) -> None:
    numbers = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(numbers, list) or len(numbers) != 3 or not all(type(item) is int for item in numbers):
        raise _broken("the version is not three numbers")
    if numbers[0] != 3:
        raise _broken(f"written by XGBoost {numbers[0]}; wanted 3")


def _read_json(content: bytes) -> Value:
    try:
        return cast(Value, json.loads(content, object_pairs_hook=_once, parse_constant=_refuse))
    except (ValueError, RecursionError):
        raise _broken("it is not plain JSON") from None


def _once(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse(word: str) -> float:
    raise ValueError(word)


def _broken(what: str) -> BrokenFile:
    return BrokenFile(f"no tree model that can serve: {what}", seen=what)
