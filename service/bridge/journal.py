"""What the bridge has asked, is asking and has given up: a SQLite file, by keyed hashes; nothing of a patient in it.

One bridge works on a journal at a time; a lock that the operating system drops with the process sees to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Column, Float, Integer, MetaData, Row, Select, Table, Text, delete, insert, select, update

from models.database import Database, sqlite_uri
from service.errors import SettingsError

WAITING, ASKING, DONE, DEAD = "waiting", "asking", "done", "dead"
"""To be asked, or asked again; being asked, or left so by a crash; answered and stored; given up."""
FORGET_DAYS = 90
"""After which a question that no archive shows any more is forgotten."""
_DAY_SECONDS = 86_400.0

_TABLES = MetaData()
_ROWS = Table(
    "bridge_questions",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("steady_since", Float, nullable=False),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("next_try", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("asked_of", Text, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("prediction_id", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One question as the journal has it; times in seconds since 1970."""

    id: str
    """HMAC-SHA256 of rule and UIDs."""
    rule: str
    state: str
    instances: int
    steady_since: float
    first_seen: float
    last_seen: float
    changed: float
    next_try: float
    attempts: int
    """That failed, since it last was answered."""
    reason: str
    message: str
    """Why it was given up, or failed last; as the service said it, which names no patient."""
    asked_of: str
    """Digest of rule and releases that answered; empty before the first answer."""
    stored: int
    """Objects of the last answer in the archive."""
    prediction_id: str
    """Of the last answer, as the service's record of calls has it."""


class Journal:
    """All of them."""

    def __init__(self, file: Path) -> None:
        """Opens the file, which is made where there is none, for reading; `hold` before the first change."""
        self._database = Database(sqlite_uri(file), _TABLES)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(f"{file}.lock", timeout=0, mode=0o600)

    def hold(self) -> None:
        """Keeps other bridges away until this one is closed, or its process ends.

        Raises:
            SettingsError: Another works on it.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise SettingsError("another bridge works on this journal; wanted one, or a journal for each") from None

    def close(self) -> None:
        """Lets others in."""
        self._lock.release()
        self._database.close()

    def see(self, key: str, rule: str, instances: int, now: float) -> Entry:
        """Notes that a question is there, and whether its series have grown.

        Raises:
            StoreUnavailable: The file cannot be used; as of all methods here.
        """
        known = self.entry(key)
        with self._database.writing() as rows:
            if known is None:
                fresh = Entry(key, rule, WAITING, instances, now, now, now, now, now, 0, "", "", "", 0, "")
                rows.execute(insert(_ROWS).values({name: getattr(fresh, name) for name in Entry.__slots__}))
                return fresh
            change: dict[str, object] = {"last_seen": now}
            if instances != known.instances:
                change |= {"instances": instances, "steady_since": now}
            rows.execute(update(_ROWS).where(_ROWS.c.id == key).values(change))
        return self._there(key)

    def begin(self, key: str, now: float) -> None:
        """It is asked now: where the process ends before it is answered, it will be asked again."""
        self._change(key, state=ASKING, changed=now)

    def done(self, key: str, now: float, *, asked_of: str, stored: int, prediction_id: str) -> None:
        """It was answered, and the results are in the archive."""
        self._change(
            key, state=DONE, changed=now, attempts=0, reason="", message="", asked_of=asked_of, stored=stored,
            prediction_id=prediction_id,
        )  # fmt: skip

    def postpone(self, key: str, now: float, *, next_try: float, reason: str, message: str, failed: bool) -> Entry:
        """It was not answered, and will be asked again.

        Args:
            key: Which.
            now: When.
            next_try: Not before.
            reason: For machines.
            message: For people.
            failed: Whether that counts against it; not where the service or the archive is away.
        """
        attempts = self._there(key).attempts + int(failed)
        self._change(
            key, state=WAITING, changed=now, next_try=next_try, attempts=attempts, reason=reason, message=message
        )
        return self._there(key)

    def give_up(self, key: str, now: float, *, reason: str, message: str) -> None:
        """It will not be asked again until a person says so."""
        attempts = self._there(key).attempts + 1
        self._change(key, state=DEAD, changed=now, attempts=attempts, reason=reason, message=message)

    def revive(self, keys: Sequence[str], now: float) -> int:
        """Puts given-up questions back, all where none is named; by the first characters of their id.

        Returns:
            How many.
        """
        dead = [one.id for one in self.entries(DEAD) if not keys or any(one.id.startswith(key) for key in keys)]
        for key in dead:
            self._change(key, state=WAITING, changed=now, next_try=now, attempts=0)
        return len(dead)

    def forget(self, now: float) -> None:
        """Drops what no archive has shown for long."""
        with self._database.writing() as rows:
            rows.execute(delete(_ROWS).where(_ROWS.c.last_seen < now - FORGET_DAYS * _DAY_SECONDS))

    def entry(self, key: str) -> Entry | None:
        """One of them; None where it is not known."""
        found = self._read(select(_ROWS).where(_ROWS.c.id == key))
        return found[0] if found else None

    def entries(self, state: str = "") -> list[Entry]:
        """All, or those of a state, newest change first."""
        wanted = select(_ROWS).order_by(_ROWS.c.changed.desc(), _ROWS.c.id)
        return self._read(wanted.where(_ROWS.c.state == state) if state else wanted)

    def _there(self, key: str) -> Entry:
        found = self.entry(key)
        assert found is not None  # noqa: S101 - only what was seen is changed
        return found

    def _change(self, key: str, **values: object) -> None:
        with self._database.writing() as rows:
            rows.execute(update(_ROWS).where(_ROWS.c.id == key).values(values))

    def _read(self, wanted: Select[tuple[object, ...]]) -> list[Entry]:
        with self._database.reading() as rows:
            found: Sequence[Row[tuple[object, ...]]] = rows.execute(wanted).all()
        return [Entry(*row) for row in found]  # type: ignore[arg-type, call-arg]
