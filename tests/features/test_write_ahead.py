"""Several connections that open one new file at once."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.write_ahead import write_ahead


def test_many_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    begin = threading.Barrier(6)

    def opened(file: Path) -> str:
        connection = sqlite3.connect(file)
        try:
            begin.wait(30)
            write_ahead(connection, 30)
            connection.execute("CREATE TABLE IF NOT EXISTS held (digest TEXT)")
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for number in range(40):
            assert list(pool.map(opened, [tmp_path / f"{number}.db"] * 6)) == ["wal"] * 6


def test_a_file_that_stays_locked_is_waited_for_so_long_and_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "held.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        other = sqlite3.connect(tmp_path / "held.db", timeout=0)
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_ahead(other, 0.2)
        assert time.monotonic() - began >= 0.2
        other.close()
    holder.close()


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "text.db"
    file.write_text("not a database, and longer than the header of one\n" * 100)
    connection = sqlite3.connect(file)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        write_ahead(connection, 30)
    connection.close()
