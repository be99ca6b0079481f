"""Where calls are recorded: one table whose rows hold on to each other, so that none can change, come or go unseen.

Each row carries the seal of the row before it and its own, HMAC-SHA256 of all it holds. The database itself refuses
to change or delete a row; who can switch that off still lacks the key.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Row, Select, Table, Text, select
from sqlalchemy.engine.interfaces import DBAPICursor

from models.database import Database
from models.errors import BadStore
from service.audit.call import Call, made_of, text_of
from service.audit.key import Key
from service.errors import SettingsError
from service.settings import Settings

BEFORE_THE_FIRST = "0" * 64
"""Stands for the seal before the first row."""
NAME = "audit_calls"
_NEWEST = f"SELECT sequence, seal FROM {NAME} ORDER BY sequence DESC LIMIT 1"  # noqa: S608 - our own name
"""As text, to the driver itself, and so is the other that each call waits for: to make it takes longer than to run."""

_TABLES = MetaData()
_CALLS = Table(
    NAME,
    _TABLES,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("caller", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("prediction_id", Text, nullable=False),
    Column("made", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("seal", Text, nullable=False),
    Index("audit_calls_id", "id"),
    Index("audit_calls_prediction", "prediction_id"),
    Index("audit_calls_subject", "subject"),
)
_KEPT = (
    *(
        (
            "sqlite",
            f"CREATE TRIGGER {NAME}_{what} BEFORE {what} ON {NAME} "
            "BEGIN SELECT RAISE(ABORT, 'rows of the audit are only added'); END",
        )
        for what in ("update", "delete")
    ),
    (
        "postgresql",
        f"CREATE OR REPLACE FUNCTION {NAME}_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of the audit are only added'; END $$",
    ),
    (
        "postgresql",
        f"CREATE TRIGGER {NAME}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {NAME} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {NAME}_kept()",
    ),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row as the store has it, whoever wrote it."""

    sequence: int
    id: str
    time_us: int
    caller: str
    method: str
    code: str
    reason: str
    subject: str
    prediction_id: str
    made: str
    """As `service.audit.call.text_of` writes it."""
    previous: str
    seal: str

    def call(self) -> Call:
        """What it says; ValueError where nothing of ours stands there."""
        return Call(
            id=self.id, time_us=self.time_us, caller=self.caller, method=self.method, code=self.code,
            reason=self.reason, subject=self.subject, prediction_id=self.prediction_id, made=made_of(self.made),
        )  # fmt: skip

    def own_seal(self, key: Key) -> str:
        """The seal that it should have. The number in the sequence is not in it: the links make the order."""
        return _seal_of(_SEALED(self), key)


