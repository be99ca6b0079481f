"""What the metadata `radresponse.*` of a brought version say of it, and its signature; checked once, at birth."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast, get_args

from features.errors import UnknownColumn
from features.names import EmbeddingColumn, RadiomicsColumn, parse
from models.errors import BadSignature
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import Task
from models.manifest import Metric

Flavour = Literal["xgboost", "onnx", "lifelines"]
PREFIX = "radresponse."
KEYS = frozenset({
    "task", "endpoint", "time_unit", "therapies", "columns", "profile", "encoder", "categories", "units", "times",
    "baseline", "evidence",
})  # fmt: skip
DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Length of each unit that times may have."""
EVIDENCE = ("simulated", "randomised", "observational")
MOST_COLUMNS = 4096
MOST_TIMES = 400

_IDENTITY = re.compile(r"[0-9a-f]{64}")
_NUMBERS = frozenset({"double", "float", "long", "integer", "boolean"})


@dataclass(frozen=True, slots=True)
class Baseline:
    """A cumulative baseline hazard, of a patient whose log-hazard ratio is 0."""

    days: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """All that is known of a brought version beside its numbers."""

    family: Flavour
    """What reads its data."""
    task: Task
    endpoint: str
    columns: tuple[ColumnSpec, ...]
    """In order; `therapy` is not among them."""
    order: tuple[str, ...]
    """The columns as the engine takes them, `therapy` among them where it takes it."""
    therapies: tuple[str, ...]
    time_days: tuple[int, ...]
    """On which the survival curve is asked for; empty where none was declared."""
    days_per_unit: float
    baseline: Baseline | None
    profile: str
    """YAML text; empty where none is needed."""
    encoder: str
    evidence: str
    """`not stated` where it does not say."""

    metrics: tuple[Metric, ...] = ()
    training_patients: int = 0

    def __post_init__(self) -> None:
        kinds = [_parsed(name) for name in self.order]
        if any(isinstance(kind, RadiomicsColumn) for kind in kinds) and not self.profile:
            raise BadSignature(
                f"the model takes radiomic features and brings no profile by which they are taken; "
                f"wanted {PREFIX}profile"
            )
        if any(isinstance(kind, EmbeddingColumn) for kind in kinds) and not _IDENTITY.fullmatch(self.encoder):
            raise BadSignature(
                f"the model takes embeddings and does not say of which encoder; wanted its identity as {PREFIX}encoder"
            )
        if (THERAPY in self.order) != bool(self.therapies):
            raise BadSignature(
                f"a column {THERAPY} and the list {PREFIX}therapies: one is there, one is not; wanted both or none"
            )

    @property
    def simulated(self) -> bool:
        """Whether it says that its patients were simulated."""
        return self.evidence == "simulated"


def declare(
    family: Flavour, metadata: Mapping[str, Any], columns: Sequence[ColumnSpec], order: Sequence[str]
) -> Declared:
    """From what `MLmodel` holds.

    Args:
        family: What reads its data.
        metadata: Of `MLmodel`; keys outside `radresponse.` are left aside.
        columns: Of the signature, `therapy` among them where it is a column.
        order: Names, as the engine takes them.

    Raises:
        BadSignature: A key that is unknown, missing or impossible.
    """
    told = {key.removeprefix(PREFIX): value for key, value in metadata.items() if key.startswith(PREFIX)}
    if unknown := sorted(set(told) - KEYS):
        raise BadSignature(f"{PREFIX}{unknown[0][:64]} is no key that is known; known: {', '.join(sorted(KEYS))}")
    task = told.get("task")
    if task not in get_args(Task):
        raise BadSignature(f"{PREFIX}task is {str(task)[:32]!r}; wanted outcome or progression, in the metadata")
    unit = told.get("time_unit", "days")
    if unit not in DAYS:
        raise BadSignature(f"{PREFIX}time_unit is {str(unit)[:32]!r}; wanted {', '.join(DAYS)}")
    if len(set(order)) != len(order) or not 0 < len(order) <= MOST_COLUMNS:
        raise BadSignature(f"{len(order)} columns, or one of them twice; wanted 1 to {MOST_COLUMNS}")
    evidence = told.get("evidence", "not stated")
    if evidence not in (*EVIDENCE, "not stated"):
        raise BadSignature(f"{PREFIX}evidence is {str(evidence)[:32]!r}; wanted {', '.join(EVIDENCE)}")
    baseline = _baseline(told.get("baseline"), DAYS[unit])
    times = tuple(_numbers(told.get("times", ()), "times"))
    days = _days(times, DAYS[unit]) or (_days(_within(baseline.days), 1.0) if baseline else ())
    if task == "outcome" and (days or baseline):
        raise BadSignature(f"{PREFIX}times and {PREFIX}baseline belong to a progression; the task is outcome")
    return Declared(
        family=family,
        task=cast(Task, task),
        endpoint=_text(told.get("endpoint", ""), "endpoint") or ("response" if task == "outcome" else "progression"),
        columns=tuple(_described(columns, told)),
        order=tuple(order),
        therapies=tuple(_words(told.get("therapies", ()), "therapies")),
        time_days=days,
        days_per_unit=DAYS[unit],
        baseline=baseline,
        profile=_text(told.get("profile", ""), "profile", 64 * 1024),
        encoder=_text(told.get("encoder", ""), "encoder"),
        evidence=evidence,
    )


