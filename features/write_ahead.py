"""SQLite's write-ahead log, switched on while other connections to the same new file do it too."""

import sqlite3
import time

_PAUSE_SECONDS = 0.005


def write_ahead(connection: sqlite3.Connection, wait_seconds: float) -> None:
    """Sets the journal of a file to the write-ahead log; it stays so for all who open the file.

    A connection's own waiting does not cover this statement: SQLite answers SQLITE_BUSY at once where two connections
    would wait for each other ("PRAGMA journal_mode" and "sqlite3_busy_handler" in SQLite's documentation), so we wait.

    Raises:
        sqlite3.OperationalError: The file is still locked after `wait_seconds`, or cannot be used.
    """
    until = time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_PAUSE_SECONDS)