@dataclass(frozen=True, slots=True)
class Head:
    """The last row that was written."""

    sequence: int
    seal: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are looked for; empty means any."""

    id: str = ""
    """Of the call or of the prediction."""
    caller: str = ""
    method: str = ""
    """Any part of it."""
    code: str = ""
    subject: str = ""
    """The pseudonym, as `Key.pseudonym` gives it."""
    model: str = ""
    """A name, or a digest."""
    file: str = ""
    """Keyed, as `Made.files` has it."""
    since_us: int | None = None
    until_us: int | None = None


class AuditStore:
    """The record at one address. Several processes may share it: it stays one chain."""

    def __init__(self, uri: str, key: Key, *, must_exist: bool = False) -> None:
        """Takes an address; raises BadStore where it is none."""
        self._database = Database(uri, _TABLES, _KEPT, must_exist=must_exist)
        self._key = key
        self._row = f"({', '.join([self._database.place] * len(_NAMES))})"

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine, and no server that may keep whoever asks it waiting."""
        return self._database.dialect == "sqlite"

    def close(self) -> None:
        """Ends its connections."""
        self._database.close()

    def append(self, calls: Sequence[Call]) -> Head:
        """Adds rows, all or none, and gives the last; none to see whether any would be taken.

        Raises:
            StoreUnavailable: They are not recorded.
        """
        with self._database.adding(NAME) as cursor:
            return self._add(cursor, calls)

    def append_at_once(self, make: Callable[[], Call | None]) -> Head | None:
        """Adds a row without waiting for who else writes, and gives it; where `is_file` only.

        Args:
            make: Called when nothing stands in the row's way any more; None where none is wanted after all.

        Raises:
            StoreUnavailable: It is not recorded.
            StoreBusy: Another process writes; `make` was not called.
        """
        with self._database.adding(NAME, wait=False) as cursor:
            call = make()
            return None if call is None else self._add(cursor, [call])

    def rows(self, wanted: Wanted | None = None, *, newest: int | None = None) -> Iterator[Recorded]:
        """Rows in their order; of those that fit only the newest, where a number is given."""
        query = _fitting(wanted or Wanted())
        with self._database.reading() as connection:
            if newest is not None:
                found = connection.execute(query.order_by(_CALLS.c.sequence.desc()).limit(newest)).all()
                yield from (_recorded(row) for row in reversed(found))
                return
            streamed = connection.execution_options(yield_per=1000).execute(query.order_by(_CALLS.c.sequence))
            for row in streamed:
                yield _recorded(row)

    def sealed_before(self, seal: str, sequence: int) -> Recorded | None:
        """The row with a seal that stands before a place."""
        query = select(_CALLS).where(_CALLS.c.seal == seal, _CALLS.c.sequence < sequence).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return _recorded(row) if row else None

    def _add(self, cursor: DBAPICursor, calls: Sequence[Call]) -> Head:
        cursor.execute(_NEWEST)
        row = cursor.fetchone()
        head = Head(*row) if row else Head(0, BEFORE_THE_FIRST)
        values: list[object] = []
        for call in calls:
            recorded = self._after(head, call)
            head = Head(recorded.sequence, recorded.seal)
            values += _VALUES(recorded)
        if calls:  # all in one statement: PostgreSQL is asked once, not once a row
            cursor.execute(f"{_INSERT} {', '.join([self._row] * len(calls))}", values)
        return head

    def _after(self, head: Head, call: Call) -> Recorded:
        told = (
            call.id, call.time_us, call.caller, call.method, call.code, call.reason, call.subject,
            call.prediction_id, text_of(call.made), head.seal,
        )  # fmt: skip
        return Recorded(head.sequence + 1, *told, _seal_of(told, self._key))


def audit_store(settings: Settings, key: Key, *, must_exist: bool = False) -> AuditStore:
    """The record of a service.

    Raises:
        SettingsError: An address of no database.
    """
    try:
        return AuditStore(settings.audit_address, key, must_exist=must_exist)
    except BadStore as error:
        raise SettingsError(f"audit_uri: {error}") from None


_NAMES = tuple(column.name for column in _CALLS.c)
_VALUES = attrgetter(*_NAMES)
_SEALED = attrgetter(*(name for name in _NAMES if name not in {"sequence", "seal"}))
_INSERT = f"INSERT INTO {NAME} ({', '.join(_NAMES)}) VALUES"


def _seal_of(told: tuple[object, ...], key: Key) -> str:
    """Of a row's values from `id` to `previous`."""
    return key.seal(json.dumps(told).encode())


def _recorded(row: Row[tuple[object, ...]]) -> Recorded:
    return Recorded(**row._mapping)


def _fitting(wanted: Wanted) -> Select[tuple[object, ...]]:
    query = select(_CALLS)
    if wanted.id:
        query = query.where((_CALLS.c.id == wanted.id) | (_CALLS.c.prediction_id == wanted.id))
    for column, value in ((_CALLS.c.caller, wanted.caller), (_CALLS.c.code, wanted.code)):
        if value:
            query = query.where(column == value)
    if wanted.subject:
        query = query.where(_CALLS.c.subject == wanted.subject)
    if wanted.method:
        query = query.where(_CALLS.c.method.contains(wanted.method, autoescape=True))
    for part in (wanted.model, wanted.file):
        if part:
            query = query.where(_CALLS.c.made.contains(json.dumps(part), autoescape=True))
    if wanted.since_us is not None:
        query = query.where(_CALLS.c.time_us >= wanted.since_us)
    if wanted.until_us is not None:
        query = query.where(_CALLS.c.time_us < wanted.until_us)
    return query
