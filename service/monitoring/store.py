"""Where monitoring keeps what it needs: predictions that wait for their outcome, outcomes, and counts for drift.

Patients stand there as keyed holders. Counts are of twenty cases or more together, column by column, so that no
patient's values can be read from them; predictions and outcomes go with `DeleteSubject`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
)

from models.database import Database
from models.families.target import Task

_TABLES = MetaData()
_PREDICTIONS = Table(
    "monitored_predictions",
    _TABLES,
    Column("prediction_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("therapy", Text, primary_key=True),
    Column("holder", Text, nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("probability", Float),
    Column("curve", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False, index=True),
    Index("monitored_predictions_digest", "digest"),
)
_OUTCOMES = Table(
    "monitored_outcomes",
    _TABLES,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("holder", Text, nullable=False, index=True),
    Column("therapy", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("reported_us", BigInteger, nullable=False),
)
_COUNTS = Table(
    "monitored_counts",
    _TABLES,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("digest", Text, nullable=False, index=True),
    Column("cases", Integer, nullable=False),
    Column("counts", Text, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Predicted:
    """What one version said of one patient under one therapy."""

    name: str
    version: str
    digest: str
    task: Task
    therapy: str
    """Empty for a model that knows none."""
    probability: float | None
    curve: tuple[tuple[int, float], ...] = ()
    """Day and survival; none for an outcome."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a patient."""

    task: Task
    therapy: str
    """That was given."""
    day: int
    """Since the baseline image: of the event, or of the last look."""
    event: bool
    """Response, or progression; False for no response, or for no progression until then."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A prediction with what became of the patient."""

    predicted: Predicted
    outcome: Outcome


Counts = Mapping[str, Sequence[int]]
"""By `input:<column>` and `prediction:<therapy>`: how many fell into each class; the last number had no value."""


