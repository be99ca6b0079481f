"""The record of calls: one chain, whoever writes, in which no row changes, comes or goes unseen."""

# ruff: noqa: S608 - the statements are an intruder's

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from builders.audits import KEY, call, filled, findings, store_at, tamper, told
from builders.postgres import postgres
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from models.database import Database, sqlite_uri
from models.errors import BadStore, StoreUnavailable
from service.audit.key import Key
from service.audit.store import AuditStore, Head, Wanted
from service.audit.verify import verify
from service.audit.writer import Writer, read_head
from service.errors import AuditUnavailable


def test_a_record_that_nobody_touched_is_as_it_was_written(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    with store_at(uri) as store:
        verdict = verify(store, KEY)
        assert (verdict.rows, verdict.findings, verdict.last.sequence) == (6, (), 6)
        assert [row.call() for row in store.rows()] == [call(number) for number in range(6)]


class Full(sqlite3.Connection):
    """As on a full disk: a commit that fails, and leaves the transaction open."""

    now = False

    def commit(self) -> None:
        if Full.now:
            raise sqlite3.OperationalError("database or disk is full")
        super().commit()


def test_a_row_that_failed_at_its_very_end_stands_in_no_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes to the same file next would begin a transaction inside of the one that stayed open."""
    monkeypatch.setattr(sqlite3.dbapi2, "connect", partial(sqlite3.connect, factory=Full))
    database = Database(sqlite_uri(tmp_path / "other.db"), MetaData())
    with store_at(sqlite_uri(tmp_path / "audit.db")) as store, closing(database):
        store.append([call(0)])
        with database.writing() as rows:
            rows.exec_driver_sql("CREATE TABLE kept (number INTEGER)")
        with monkeypatch.context() as broken:
            broken.setattr(Full, "now", True)
            with pytest.raises(StoreUnavailable):
                store.append([call(1)])
            with pytest.raises(StoreUnavailable), database.writing() as rows:
                rows.exec_driver_sql("INSERT INTO kept VALUES (1)")
        assert store.append([call(2)]).sequence == 2
        assert verify(store, KEY).findings == ()
        assert [row.call() for row in store.rows()] == [call(0), call(2)]
        with database.writing() as rows:
            rows.exec_driver_sql("INSERT INTO kept VALUES (2)")
            assert rows.exec_driver_sql("SELECT number FROM kept").scalars().all() == [2]


@pytest.mark.parametrize(
    "change",
    [
        "code = 'PERMISSION_DENIED'", "caller = 'someone else'", "time_us = time_us + 1", "subject = ''",
        "made = replace(made, '\"1\"', '\"2\"')", f"seal = '{'a' * 64}'", "id = 'x'", "method = 'm'",
        "prediction_id = ''", "reason = 'x'", "previous = seal",
    ],
)  # fmt: skip
@pytest.mark.parametrize("row", [1, 3, 6])
def test_a_changed_row_is_named(tmp_path: Path, change: str, row: int) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    tamper(tmp_path / "audit.db", f"UPDATE audit_calls SET {change} WHERE sequence = {row}")
    assert findings(uri) == [(row, "changed")]
    (finding,) = told(uri)
    if not change.startswith("id"):
        assert call(row - 1).id in finding.message


@pytest.mark.parametrize("rows", [(1,), (3,), (2, 3, 4)])
def test_removed_rows_are_named(tmp_path: Path, rows: tuple[int, ...]) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    tamper(tmp_path / "audit.db", f"DELETE FROM audit_calls WHERE sequence BETWEEN {rows[0]} AND {rows[-1]}")
    assert findings(uri) == [(rows[0], "removed")]


def test_a_removed_row_shows_also_when_the_others_are_numbered_anew(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    tamper(
        tmp_path / "audit.db",
        "DELETE FROM audit_calls WHERE sequence = 3",
        "UPDATE audit_calls SET sequence = -sequence WHERE sequence > 3",
        "UPDATE audit_calls SET sequence = -sequence - 1 WHERE sequence < 0",
    )
    (finding,) = told(uri)
    assert (finding.sequence, finding.what) == (3, "removed")
    assert "row 3 does not follow row 2" in finding.message


def test_an_inserted_row_is_named_also_when_the_others_make_room_for_it(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    tamper(
        tmp_path / "audit.db",
        "UPDATE audit_calls SET sequence = -sequence WHERE sequence > 3",
        "UPDATE audit_calls SET sequence = -sequence + 1 WHERE sequence < 0",
        "INSERT INTO audit_calls SELECT 4, 'ffff', time_us, caller, method, code, reason, subject, prediction_id, "
        f"made, seal, '{'b' * 64}' FROM audit_calls WHERE sequence = 3",
    )
    assert findings(uri) == [(4, "inserted")]


def test_a_copy_of_an_earlier_row_is_named(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    tamper(
        tmp_path / "audit.db",
        "INSERT INTO audit_calls SELECT 7, id, time_us, caller, method, code, reason, subject, prediction_id, made, "
        "previous, seal FROM audit_calls WHERE sequence = 2",
    )
    (finding,) = told(uri)
    assert (finding.sequence, finding.what) == (7, "inserted")
    assert "row 2 again" in finding.message


def test_two_faults_are_two_findings(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 9)
    tamper(
        tmp_path / "audit.db",
        "UPDATE audit_calls SET caller = 'x' WHERE sequence = 2",
        "DELETE FROM audit_calls WHERE sequence = 6",
    )
    assert findings(uri) == [(2, "changed"), (6, "removed")]


def test_rows_cut_off_at_the_end_are_missed_by_who_noted_the_last(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 6)
    with store_at(uri) as store:
        noted = verify(store, KEY).last
    tamper(tmp_path / "audit.db", "DELETE FROM audit_calls WHERE sequence > 4")
    assert findings(uri) == []  # by the rows alone nobody can tell
    with store_at(uri) as store:
        (finding,) = verify(store, KEY, (noted,)).findings
        assert (finding.sequence, finding.what) == (5, "removed")
        assert "rows 5 to 6 are gone" in finding.message


def test_without_the_key_nothing_fits(tmp_path: Path) -> None:
    uri = filled(tmp_path / "audit.db", 3)
    assert [what for _, what in findings(uri, Key(b"another key, as long as it must be"))] == ["changed"] * 3


def test_the_database_itself_refuses_to_change_a_row(tmp_path: Path) -> None:
    filled(tmp_path / "audit.db", 2)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        for statement in ("UPDATE audit_calls SET caller = 'x'", "DELETE FROM audit_calls"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                connection.execute(statement)


def test_a_clock_that_jumps_is_told_and_breaks_nothing(tmp_path: Path) -> None:
    with store_at(sqlite_uri(tmp_path / "audit.db")) as store:
        for number, jump_us in enumerate((0, 10**12, -(10**12), -(10**15), 5)):
            store.append([call(number, time_us=call(number).time_us + jump_us)])
        verdict = verify(store, KEY)
        assert verdict.findings == ()
        assert verdict.backwards == (3, 4)
        assert [row.sequence for row in store.rows()] == [1, 2, 3, 4, 5]


def test_rows_are_found_by_what_they_say(tmp_path: Path) -> None:
    with store_at(filled(tmp_path / "audit.db", 6)) as store:
        store.append([call(6, caller="board", method="radresponse.v1.ImageService/GetImage", code="NOT_FOUND")])

        def found(**wanted: object) -> list[int]:
            return [row.sequence for row in store.rows(Wanted(**wanted))]  # type: ignore[arg-type]

        assert found(caller="board") == [7]
        assert found(code="NOT_FOUND") == found(method="GetImage") == [7]
        assert found(subject=KEY.pseudonym("subject-1")) == [2, 5]
        assert found(id=call(3).id) == found(id=call(3).prediction_id) == [4]
        assert found(since_us=call(2).time_us, until_us=call(4).time_us) == [3, 4]
        assert found(model="outcome-xgboost") == found(model="d" * 64) == [1, 2, 3, 4, 5, 6, 7]
        assert found(model="outcome_xgboost") == found(model="%") == []
        assert [row.sequence for row in store.rows(newest=2)] == [6, 7]


def test_no_patient_and_no_plain_digest_of_values_is_kept(tmp_path: Path) -> None:
    filled(tmp_path / "audit.db", 3)
    content = (tmp_path / "audit.db").read_bytes()
    assert b"subject-" not in content
    assert (tmp_path / "audit.db").stat().st_mode & 0o077 == 0


def write_from_many(uri: str, threads: int, calls: int) -> None:
    """Each with connections of its own, as so many processes would."""
    begin = threading.Barrier(threads)

    def write(thread: int) -> None:
        with store_at(uri) as store:
            begin.wait(30)
            for number in range(calls):
                store.append([call(100 * thread + number)])

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(write, thread) for thread in range(threads)]:
            done.result(120)


def test_several_services_on_one_file_write_one_chain(tmp_path: Path) -> None:
    uri = sqlite_uri(tmp_path / "audit.db")
    write_from_many(uri, 3, 15)
    with store_at(uri) as store:
        verdict = verify(store, KEY)
        assert (verdict.rows, verdict.findings) == (45, ())
        assert {row.id for row in store.rows()} == {call(100 * t + n).id for t in range(3) for n in range(15)}


def test_on_postgresql_too_several_services_write_one_chain_and_tampering_is_named() -> None:
    with postgres() as uri:
        write_from_many(uri, 3, 15)
        with store_at(uri) as store:
            verdict = verify(store, KEY)
            assert (verdict.rows, verdict.findings) == (45, ())
        engine = create_engine(uri)
        for statement in ("UPDATE audit_calls SET caller = 'x'", "DELETE FROM audit_calls", "TRUNCATE audit_calls"):
            with pytest.raises(SQLAlchemyError, match="only added"), engine.begin() as connection:
                connection.execute(text(statement))
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER audit_calls_kept ON audit_calls"))
            connection.execute(text("UPDATE audit_calls SET caller = 'x' WHERE sequence = 7"))
            connection.execute(text("DELETE FROM audit_calls WHERE sequence = 20"))
        engine.dispose()
        assert findings(uri) == [(7, "changed"), (20, "removed")]


def test_postgresql_that_goes_and_comes_back_is_written_to_again(tmp_path: Path) -> None:
    with postgres() as uri, store_at(uri) as store:
        store.append([call(1)])
        engine = create_engine(uri)
        with engine.connect() as connection:
            kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            connection.execute(text(kill + "AND backend_type = 'client backend'"))
        engine.dispose()
        assert store.append([call(2)]).sequence == 2


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    for uri in ("", "audit.db", "mysql://host/x", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(BadStore, match="wanted sqlite:///FILE or postgresql://"):
            AuditStore(uri, KEY)


def test_a_store_that_is_away_or_gone_takes_nothing(tmp_path: Path) -> None:
    with store_at("postgresql://nobody@127.0.0.1:1/none") as store, pytest.raises(StoreUnavailable):
        store.append([call()])
    file = tmp_path / "audit.db"
    with store_at(sqlite_uri(file)) as store:
        store.append([call()])
        file.rename(tmp_path / "elsewhere.db")
        with pytest.raises(StoreUnavailable, match="gone"):
            store.append([call(1)])
        with pytest.raises(StoreUnavailable, match="gone"):
            list(store.rows())


def test_calls_that_come_at_once_share_a_transaction_and_the_last_row_is_noted(tmp_path: Path) -> None:
    store = AuditStore(sqlite_uri(tmp_path / "audit.db"), KEY)
    writer = Writer(store, tmp_path / "audit.head")

    async def write() -> None:
        await asyncio.gather(*(writer.write(call(number)) for number in range(300)))

    asyncio.run(write())
    writer.close()
    with store_at(sqlite_uri(tmp_path / "audit.db")) as again:
        verdict = verify(again, KEY)
        assert (verdict.rows, verdict.findings) == (300, ())
        noted = read_head(tmp_path / "audit.head")
        assert noted == verdict.last == Head(300, verdict.last.seal)


def test_after_its_end_a_writer_takes_nothing(tmp_path: Path) -> None:
    writer = Writer(AuditStore(sqlite_uri(tmp_path / "audit.db"), KEY), tmp_path / "audit.head")
    writer.close()
    with pytest.raises(AuditUnavailable):
        asyncio.run(writer.write(call()))
