"""A row that the thread of the answer writes itself: the same row, once, and none that should not be."""

import asyncio
import contextvars
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest
from builders.audits import KEY, call, recorded, store_at
from builders.cases import case
from builders.postgres import postgres
from builders.serving import serving
from google.protobuf.message import Message

from models.database import WAIT_SECONDS, sqlite_uri
from radresponse.v1 import prediction_pb2
from service.audit import entry
from service.audit.call import Call
from service.audit.entry import Entry, Means
from service.audit.facts import Facts
from service.audit.store import AuditStore, Recorded
from service.audit.verify import verify
from service.audit.writer import Writer
from service.errors import AuditUnavailable
from service.settings import Settings

METHOD = "/test.Case/Answer"
ANSWER = prediction_pb2.PredictResponse(provenance=prediction_pb2.Provenance(prediction_id="0" * 32))


@contextmanager
def writer_at(folder: Path) -> Iterator[Writer]:
    writer = Writer(AuditStore(sqlite_uri(folder / "audit.db"), KEY), folder / "audit.head")
    try:
        yield writer
    finally:
        writer.close()


def rows(folder: Path) -> list[Recorded]:
    with store_at(sqlite_uri(folder / "audit.db")) as store:
        assert verify(store, KEY).findings == ()
        return list(store.rows())


def test_a_row_is_written_in_the_very_thread_and_the_chain_goes_on(tmp_path: Path) -> None:
    with writer_at(tmp_path) as writer:
        threads: list[str] = []

        def made(number: int) -> Callable[[], Call]:
            def make() -> Call:
                threads.append(threading.current_thread().name)
                return call(number)

            return make

        assert writer.write_at_once(made(0))
        asyncio.run(writer.write(call(1)))
        assert writer.write_at_once(made(2))
        assert not writer.write_at_once(lambda: None)
    assert [row.call() for row in rows(tmp_path)] == [call(0), call(1), call(2)]
    assert set(threads) == {threading.current_thread().name}


def test_while_another_row_is_written_it_is_left_to_the_writer(tmp_path: Path) -> None:
    with writer_at(tmp_path) as writer:
        begun, go_on = threading.Event(), threading.Event()

        def slow() -> Call:
            begun.set()
            go_on.wait(30)
            return call(0)

        other = threading.Thread(target=writer.write_at_once, args=(slow,))
        other.start()
        begun.wait(30)
        assert not writer.write_at_once(lambda: call(1))
        go_on.set()
        other.join()
    assert [row.call() for row in rows(tmp_path)] == [call(0)]


def test_who_else_writes_is_not_waited_for_and_nothing_is_lost(tmp_path: Path) -> None:
    """Another service on the same record: the writer's own thread waits for it, and no thread of work does."""
    with writer_at(tmp_path) as writer, closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as other:
        assert writer.write_at_once(lambda: call(0))
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not writer.write_at_once(lambda: pytest.fail("its row cannot go in"))
        assert time.monotonic() - began < WAIT_SECONDS / 2

        async def wait() -> None:
            written = asyncio.create_task(writer.write(call(1)))
            await asyncio.sleep(0.05)
            assert not written.done()
            other.execute("COMMIT")
            await written

        asyncio.run(wait())
        assert writer.write_at_once(lambda: call(2))
    assert [row.call() for row in rows(tmp_path)] == [call(0), call(1), call(2)]


def test_a_record_that_is_away_or_ended_takes_none(tmp_path: Path) -> None:
    with writer_at(tmp_path) as writer:
        assert writer.write_at_once(lambda: call(0))
        (tmp_path / "audit.db").rename(tmp_path / "elsewhere.db")
        with pytest.raises(AuditUnavailable):
            writer.write_at_once(lambda: call(1))
        (tmp_path / "elsewhere.db").rename(tmp_path / "audit.db")
        assert writer.write_at_once(lambda: call(2))
    assert not writer.write_at_once(lambda: call(3))
    assert [row.call() for row in rows(tmp_path)] == [call(0), call(2)]


def test_a_server_of_databases_is_left_to_the_writer(tmp_path: Path) -> None:
    """It may keep whoever asks it waiting."""
    with postgres() as uri:
        writer = Writer(AuditStore(uri, KEY), tmp_path / "audit.head")
        assert not writer.write_at_once(lambda: call(0))
        writer.close()


