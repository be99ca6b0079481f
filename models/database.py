"""The door to SQL: SQLite in a file by default, PostgreSQL by its address; one transaction writes at a time.

```
sqlite:////var/lib/radresponse/audit.db        postgresql://audit@db.example/radresponse
```
A record that several processes write to is kept in order by the database itself: a writing transaction takes
SQLite's write lock, or the locks that it asks PostgreSQL for, before it reads what it will add to.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from features.write_ahead import write_ahead
from models.errors import BadStore, StoreBusy, StoreUnavailable

WAIT_SECONDS = 5
"""For a database that does not answer, or a lock that another process holds."""
_SETTING_UP = 7_302_114_225_411
"""Any number, the same in every process: PostgreSQL's lock of those that make tables."""


class Database:
    """Tables at one address, made when they are first used. Safe to share between threads."""

    def __init__(
        self, uri: str, tables: MetaData, also: Sequence[tuple[str, str]] = (), *, must_exist: bool = False
    ) -> None:
        """Connects to nothing yet.

        Args:
            uri: SQLAlchemy's form; sqlite:/// or postgresql://.
            tables: What it holds.
            also: Statements that follow the tables' creation, each with its dialect (`sqlite`, `postgresql`).
            must_exist: Whether it is only used where it is there; nothing is made then.

        Raises:
            BadStore: No address of a database that we know.
        """
        self._tables = tables
        self._also = also
        self._must_exist = must_exist
        url = _url(uri)
        self.dialect = url.get_backend_name()
        self.place = "?" if self.dialect == "sqlite" else "%s"
        """Stands for a value in a statement that goes to the driver itself."""
        self._file = Path(url.database or "") if self.dialect == "sqlite" else None
        self._inode: int | None = None
        self._engine = _sqlite(url) if self._file else _postgresql(url)
        driver = self._engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error
        self._ready = False

    def close(self) -> None:
        """Ends its connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads.

        Raises:
            StoreUnavailable: The database is away.
        """
        with self._answering():
            self._prepare()
            with self._engine.connect() as connection:
                yield connection

    @contextmanager
    def writing(self, *locked: str) -> Iterator[Connection]:
        """A transaction that writes, all or nothing, while no other writes to the locked tables.

        Raises:
            StoreUnavailable: The database is away or full.
            StoreBusy: It is held by another for too long.
        """
        with self._answering():
            self._prepare()
            with self._engine.connect() as connection:
                connection.begin()
                if self.dialect == "sqlite":
                    connection.connection.cursor().execute("BEGIN IMMEDIATE")
                for table in locked if self.dialect == "postgresql" else ():
                    connection.execute(text(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE'))
                yield connection
                try:
                    connection.commit()
                except BaseException:  # SQLAlchemy takes it for ended, and the next would begin inside of it
                    with suppress(Exception):
                        connection.connection.rollback()
                    raise

    @contextmanager
    def adding(self, *locked: str, wait: bool = True) -> Iterator[DBAPICursor]:
        """As `writing`, by the driver's own cursor: what SQLAlchemy adds to a row costs a caller as much as the row.

        Args:
            locked: Tables.
            wait: Whether to wait for a lock that another holds; SQLite alone can do without.

        Raises:
            StoreUnavailable: As `writing`.
            StoreBusy: As `writing`, or at once.
        """
        with self._answering():
            self._prepare()
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                if self.dialect == "sqlite":
                    with nullcontext() if wait else _without_waiting(cursor):
                        cursor.execute("BEGIN IMMEDIATE")
                for table in locked if self.dialect == "postgresql" else ():
                    cursor.execute(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE')
                yield cursor
                connection.commit()
            except BaseException:
                with suppress(Exception):
                    connection.rollback()
                raise
            finally:
                connection.close()

    def wipe_log(self) -> None:
        """Takes deleted rows out of SQLite's write-ahead log as well."""
        if self.dialect == "sqlite":
            with self._answering(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _prepare(self) -> None:
        """Makes what is missing, once; notices a file that was taken away from under an open connection."""
        if self._file is not None:
            self._require_same_file(self._file)
        if self._ready:
            return
        if self._file is not None and self._must_exist and not self._file.is_file():
            raise StoreUnavailable("there is no such store; wanted the file of one")
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETTING_UP})
            there = set(inspect(connection).get_table_names())
            if not there >= set(self._tables.tables) and self._must_exist:
                raise StoreUnavailable("the database does not hold such a store")
            if not there >= set(self._tables.tables):
                self._tables.create_all(connection)
                for dialect, statement in self._also:
                    if dialect == self.dialect:
                        connection.exec_driver_sql(statement)
            connection.commit()
        if self._file is not None:
            self._inode = self._file.stat().st_ino
        self._ready = True

    def _require_same_file(self, file: Path) -> None:
        """SQLite goes on writing to a file that was deleted; what it writes is lost."""
        if self._inode is None:
            return
        try:
            same = file.stat().st_ino == self._inode
        except FileNotFoundError:
            same = False
        if not same:
            raise StoreUnavailable("the store's file is gone, or is another one than was opened")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, self._driver_error, OSError) as error:
            if _is_busy(error):
                raise StoreBusy("another writes to the store") from error
            raise StoreUnavailable(f"the store cannot be used ({type(error).__name__})") from error


def sqlite_uri(file: Path) -> str:
    """The address of a file."""
    return f"sqlite:///{file.absolute()}"


@contextmanager
def _without_waiting(cursor: DBAPICursor) -> Iterator[None]:
    """SQLite does not wait for a lock that another holds, meanwhile."""
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {1000 * WAIT_SECONDS}")


def _is_busy(error: Exception) -> bool:
    """Whether SQLite says that another holds its lock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _url(uri: str) -> URL:
    try:
        url = make_url(uri)
        name = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        name = ""
    if name not in {"sqlite", "postgresql"} or (name == "sqlite" and url.database in (None, "", ":memory:")):
        raise BadStore("no address of a database; wanted sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return url


def _sqlite(url: URL) -> Engine:
    # A connection ends what it began itself (`writing`, `reading`): once more for the pool is a statement too many.
    engine = create_engine(
        url, connect_args={"timeout": WAIT_SECONDS, "check_same_thread": False}, pool_reset_on_return=None
    )

    def opened(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say
        write_ahead(connection, WAIT_SECONDS)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        with suppress(OSError):
            Path(url.database or "").chmod(0o600)

    event.listen(engine, "connect", opened)
    return engine


def _postgresql(url: URL) -> Engine:
    milliseconds = WAIT_SECONDS * 1000
    given = {
        "connect_timeout": WAIT_SECONDS,
        "tcp_user_timeout": milliseconds,
        "options": f"-c lock_timeout={milliseconds} -c statement_timeout={6 * milliseconds}",
    }
    # A connection that broke while nobody used it is made anew.
    return create_engine(url.set(drivername="postgresql+psycopg2"), connect_args=given, pool_pre_ping=True)