class MonitoringStore:
    """At one address; several services may share it. Every call may raise StoreUnavailable."""

    def __init__(self, uri: str, *, must_exist: bool = False) -> None:
        """Takes an address; raises BadStore where it is none."""
        self._database = Database(uri, _TABLES, must_exist=must_exist)

    def close(self) -> None:
        """Ends its connections."""
        self._database.close()

    def add_predictions(self, made: Iterable[tuple[str, str, int, Sequence[Predicted]]]) -> None:
        """Keeps predictions until their outcome comes: number, holder, microseconds since 1970, and each model's."""
        with self._database.writing() as connection:
            for prediction_id, holder, made_us, predictions in made:
                known = select(_PREDICTIONS.c.name).where(_PREDICTIONS.c.prediction_id == prediction_id).limit(1)
                if connection.execute(known).first() is None and predictions:
                    rows = [_row(prediction_id, holder, made_us, one) for one in predictions]
                    connection.execute(insert(_PREDICTIONS), rows)

    def add_counts(self, digest: str, cases: int, counts: Counts, ended_us: int) -> None:
        """Adds the counts of several cases together."""
        text = json.dumps({name: list(of) for name, of in counts.items()})
        row = {"digest": digest, "cases": cases, "counts": text, "ended_us": ended_us}
        with self._database.writing() as connection:
            connection.execute(insert(_COUNTS), row)

    def predictions(self, prediction_id: str, holder: str) -> tuple[Predicted, ...]:
        """What is kept under a number for a holder."""
        query = select(_PREDICTIONS).where(
            _PREDICTIONS.c.prediction_id == prediction_id, _PREDICTIONS.c.holder == holder
        )
        with self._database.reading() as connection:
            return tuple(_predicted(dict(row._mapping)) for row in connection.execute(query))

    def report(self, prediction_id: str, holder: str, outcome: Outcome, reported_us: int) -> bool:
        """Keeps an outcome; gives whether it stands in the place of one that was reported before."""
        same = and_(_OUTCOMES.c.prediction_id == prediction_id, _OUTCOMES.c.task == outcome.task)
        row = {
            "prediction_id": prediction_id,
            "task": outcome.task,
            "holder": holder,
            "therapy": outcome.therapy,
            "day": outcome.day,
            "event": int(outcome.event),
            "reported_us": reported_us,
        }
        with self._database.writing(_OUTCOMES.name) as connection:
            replaced = connection.execute(delete(_OUTCOMES).where(same)).rowcount > 0
            connection.execute(insert(_OUTCOMES), row)
        return replaced

    def pairs(self, digest: str) -> tuple[Pair, ...]:
        """Predictions of a version with their outcomes; of one patient the one that was reported last."""
        joined = and_(
            _PREDICTIONS.c.prediction_id == _OUTCOMES.c.prediction_id,
            _PREDICTIONS.c.task == _OUTCOMES.c.task,
            _PREDICTIONS.c.therapy.in_([_OUTCOMES.c.therapy, ""]),
        )
        query = (
            select(_PREDICTIONS, _OUTCOMES.c.therapy.label("given"), _OUTCOMES.c.day, _OUTCOMES.c.event)
            .join(_OUTCOMES, joined)
            .where(_PREDICTIONS.c.digest == digest)
            .order_by(_OUTCOMES.c.reported_us, _PREDICTIONS.c.prediction_id)
        )
        by_holder: dict[str, Pair] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                of = dict(row._mapping)
                predicted = _predicted(of)
                outcome = Outcome(predicted.task, of["given"], of["day"], bool(of["event"]))
                by_holder[of["holder"]] = Pair(predicted, outcome)
        return tuple(by_holder.values())

    def counts(self, digest: str, newest: int) -> tuple[int, dict[str, list[int]]]:
        """How many cases, and their counts added up, of as many of the newest cases as reach a number."""
        cases, total = 0, dict[str, list[int]]()
        query = select(_COUNTS).where(_COUNTS.c.digest == digest).order_by(_COUNTS.c.id.desc())
        with self._database.reading() as connection:
            for row in connection.execute(query):
                if cases >= newest:
                    break
                cases += row.cases
                for name, counts in json.loads(row.counts).items():
                    before = total.get(name, [0] * len(counts))
                    total[name] = [one + other for one, other in zip(before, counts, strict=True)]
        return cases, total

    def versions(self) -> tuple[tuple[str, str, str], ...]:
        """Name, version and digest of all that predicted, the newest of a name last."""
        columns = (_PREDICTIONS.c.name, _PREDICTIONS.c.version, _PREDICTIONS.c.digest)
        first = func.min(_PREDICTIONS.c.made_us)
        with self._database.reading() as connection:
            rows = connection.execute(select(*columns).group_by(*columns).order_by(_PREDICTIONS.c.name, first))
            return tuple((row.name, row.version, row.digest) for row in rows)

    def forget(self, holder: str) -> int:
        """Removes predictions and outcomes of a holder; gives how many."""
        with self._database.writing() as connection:
            gone = sum(
                connection.execute(delete(table).where(table.c.holder == holder)).rowcount
                for table in (_PREDICTIONS, _OUTCOMES)
            )
        if gone:
            self._database.wipe_log()
        return gone

    def tidy(self, before_us: int) -> None:
        """Removes predictions that were made before a moment and whose outcome never came."""
        old = and_(
            _PREDICTIONS.c.made_us < before_us,
            _PREDICTIONS.c.prediction_id.not_in(select(_OUTCOMES.c.prediction_id)),
        )
        with self._database.writing() as connection:
            connection.execute(delete(_PREDICTIONS).where(old))


def _row(prediction_id: str, holder: str, made_us: int, one: Predicted) -> dict[str, object]:
    return {
        "prediction_id": prediction_id,
        "name": one.name,
        "therapy": one.therapy,
        "holder": holder,
        "version": one.version,
        "digest": one.digest,
        "task": one.task,
        "probability": one.probability,
        "curve": json.dumps(one.curve),
        "made_us": made_us,
    }


def _predicted(of: Mapping[str, object]) -> Predicted:
    curve = tuple((int(day), float(survival)) for day, survival in json.loads(str(of["curve"])))
    probability = of["probability"]
    return Predicted(
        name=str(of["name"]),
        version=str(of["version"]),
        digest=str(of["digest"]),
        task="outcome" if of["task"] == "outcome" else "progression",
        therapy=str(of["therapy"]),
        probability=float(probability) if isinstance(probability, int | float) else None,
        curve=curve,
    )