def opened(writer: Writer) -> Entry:
    return Entry("test.Case/Answer", Facts(KEY), Means(writer, lambda: 1.0, lambda stage, seconds: None))


def answered(of: Entry, answer: Message = ANSWER, *, alone: bool = True) -> object:
    """By a job in the context of a call."""

    def run() -> object:
        entry.current.set(of)
        return entry.recorded(lambda: answer, lambda: alone)()

    return contextvars.copy_context().run(run)


def test_a_job_gives_its_answer_and_its_bytes_are_those_of_the_record(tmp_path: Path) -> None:
    with writer_at(tmp_path) as writer:
        first, busy = opened(writer), opened(writer)
        assert answered(first) is ANSWER
        assert first.sent == ANSWER.SerializeToString(deterministic=True)
        assert answered(busy, alone=False) is ANSWER
        assert busy.sent is None
        assert entry.recorded(lambda: ANSWER, lambda: True)() is ANSWER  # a call that is not recorded
    (row,) = rows(tmp_path)
    assert (row.code, row.prediction_id) == ("OK", "0" * 32)
    assert row.call().made.answer == KEY.content(first.sent)


def test_who_went_before_the_row_is_written_is_not_recorded_as_answered(tmp_path: Path) -> None:
    with writer_at(tmp_path) as writer:
        gone = opened(writer)
        assert gone.taken()
        answered(gone)
        assert gone.sent is None
    assert rows(tmp_path) == []


def test_an_answer_that_cannot_be_read_leaves_its_row_to_the_error(tmp_path: Path) -> None:
    """As a bug of ours would leave it."""

    class Unreadable(Facts):
        def answered(self, answer: object) -> object:
            raise RuntimeError("a bug")

    with writer_at(tmp_path) as writer:
        broken = Entry(METHOD, Unreadable(KEY), Means(writer, lambda: 1.0, lambda stage, seconds: None))
        with pytest.raises(RuntimeError, match="a bug"):
            answered(broken)
        assert broken.taken()
        assert writer.write_at_once(lambda: call(0))  # and others are recorded


@pytest.mark.parametrize("at_once", [True, False])
def test_each_call_of_a_server_has_one_row(
    registry_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """Alone, in a crowd, and where callers go at any moment; as often through the thread as through the writer."""
    counted = {"at once": 0, "by the writer": 0}
    write, write_at_once = Writer.write, Writer.write_at_once

    async def counting_write(self: Writer, one: Call) -> None:
        counted["by the writer"] += 1
        await write(self, one)

    def counting(self: Writer, make: Callable[[], Call | None]) -> bool:
        written = at_once and write_at_once(self, make)
        counted["at once"] += written
        return written

    monkeypatch.setattr(Writer, "write", counting_write)
    monkeypatch.setattr(Writer, "write_at_once", counting)
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri=f"sqlite:///{registry_folder / 'mlflow.db'}", drain_seconds=5
    )
    request = prediction_pb2.PredictRequest(case=case(subject="s"), models=["progression-age"])
    with serving(settings) as service:
        answers = [service.predict.with_call(request) for _ in range(5)]
        together = [service.predict.future(request) for _ in range(40)]
        answers += [(one.result(), one) for one in together]
        going = [service.predict.future(request) for _ in range(40)]
        for one in going[::2]:
            one.cancel()
        kept = [one.result() for one in going[1::2]]
        answers.append(service.predict.with_call(request))  # after all that went
    found = recorded(settings)
    ids = [row.id for row in found]
    assert len(set(ids)) == len(ids)
    assert {dict(told.trailing_metadata())["x-request-id"] for _, told in answers} <= {
        row.id for row in found if row.code == grpc.StatusCode.OK.name
    }
    assert sum(row.code == "OK" for row in found) >= len(answers) + len(kept)
    assert {row.code for row in found} <= {"OK", "CANCELLED"}
    assert counted["by the writer"] + counted["at once"] == len(found)
    assert (counted["at once"] >= 5) == at_once  # those that came one by one
    assert len({answer.SerializeToString(deterministic=True) for answer, _ in answers} | {
        answer.SerializeToString(deterministic=True) for answer in kept
    }) == 1  # fmt: skip
