"""`MLmodel` of a brought version, read as plain values: its flavour, its signature, its metadata, its input example.

Nothing that it names is followed: loader and class must equal listed values, files the listed names.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from models.brought.declared import Flavour
from models.errors import BadSignature, ForbiddenFile
from models.files import EXAMPLE
from models.plain_yaml import read_yaml
from models.registry.mlmodel import MLMODEL

LIFELINES = "radresponse.lifelines"
_FLAVOURS: Mapping[str, Flavour] = {"xgboost": "xgboost", "onnx": "onnx", LIFELINES: "lifelines"}
_LOADERS = {"xgboost": "mlflow.xgboost", "onnx": "mlflow.onnx"}
_DATA = {"xgboost": ("model.ubj", "model.json"), "onnx": ("model.onnx",), "lifelines": ("lifelines.json",)}


@dataclass(frozen=True, slots=True)
class Logged:
    """What `MLmodel` says, as far as it matters."""

    flavour: Flavour
    data: str
    """Name of the data file."""
    model_class: str
    """Of XGBoost; empty for others."""
    inputs: tuple[Mapping[str, Any], ...]
    """Of the signature, as MLflow writes them."""
    metadata: Mapping[str, Any]
    example: str
    """`dataframe`, `ndarray`, or empty where it brings none that can be read."""


def read_logged(content: bytes | None) -> Logged:
    """From the file's content.

    Raises:
        BadSignature: No flavour that is taken, no signature, or not MLflow's form.
        ForbiddenFile: A loader, a class or a file other than the listed.
    """
    if content is None:
        raise BadSignature(f"the version has no {MLMODEL}; wanted what mlflow.xgboost, mlflow.onnx or ours logs")
    try:
        told = read_yaml(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadSignature(f"{MLMODEL} is no plain YAML") from error
    flavours = _mapping(told, "flavors")
    found = [name for name in flavours if name in _FLAVOURS]
    if len(found) != 1:
        seen = ", ".join(sorted(str(name)[:40] for name in flavours)) or "none"
        raise BadSignature(f"{MLMODEL} has the flavours {seen}; wanted one of {', '.join(_FLAVOURS)}")
    flavour, told_of = _FLAVOURS[found[0]], _mapping(flavours, found[0])
    _require_listed(flavours, found[0])
    if told_of.get("code"):
        raise ForbiddenFile(f"{MLMODEL} brings code, which is never run; wanted data alone")
    data = told_of.get("data")
    if data not in _DATA[flavour]:
        if flavour == "xgboost" and isinstance(data, str):
            raise ForbiddenFile(
                f"XGBoost's file is {data[:80]!r}; wanted model.ubj or model.json: log it with "
                'model_format="ubj" or "json"'
            )
        raise ForbiddenFile(f"{MLMODEL} names the data {str(data)[:80]!r}; wanted {' or '.join(_DATA[flavour])}")
    metadata = told.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        raise BadSignature(f"{MLMODEL}: metadata is no mapping")
    return Logged(
        flavour=flavour,
        data=data,
        model_class=str(told_of.get("model_class") or ""),
        inputs=_signature(told),
        metadata=cast(Mapping[str, Any], metadata),
        example=_example(told),
    )


def _require_listed(flavours: Mapping[str, Any], found: str) -> None:
    """The generic flavour that MLflow writes beside its own must name MLflow's own loader."""
    if foreign := sorted(set(flavours) - {found, "python_function"}):
        raise ForbiddenFile(f"{MLMODEL} has the flavour {str(foreign[0])[:80]!r} too; wanted {found} alone")
    if "python_function" not in flavours:
        return
    generic = _mapping(flavours, "python_function")
    loader = generic.get("loader_module")
    if loader != _LOADERS.get(found):
        raise ForbiddenFile(f"loader_module is {str(loader)[:80]!r}; wanted {_LOADERS.get(found, 'none')}")
    if generic.get("code"):
        raise ForbiddenFile(f"{MLMODEL} brings code, which is never run; wanted data alone")


def _signature(told: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    signature = told.get("signature")
    if not isinstance(signature, dict) or not isinstance(signature.get("inputs"), str):
        raise BadSignature(f"{MLMODEL} has no signature; wanted signature=... when it is logged: it names the features")
    try:
        inputs = json.loads(signature["inputs"])
    except (ValueError, RecursionError) as error:
        raise BadSignature(f"the signature in {MLMODEL} is no JSON") from error
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, dict) for one in inputs):
        raise BadSignature(f"the signature in {MLMODEL} names no inputs")
    return tuple(inputs)


def _example(told: Mapping[str, Any]) -> str:
    info = told.get("saved_input_example_info")
    if not isinstance(info, dict) or info.get("artifact_path") != EXAMPLE:
        return ""
    kind = info.get("type")
    if kind == "dataframe" and info.get("pandas_orient") == "split":
        return "dataframe"
    return "ndarray" if kind == "ndarray" else ""


def _mapping(told: object, key: str) -> Mapping[str, Any]:
    value = told.get(key) if isinstance(told, dict) else None
    if not isinstance(value, dict):
        raise BadSignature(f"{MLMODEL}: {key} is no mapping")
    return value
