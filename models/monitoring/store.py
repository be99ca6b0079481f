"""Where monitoring keeps what it needs: predictions that wait for their outcome, outcomes, and counts for drift.

Patients stand there as keyed holders. Counts are of twenty cases or more together, column by column, so that no
patient's values can be read from them; predictions and outcomes go with `DeleteSubject`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, select

from models.database import Database
from models.families.target import Task
from models.monitoring.outcome import Outcome
from models.monitoring.shadowed import Beside, Shadowed, beside_of, reading, rows_of, same
from models.monitoring.tables import COUNTS, OUTCOMES, PREDICTIONS, SHADOWED, TABLES


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
class Pair:
    """A prediction with what became of the patient."""

    predicted: Predicted
    outcome: Outcome


Counts = Mapping[str, Sequence[int]]
"""By `input:<column>` and `prediction:<therapy>`: how many fell into each class; the last number had no value."""


_ASKED_AT_ONCE = 500
"""Numbers of one query."""


class MonitoringStore:
    """At one address; several services may share it. Every call may raise StoreUnavailable."""

    def __init__(self, uri: str, *, must_exist: bool = False) -> None:
        """Takes an address; raises BadStore where it is none."""
        self._database = Database(uri, TABLES, must_exist=must_exist)

    def close(self) -> None:
        """Ends its connections."""
        self._database.close()

    def add_predictions(self, made: Iterable[tuple[str, str, int, Sequence[Predicted]]]) -> None:
        """Keeps predictions until their outcome comes: number, holder, microseconds since 1970, and each model's.

        One that is kept already, under the same number, stays as it is.
        """
        fresh: dict[str, tuple[str, int, Sequence[Predicted]]] = {}
        for prediction_id, holder, made_us, predictions in made:
            if predictions:
                fresh.setdefault(prediction_id, (holder, made_us, predictions))
        numbers = list(fresh)
        with self._database.writing() as connection:
            for start in range(0, len(numbers), _ASKED_AT_ONCE):
                asked = numbers[start : start + _ASKED_AT_ONCE]
                known = select(PREDICTIONS.c.prediction_id).where(PREDICTIONS.c.prediction_id.in_(asked)).distinct()
                for (number,) in connection.execute(known):
                    del fresh[number]
            rows = [
                _row(number, holder, made_us, one)
                for number, (holder, made_us, predictions) in fresh.items()
                for one in predictions
            ]
            if rows:
                connection.execute(insert(PREDICTIONS), rows)

    def add_shadowed(self, prediction_id: str, holder: str, made_us: int, pairs: Iterable[Shadowed]) -> None:
        """Keeps what a challenger said beside the champion, each once."""
        with self._database.writing() as connection:
            for row in rows_of(prediction_id, holder, made_us, pairs):
                if connection.execute(select(SHADOWED.c.id).where(same(row)).limit(1)).first() is None:
                    connection.execute(insert(SHADOWED), row)

    def beside(self, name: str = "") -> tuple[Beside, ...]:
        """Answers of champion and challenger to the same questions, of one model or of all, oldest first."""
        with self._database.reading() as connection:
            return tuple(beside_of(dict(row._mapping)) for row in connection.execute(reading(name)))

    def add_counts(self, digest: str, cases: int, counts: Counts, ended_us: int) -> None:
        """Adds the counts of several cases together."""
        text = json.dumps({name: list(of) for name, of in counts.items()})
        row = {"digest": digest, "cases": cases, "counts": text, "ended_us": ended_us}
        with self._database.writing() as connection:
            connection.execute(insert(COUNTS), row)

    def predictions(self, prediction_id: str, holder: str) -> tuple[Predicted, ...]:
        """What is kept under a number for a holder."""
        query = select(PREDICTIONS).where(PREDICTIONS.c.prediction_id == prediction_id, PREDICTIONS.c.holder == holder)
        with self._database.reading() as connection:
            return tuple(_predicted(dict(row._mapping)) for row in connection.execute(query))

    def report(self, prediction_id: str, holder: str, outcome: Outcome, reported_us: int) -> bool:
        """Keeps an outcome; gives whether it stands in the place of one that was reported before."""
        same = and_(OUTCOMES.c.prediction_id == prediction_id, OUTCOMES.c.task == outcome.task)
        row = {
            "prediction_id": prediction_id,
            "task": outcome.task,
            "holder": holder,
            "therapy": outcome.therapy,
            "day": outcome.day,
            "event": int(outcome.event),
            "reported_us": reported_us,
        }
        with self._database.writing(OUTCOMES.name) as connection:
            replaced = connection.execute(delete(OUTCOMES).where(same)).rowcount > 0
            connection.execute(insert(OUTCOMES), row)
        return replaced

    def pairs(self, digest: str) -> tuple[Pair, ...]:
        """Predictions of a version with their outcomes; of one patient the one that was reported last."""
        joined = and_(
            PREDICTIONS.c.prediction_id == OUTCOMES.c.prediction_id,
            PREDICTIONS.c.task == OUTCOMES.c.task,
            PREDICTIONS.c.therapy.in_([OUTCOMES.c.therapy, ""]),
        )
        query = (
            select(PREDICTIONS, OUTCOMES.c.therapy.label("given"), OUTCOMES.c.day, OUTCOMES.c.event)
            .join(OUTCOMES, joined)
            .where(PREDICTIONS.c.digest == digest)
            .order_by(OUTCOMES.c.reported_us, PREDICTIONS.c.prediction_id)
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
        query = select(COUNTS).where(COUNTS.c.digest == digest).order_by(COUNTS.c.id.desc())
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
        columns = (PREDICTIONS.c.name, PREDICTIONS.c.version, PREDICTIONS.c.digest)
        first = func.min(PREDICTIONS.c.made_us)
        with self._database.reading() as connection:
            rows = connection.execute(select(*columns).group_by(*columns).order_by(PREDICTIONS.c.name, first))
            return tuple((row.name, row.version, row.digest) for row in rows)

    def forget(self, holder: str) -> int:
        """Removes predictions and outcomes of a holder; gives how many."""
        with self._database.writing() as connection:
            gone = sum(
                connection.execute(delete(table).where(table.c.holder == holder)).rowcount
                for table in (PREDICTIONS, OUTCOMES, SHADOWED)
            )
        if gone:
            self._database.wipe_log()
        return gone

    def tidy(self, before_us: int) -> None:
        """Removes predictions, and a challenger's, that were made before a moment and whose outcome never came."""
        with self._database.writing() as connection:
            for table in (PREDICTIONS, SHADOWED):
                unknown = table.c.prediction_id.not_in(select(OUTCOMES.c.prediction_id))
                connection.execute(delete(table).where(and_(table.c.made_us < before_us, unknown)))


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
