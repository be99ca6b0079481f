"""Opens a version that somebody brought: from files that were read, by its flavour, to a model that answers."""

from collections.abc import Mapping
from dataclasses import replace

from features.profile import Profile
from models.brought.declared import Declared, columns_of, declare
from models.brought.engine import Engine
from models.brought.hazards import Hazards, read_content
from models.brought.logged import Logged, read_logged
from models.brought.model import BroughtModel
from models.errors import BadSignature, BrokenFile, ForbiddenFile
from models.families.columns import THERAPY, ColumnSpec
from models.files import WRITTEN_BY_MLFLOW, digest_of
from models.registry.mlmodel import MLMODEL

TENSOR = "tensor"


def load_brought(files: Mapping[str, bytes], name: str, version: str) -> BroughtModel:
    """A model ready to predict.

    Raises:
        BadVersion: Why not; see `models.load.load_model`.
    """
    logged = read_logged(files.get(MLMODEL))
    declared = declaration_of(logged)
    if logged.data not in files:
        raise BrokenFile(f"{logged.data} is missing; {MLMODEL} names it")
    beside = set(files) - WRITTEN_BY_MLFLOW - {logged.data}
    if logged.flavour != "onnx" and beside:
        raise ForbiddenFile(f"{sorted(beside)[0][:80]!r} is no file of this version; wanted {logged.data} alone")
    return BroughtModel(
        name=name,
        version=version,
        digest=digest_of(files),
        manifest=declared,
        profile=Profile.parse(declared.profile) if declared.profile else None,
        engine=_engine(files, logged, declared),
    )


def declaration_of(logged: Logged) -> Declared:
    """What a version says of itself: from the signature's columns, or from the metadata for a single tensor.

    Raises:
        BadSignature: They do not say it.
    """
    tensors = [one for one in logged.inputs if one.get("type") == TENSOR]
    told = logged.metadata.get("radresponse.columns")
    if not tensors:
        columns = columns_of(logged.inputs)
        names = [spec.name for spec in columns]
        if told is not None and told != names:
            raise BadSignature("radresponse.columns names other columns than the signature, or in another order")
    else:
        if logged.flavour != "onnx" or len(tensors) != len(logged.inputs):
            raise BadSignature("the signature names tensors; wanted named columns (of a pandas table)")
        if len(tensors) > 1:
            columns = columns_of([{**one, "type": "double"} for one in tensors])
        else:
            columns = columns_of([{"name": name, "type": "double"} for name in _names(told)])
    if logged.flavour != "xgboost" and (optional := [spec.name for spec in columns if not spec.required]):
        raise BadSignature(
            f"column {optional[0][:80]} is optional, and only trees know what to do without it; wanted required columns"
        )
    return declare(logged.flavour, logged.metadata, _texts(columns, logged), [spec.name for spec in columns])


def _names(told: object) -> list[str]:
    if not isinstance(told, list) or not told or not all(isinstance(name, str) for name in told):
        raise BadSignature(
            "the signature names one tensor for all columns; wanted radresponse.columns, their names in order"
        )
    return told


def _texts(columns: tuple[ColumnSpec, ...], logged: Logged) -> tuple[ColumnSpec, ...]:
    """The therapy may come as a text or as its number: that is the version's own affair."""
    del logged
    return tuple(replace(spec, kind="number") if spec.name == THERAPY else spec for spec in columns)


def _engine(files: Mapping[str, bytes], logged: Logged, declared: Declared) -> Engine:
    if logged.flavour == "xgboost":
        from models.brought.boosted import load_trees  # noqa: PLC0415 - each engine is loaded where one is served

        return load_trees(files[logged.data], declared, logged.model_class)
    if logged.flavour == "onnx":
        from models.brought.network import load_network  # noqa: PLC0415

        return load_network(files, declared, tuple(str(one.get("name") or "") for one in logged.inputs))
    content = read_content(files[logged.data])
    if set(content.columns) != set(declared.order):
        raise BadSignature(f"{logged.data} takes other columns than the signature names")
    levels = {spec.name: spec.categories for spec in declared.columns if spec.categories}
    if declared.therapies:
        levels[THERAPY] = declared.therapies
    if dict(content.levels) != levels:
        raise BadSignature(f"{logged.data} has other categories than the metadata")
    if declared.task != "progression" or not declared.time_days:
        raise BadSignature("a lifelines model is of the task progression and brings radresponse.times")
    return Hazards(content, declared)
