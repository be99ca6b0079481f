"""Who holds which uploaded file, in SQLite; callers and subjects only as keyed hashes."""

import contextlib
import hmac
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from features.write_ahead import write_ahead
from service.secret_file import secret_of

_WAIT_SECONDS = 5
"""For a lock that another process holds."""
_TABLES = """
CREATE TABLE IF NOT EXISTS held (
    holder BLOB NOT NULL, digest TEXT NOT NULL, size_bytes INTEGER NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (holder, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_digest ON held (digest);
CREATE TABLE IF NOT EXISTS partial (
    file TEXT PRIMARY KEY, holder BLOB NOT NULL, digest TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    created REAL NOT NULL, touched REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS partial_holder ON partial (holder, digest);
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A finished file of one holder."""

    digest: str
    size_bytes: int
    created: float


@dataclass(frozen=True, slots=True)
class Partial:
    """An unfinished file of one holder."""

    file: str
    """Its name in the folder, random."""
    digest: str
    """That the whole file is to have."""
    size_bytes: int
    """Of the whole file."""
    created: float
    """When its first byte came, in seconds since 1970."""


class Index:
    """The tables of one store. One thread at a time: the store's lock sees to it."""

    def __init__(self, folder: Path) -> None:
        self._keyed = hmac.new(secret_of(folder / "key"), digestmod="sha256")
        self._rows = sqlite3.connect(
            folder / "index.db", timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None
        )
        write_ahead(self._rows, _WAIT_SECONDS)
        self._rows.execute("PRAGMA secure_delete=ON")
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        """Closes the file."""
        self._rows.close()

    def holder(self, caller: str, subject: str) -> bytes:
        """What stands for a caller and a subject: HMAC-SHA256; the length keeps (a, bc) and (ab, c) apart."""
        keyed = self._keyed.copy()
        keyed.update(f"{len(caller)}:{caller}:{subject}".encode())
        return keyed.digest()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._rows.execute("ROLLBACK")
            raise
        self._rows.execute("COMMIT")

    def held(self, holder: bytes) -> list[Held]:
        """All finished files of a holder."""
        rows = self._rows.execute("SELECT digest, size_bytes, created FROM held WHERE holder = ?", (holder,))
        return [Held(*row) for row in rows]

    def find(self, holder: bytes, digest: str) -> Held | None:
        """One finished file of a holder."""
        row = self._rows.execute(
            "SELECT digest, size_bytes, created FROM held WHERE holder = ? AND digest = ?", (holder, digest)
        ).fetchone()
        return Held(*row) if row else None

    def holders(self, digest: str) -> int:
        """How many hold a finished file."""
        return int(self._rows.execute("SELECT count(*) FROM held WHERE digest = ?", (digest,)).fetchone()[0])

    def hold(self, holder: bytes, file: Held) -> None:
        """Adds a holder of a finished file."""
        row = (holder, file.digest, file.size_bytes, file.created)
        self._rows.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?)", row)

    def release(self, holder: bytes) -> None:
        """Removes a holder from all finished files."""
        self._rows.execute("DELETE FROM held WHERE holder = ?", (holder,))

    def partials(self, holder: bytes, digest: str | None = None) -> list[Partial]:
        """Unfinished files of a holder, of one digest or all."""
        rows = self._rows.execute(
            "SELECT file, digest, size_bytes, created FROM partial WHERE holder = ? AND (? IS NULL OR digest = ?)",
            (holder, digest, digest),
        )
        return [Partial(*row) for row in rows]

    def add_partial(self, holder: bytes, partial: Partial, now: float) -> None:
        """Adds an unfinished file."""
        row = (partial.file, holder, partial.digest, partial.size_bytes, partial.created, now)
        self._rows.execute("INSERT INTO partial VALUES (?, ?, ?, ?, ?, ?)", row)

    def touch_partial(self, file: str, now: float) -> None:
        """Notes when bytes last came."""
        self._rows.execute("UPDATE partial SET touched = ? WHERE file = ?", (now, file))

    def drop_partial(self, file: str) -> None:
        """Forgets an unfinished file."""
        self._rows.execute("DELETE FROM partial WHERE file = ?", (file,))

    def untouched(self, before: float) -> list[str]:
        """Unfinished files to which nothing came since."""
        return [file for (file,) in self._rows.execute("SELECT file FROM partial WHERE touched < ?", (before,))]

    def files(self) -> tuple[set[str], set[str]]:
        """Digests of all finished files, and names of all unfinished ones."""
        held = {digest for (digest,) in self._rows.execute("SELECT DISTINCT digest FROM held")}
        return held, {file for (file,) in self._rows.execute("SELECT file FROM partial")}

    def wipe_log(self) -> None:
        """Takes deleted rows out of the write-ahead log as well."""
        self._rows.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
