"""Records of calls: stores of a test, rows to put in them, and what an intruder does to a database."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from models.database import sqlite_uri
from service.audit.call import Call, Made, Version
from service.audit.key import Key
from service.audit.store import AuditStore, Recorded
from service.audit.verify import Finding, verify
from service.settings import Settings

KEY = Key(b"a key of the tests, 32 bytes long")
PREDICT = "radresponse.v1.PredictionService/Predict"


def call(number: int = 0, **changed: object) -> Call:
    """One call; of other numbers other ones."""
    told: dict[str, object] = {
        "id": f"{number:016x}",
        "time_us": 1_750_000_000_000_000 + number * 1_000_000,
        "caller": "ward-7",
        "method": PREDICT,
        "code": "OK",
        "subject": KEY.pseudonym(f"subject-{number % 3}"),
        "prediction_id": f"{number:032x}",
        "made": Made(models=(Version("outcome-xgboost", "1", "d" * 64),), inputs="e" * 64, software_version="0.1.0"),
    }
    return Call(**(told | changed))  # type: ignore[arg-type]


@contextmanager
def store_at(uri: str, key: Key = KEY) -> Iterator[AuditStore]:
    """A store, closed at the end."""
    store = AuditStore(uri, key)
    try:
        yield store
    finally:
        store.close()


def filled(file: Path, rows: int = 6) -> str:
    """A store in a file with so many rows; its address."""
    with store_at(sqlite_uri(file)) as store:
        for number in range(rows):
            store.append([call(number)])
    return sqlite_uri(file)


def tamper(file: Path, *statements: str) -> None:
    """What someone does who may write to the database, has switched its own guard off, and lacks the key."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TRIGGER audit_calls_update")
        connection.execute("DROP TRIGGER audit_calls_delete")
        for statement in statements:
            connection.execute(statement)


def findings(uri: str, key: Key = KEY) -> list[tuple[int, str]]:
    """Number and kind of what is wrong."""
    return [(found.sequence, found.what) for found in told(uri, key)]


def told(uri: str, key: Key = KEY) -> Sequence[Finding]:
    """What is wrong."""
    with store_at(uri, key) as store:
        return verify(store, key).findings


def recorded(settings: Settings) -> list[Recorded]:
    """All rows of a service's record."""
    key = Key.of(settings.audit_key, make=False)
    with store_at(settings.audit_address, key) as store:
        return list(store.rows())
