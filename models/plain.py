"""Frozen dataclasses to plain JSON values and back, strictly: an unknown key or another type is refused."""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from models.errors import BrokenFile

Plain = Union[None, bool, int, float, str, list["Plain"], dict[str, "Plain"]]  # noqa: UP007 - it names itself
"""What JSON can hold."""
T = TypeVar("T")


def to_plain(value: object) -> Plain:
    """The JSON form of a dataclass, tuple, mapping or scalar."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(wanted: type[T], value: Plain, *, place: str) -> T:
    """A dataclass from its JSON form.

    Args:
        wanted: The dataclass.
        value: What JSON held.
        place: Where it stood, for the error.

    Raises:
        BrokenFile: A key is unknown or missing, a type is wrong, or a number is not finite.
    """
    return cast(T, _read(wanted, value, place))


def dumps(value: object) -> bytes:
    """JSON bytes of a dataclass; the same value gives the same bytes."""
    return json.dumps(to_plain(value), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def loads(content: bytes, *, place: str) -> Plain:
    """JSON bytes to plain values.

    Raises:
        BrokenFile: Not JSON in UTF-8, or it holds NaN, infinity or a key twice.
    """
    try:
        return cast(Plain, json.loads(content, parse_constant=_refuse, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        raise BrokenFile(f"{place} is not plain JSON", file=place) from error


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not a finite number")


def _once(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


@cache
def _fields(wanted: type) -> dict[str, Any]:
    hints = get_type_hints(wanted)
    return {field.name: hints[field.name] for field in dataclasses.fields(wanted)}


def _read(wanted: Any, value: Plain, place: str) -> object:  # noqa: ANN401 - a type, of any form
    origin = get_origin(wanted)
    if dataclasses.is_dataclass(wanted):
        return _read_dataclass(cast(type, wanted), value, place)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(wanted), value, place)
    if origin is Literal:
        return _require(value in get_args(wanted) and isinstance(value, str), value, wanted, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(value, "a list", place)
        return tuple(_read(get_args(wanted)[0], item, f"{place}[{index}]") for index, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _wrong(value, "an object", place)
        return {key: _read(get_args(wanted)[1], item, f"{place}.{key}") for key, item in value.items()}
    return _read_scalar(wanted, value, place)


def _read_dataclass(wanted: type, value: Plain, place: str) -> object:
    if not isinstance(value, dict):
        raise _wrong(value, "an object", place)
    fields = _fields(wanted)
    if set(fields) != set(value):
        missing, unknown = sorted(set(fields) - set(value)), sorted(set(value) - set(fields))
        raise BrokenFile(f"{place}: missing keys {missing}, unknown keys {unknown}", missing=missing, unknown=unknown)
    return wanted(**{name: _read(hint, value[name], f"{place}.{name}") for name, hint in fields.items()})


def _read_union(options: tuple[Any, ...], value: Plain, place: str) -> object:
    if value is None and type(None) in options:
        return None
    present = [option for option in options if option is not type(None)]
    for option in present[:-1]:
        try:
            return _read(option, value, place)
        except BrokenFile:
            continue
    return _read(present[-1], value, place)


def _read_scalar(wanted: Any, value: Plain, place: str) -> object:  # noqa: ANN401
    if wanted is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(cast(float, value)):
            raise _wrong(value, "a finite number", place)
        return float(cast(float, value))
    return _require(type(value) is wanted, value, wanted, place)


def _require(holds: bool, value: Plain, wanted: object, place: str) -> Plain:
    if not holds:
        raise _wrong(value, getattr(wanted, "__name__", str(wanted)), place)
    return value


def _wrong(value: Plain, wanted: str, place: str) -> BrokenFile:
    return BrokenFile(f"{place} holds {type(value).__name__}; wanted {wanted}", place_in_file=place, wanted=wanted)
