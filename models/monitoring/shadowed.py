"""What a challenger said beside the champion: both answers to one question, kept until the patient is deleted.

Nothing of a patient stands there but what monitoring has as well: a keyed holder, by which it is deleted, and the
number of the prediction, by which its outcome is found.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, select

from models.families.target import Task
from models.monitoring.outcome import Outcome
from models.monitoring.tables import OUTCOMES, SHADOWED


@dataclass(frozen=True, slots=True)
class Said:
    """One version's answer."""

    version: str
    digest: str
    probability: float | None
    curve: tuple[tuple[int, float], ...] = ()
    """Day and survival; none for an outcome."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Two answers to one question about one therapy."""

    name: str
    task: Task
    therapy: str
    champion: Said
    challenger: Said


@dataclass(frozen=True, slots=True)
class Beside:
    """The same, as read back."""

    holder: str
    both: Shadowed
    outcome: Outcome | None
    """Where it was reported for that therapy."""


def rows_of(prediction_id: str, holder: str, made_us: int, pairs: Iterable[Shadowed]) -> list[dict[str, object]]:
    """As they are kept."""
    return [
        {
            "prediction_id": prediction_id, "holder": holder, "name": one.name, "task": one.task,
            "therapy": one.therapy, "made_us": made_us,
            **_columns("champion", one.champion), **_columns("challenger", one.challenger),
        }
        for one in pairs
    ]  # fmt: skip


def same(row: Mapping[str, object]) -> ColumnElement[bool]:
    """Finds a row that is there already."""
    return and_(*(SHADOWED.c[key] == row[key] for key in ("prediction_id", "name", "therapy", "challenger_digest")))


def reading(name: str) -> Select[tuple[object, ...]]:
    """The query of `beside_of`; of one model, or of all for an empty name."""
    joined = and_(
        SHADOWED.c.prediction_id == OUTCOMES.c.prediction_id,
        SHADOWED.c.task == OUTCOMES.c.task,
        SHADOWED.c.therapy.in_([OUTCOMES.c.therapy, ""]),
    )
    query = select(
        SHADOWED, OUTCOMES.c.therapy.label("given"), OUTCOMES.c.day.label("day"), OUTCOMES.c.event.label("event")
    ).outerjoin(OUTCOMES, joined)
    return (query.where(SHADOWED.c.name == name) if name else query).order_by(SHADOWED.c.id)


def beside_of(row: Mapping[str, object]) -> Beside:
    """One line of that query."""
    task: Task = "outcome" if row["task"] == "outcome" else "progression"
    outcome = None
    if row["day"] is not None:
        outcome = Outcome(task, str(row["given"]), int(str(row["day"])), bool(row["event"]))
    both = Shadowed(str(row["name"]), task, str(row["therapy"]), _said("champion", row), _said("challenger", row))
    return Beside(str(row["holder"]), both, outcome)


def _columns(which: str, said: Said) -> dict[str, object]:
    return {
        which: said.version,
        f"{which}_digest": said.digest,
        f"{which}_probability": said.probability,
        f"{which}_curve": json.dumps(said.curve),
    }


def _said(which: str, row: Mapping[str, object]) -> Said:
    probability = row[f"{which}_probability"]
    curve = tuple((int(day), float(survival)) for day, survival in json.loads(str(row[f"{which}_curve"])))
    return Said(
        str(row[which]),
        str(row[f"{which}_digest"]),
        float(probability) if isinstance(probability, int | float) else None,
        curve,
    )
