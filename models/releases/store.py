"""The store of releases and of what happened to them: SQLite by default, PostgreSQL by its address. Only added to."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    DDL,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from models.errors import BadStore, ReleasesUnavailable
from models.registry import DATA_FOLDER
from models.releases.event import Event, EventKind
from models.releases.release import SignedRelease

FILE = "releases.db"
"""In the data folder, where no address is given."""
_KINDS = ("sqlite", "postgresql", "postgresql+psycopg2")
_BUSY_SECONDS = 10
_SETTING_UP = 7_302_114_225_412
"""Any number, the same in every process: PostgreSQL's lock of those that make tables."""
_LARGEST_RELEASE = 16 * 2**20

_tables = MetaData()
_releases = Table(
    "radresponse_releases",
    _tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(256), nullable=False, index=True),
    Column("version", String(32), nullable=False),
    Column("content", LargeBinary(_LARGEST_RELEASE), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("key", String(64), nullable=False),
)
_events = Table(
    "radresponse_release_events",
    _tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name", String(256), nullable=False, index=True),
    Column("version", String(32), nullable=False),
    Column("by", String(256), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("alias", String(256), nullable=False),
    Column("detail", Text, nullable=False),
)
for _table in (_releases, _events):
    # A row that was written stays as it is: also against a slip with a database client.
    for _verb in ("UPDATE", "DELETE"):
        _sqlite = DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER IF NOT EXISTS {_table.name}_no_{_verb.lower()} BEFORE {_verb} ON {_table.name} "
            f"BEGIN SELECT RAISE(ABORT, 'releases are only added to'); END"
        )
        event.listen(_table, "after_create", _sqlite.execute_if(dialect="sqlite"))
        _postgres = DDL(  # type: ignore[no-untyped-call]
            "CREATE OR REPLACE FUNCTION radresponse_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'releases are only added to'; END $$; "
            f"CREATE TRIGGER {_table.name}_no_{_verb.lower()} BEFORE {_verb} ON {_table.name} "
            "FOR EACH ROW EXECUTE FUNCTION radresponse_only_added_to()"
        )
        event.listen(_table, "after_create", _postgres.execute_if(dialect="postgresql"))


class ReleaseStore:
    """Releases and events, oldest first. Safe to share between threads. Every call may raise ReleasesUnavailable."""

    def __init__(self, uri: str | None = None, *, data_folder: Path = DATA_FOLDER) -> None:
        """Takes an address of SQLAlchemy's (`sqlite:///...`, `postgresql://...`), else `releases.db` in the folder.

        Raises:
            BadStore: Another kind of address.
        """
        self.uri = uri or f"sqlite:///{data_folder.absolute() / FILE}"
        if (kind := self.uri.partition(":")[0]) not in _KINDS:
            raise BadStore(f"the store of releases is at an address of kind {kind[:32]!r}; wanted {', '.join(_KINDS)}")
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def add(self, release: SignedRelease) -> None:
        """Adds one; whoever can read the store can check it, and only a holder of a private key could have made it."""
        row = {
            "name": release.name,
            "version": release.version,
            "content": release.content,
            "signature": release.signature,
            "key": release.key,
        }
        with self._connected() as connection:
            connection.execute(insert(_releases).values(row))

    def newest(self, name: str, version: str) -> SignedRelease | None:
        """The release of a version that was added last; None where it was never admitted. Not verified."""
        return self.newest_of({name: version}).get(name)

    def newest_of(self, versions: Mapping[str, str]) -> dict[str, SignedRelease]:
        """The same for several models at once, version by name; a model without a release is left out."""
        asked = select(_releases).where(_releases.c.name.in_(sorted(versions))).order_by(_releases.c.id)
        with self._connected() as connection:
            rows = connection.execute(asked).mappings().all()
        return {row["name"]: _release(row) for row in rows if row["version"] == versions[row["name"]]}

    def releases(self, name: str = "") -> tuple[SignedRelease, ...]:
        """All of a model, or of every model, in the order in which they were added. Not verified."""
        asked = select(_releases).order_by(_releases.c.id)
        with self._connected() as connection:
            rows = connection.execute(asked.where(_releases.c.name == name) if name else asked).mappings().all()
        return tuple(_release(row) for row in rows)

    def record(self, happened: Event) -> None:
        """Adds one line to the history."""
        row = {
            "at": happened.at,
            "kind": happened.kind,
            "name": happened.name,
            "version": happened.version,
            "by": happened.by[:256],
            "digest": happened.digest,
            "alias": happened.alias[:256],
            "detail": happened.detail[:4096],
        }
        with self._connected() as connection:
            connection.execute(insert(_events).values(row))

    def events(self, name: str = "") -> tuple[Event, ...]:
        """Of a model, or of every model, in the order in which they were recorded."""
        asked = select(_events).order_by(_events.c.id)
        with self._connected() as connection:
            rows = connection.execute(asked.where(_events.c.name == name) if name else asked).mappings().all()
        return tuple(_event(row) for row in rows)

    def close(self) -> None:
        """Lets go of its connections; the next call makes new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """One transaction; what the database raises comes out as an error of this floor."""
        try:
            with self._ready().begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise ReleasesUnavailable(
                f"the store of releases does not answer ({type(error).__name__}); wanted SQLite or PostgreSQL"
            ) from error

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _engine(self.uri)
            return self._engine


def _engine(uri: str) -> Engine:
    try:
        if uri.startswith("sqlite:///"):
            Path(uri.removeprefix("sqlite:///")).absolute().parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(uri, connect_args={"timeout": _BUSY_SECONDS})
        else:
            # SQLAlchemy 2.1 takes another driver where none is named.
            driven = re.sub(r"^postgresql:", "postgresql+psycopg2:", uri)
            engine = create_engine(driven, pool_pre_ping=True, connect_args={"connect_timeout": _BUSY_SECONDS})
    except (ArgumentError, ImportError) as error:
        raise BadStore("the address of the store of releases cannot be read; wanted one of SQLAlchemy's") from error
    if not set(inspect(engine).get_table_names()) >= set(_tables.tables):
        _make_tables(engine)
    return engine


def _make_tables(engine: Engine) -> None:
    """One process or thread at a time: the others then find them made."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETTING_UP})
        _tables.create_all(connection)
        connection.commit()


def _release(row: Any) -> SignedRelease:  # noqa: ANN401 - SQLAlchemy's row
    return SignedRelease(row["name"], row["version"], bytes(row["content"]), bytes(row["signature"]), row["key"])


def _event(row: Any) -> Event:  # noqa: ANN401
    return Event(
        at=row["at"],
        kind=cast(EventKind, row["kind"]),
        name=row["name"],
        version=row["version"],
        by=row["by"],
        digest=row["digest"],
        alias=row["alias"],
        detail=row["detail"],
    )
