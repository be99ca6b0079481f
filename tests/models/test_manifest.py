"""Plain values in and out, strictly."""

from dataclasses import dataclass
from typing import Literal

import pytest
from builders.versions import facts, fitted

from models.errors import BadSignature, BrokenFile
from models.families.all import FAMILIES, family_of
from models.families.target import Task
from models.manifest import Manifest, Metric, read_manifest, write_manifest
from models.plain import Plain, dumps, from_plain, loads


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    share: float
    maybe: float | str | None
    many: tuple[int, ...]
    kind: Literal["a", "b"]


GOOD: dict[str, Plain] = {"name": "x", "share": 1, "maybe": None, "many": [1, 2], "kind": "a"}


@pytest.mark.parametrize(("task", "family"), sorted(FAMILIES))
def test_a_manifest_is_read_as_it_was_written(task: Task, family: str) -> None:
    fit = fitted(task, family)
    metric = Metric("auc", "model", 0.7, 0.6, 0.8, "5-fold, by patient")
    manifest = Manifest(fit.recipe, facts(fit.recipe.task, metrics=(metric,)), {"card.md": "0" * 64})
    assert read_manifest(write_manifest(manifest)) == manifest
    assert (manifest.task, manifest.family, manifest.metrics) == (task, family, (metric,))
    assert (manifest.columns, manifest.therapies) == (fit.recipe.columns, fit.recipe.therapies)


def test_a_manifest_says_how_its_features_are_taken() -> None:
    recipe = fitted("progression", "cox").recipe
    with pytest.raises(BadSignature, match="profile"):
        Manifest(recipe, facts("progression", profile=""))
    with pytest.raises(BadSignature, match="encoder"):
        Manifest(recipe, facts("progression", encoder=""))
    with pytest.raises(BadSignature, match="known: blend, competing, cox, cox_by_therapy, cox_net, fusion"):
        family_of("progression", "xgboost")


def test_plain_values_become_a_dataclass_and_back() -> None:
    sample = from_plain(Sample, GOOD, place="f")
    assert sample == Sample("x", 1.0, None, (1, 2), "a")
    assert isinstance(sample.share, float)
    assert from_plain(Sample, loads(dumps(sample), place="f"), place="f") == sample
    assert from_plain(Sample, GOOD | {"maybe": "y"}, place="f").maybe == "y"


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"name": None},
        {"share": "1"},
        {"share": True},
        {"share": float("inf")},
        {"maybe": []},
        {"many": [1.5]},
        {"many": [True]},
        {"many": {}},
        {"kind": "c"},
        {"kind": 1},
        {"other": 1},
    ],
)
def test_another_type_or_key_is_refused(change: dict[str, Plain]) -> None:
    with pytest.raises(BrokenFile, match=r"^f"):
        from_plain(Sample, GOOD | change, place="f")


def test_what_is_no_plain_json_is_refused() -> None:
    for content in (b"", b"{", b"NaN", b"[Infinity]", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000, b"1" * 5000):
        with pytest.raises(BrokenFile):
            loads(content, place="f")
    with pytest.raises(BrokenFile):
        from_plain(Sample, [], place="f")
    with pytest.raises(ValueError, match="Out of range"):
        dumps(Sample("x", float("nan"), None, (), "a"))