def columns_of(signature: Sequence[Mapping[str, Any]]) -> tuple[ColumnSpec, ...]:
    """The columns of a signature of named columns, in order.

    Raises:
        BadSignature: A column without a name, of another type, or outside the grammar.
    """
    specs = []
    for column in signature:
        name, kind = column.get("name"), column.get("type")
        if not isinstance(name, str) or not name:
            raise BadSignature("a column of the signature has no name; wanted names of features")
        if kind not in (*_NUMBERS, "string"):
            raise BadSignature(f"column {name[:80]} is of type {str(kind)[:32]!r}; wanted a number or a string")
        _parsed(name)
        required = column.get("required", True) is not False
        specs.append(ColumnSpec(name, "category" if kind == "string" else "number", required=required))
    return tuple(specs)


def _described(columns: Sequence[ColumnSpec], told: Mapping[str, Any]) -> list[ColumnSpec]:
    """The columns but the therapy, with categories and units as far as they are told."""
    categories = {name: tuple(_words(of, "categories")) for name, of in _mapping(told, "categories").items()}
    units = {name: _text(of, "units") for name, of in _mapping(told, "units").items()}
    names = {spec.name for spec in columns}
    if strangers := sorted((categories.keys() | units.keys()) - names):
        raise BadSignature(f"{PREFIX}categories or {PREFIX}units name {strangers[0][:80]}, which is no column")
    found = []
    for spec in columns:
        if spec.name == THERAPY:
            continue
        of = categories.get(spec.name, spec.categories)
        if spec.kind == "category" and not of:
            raise BadSignature(
                f"column {spec.name[:80]} is a text, and its categories are not told; wanted them as "
                f"{PREFIX}categories, in the order of the numbers 0, 1, ... that stand for them"
            )
        kind: Literal["number", "category"] = "category" if of else "number"
        found.append(ColumnSpec(spec.name, kind, units.get(spec.name, ""), of, required=spec.required))
    return found


def _parsed(name: str) -> object:
    try:
        return parse(name)
    except UnknownColumn as error:
        raise BadSignature(str(error), column=name[:80]) from error


def _baseline(value: object, days_per_unit: float) -> Baseline | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"times", "cumulative_hazard"}:
        raise BadSignature(f"{PREFIX}baseline does not hold exactly times and cumulative_hazard")
    times, hazard = _numbers(value["times"], "baseline"), _numbers(value["cumulative_hazard"], "baseline")
    rising = all(a < b for a, b in pairwise(times))
    growing = all(a <= b for a, b in pairwise(hazard))
    if not (len(times) == len(hazard) > 0 and rising and growing and times[0] >= 0 and hazard[0] >= 0):
        raise BadSignature(f"{PREFIX}baseline is no cumulative hazard over ascending times")
    return Baseline(tuple(time * days_per_unit for time in times), tuple(hazard))


def _within(days: Sequence[float]) -> Sequence[float]:
    """At most 61 evenly spaced days up to the last."""
    return [days[-1] * step / 60 for step in range(1, 61)]


def _days(times: Sequence[float], days_per_unit: float) -> tuple[int, ...]:
    """Whole days, ascending from 0."""
    if not times:
        return ()
    if any(a >= b for a, b in pairwise(times)) or times[0] < 0 or len(times) > MOST_TIMES:
        raise BadSignature(f"{PREFIX}times do not ascend from 0, or are more than {MOST_TIMES}")
    days = sorted({0, *(round(time * days_per_unit) for time in times)})
    if len(days) < 2 or days[-1] > 100 * 366:
        raise BadSignature(f"{PREFIX}times end after {days[-1]} days; wanted 1 day to 100 years")
    return tuple(days)


def _numbers(value: object, key: str) -> list[float]:
    whole = isinstance(value, list | tuple) and len(value) <= 100_000
    if not whole or not all(type(item) in (int, float) and abs(item) < 1e15 for item in cast(Sequence[Any], value)):
        raise BadSignature(f"{PREFIX}{key} holds something that is no finite number; wanted a list of numbers")
    return [float(item) for item in cast(Sequence[float], value)]


def _words(value: object, key: str) -> Sequence[str]:
    whole = isinstance(value, list | tuple) and len(value) <= 1000
    if not whole or not all(isinstance(item, str) and 0 < len(item) <= 256 for item in cast(Sequence[object], value)):
        raise BadSignature(f"{PREFIX}{key} is no list of words; wanted 1 to 256 characters each")
    words = cast(Sequence[str], value)
    if len(set(words)) != len(words):
        raise BadSignature(f"{PREFIX}{key} names a word twice")
    return words


def _mapping(told: Mapping[str, Any], key: str) -> Mapping[str, object]:
    value = told.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadSignature(f"{PREFIX}{key} is no mapping by column name")
    return cast(Mapping[str, object], value)


def _text(value: object, key: str, longest: int = 1000) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise BadSignature(f"{PREFIX}{key} is no text of at most {longest} characters")
    return value
