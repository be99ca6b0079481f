"""One queue in front of heavy work, seen through real calls that are cancelled, run out of time, or come too many."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest

from features.errors import Cancelled
from service.errors import QueueFull
from service.work import BRIEF_SECONDS, Check, Pace, Work

METHOD = "/test.Heavy/Run"


@dataclass
class Heavy:
    """Work that goes on until it is let go, and checks as long work does."""

    started: list[bytes] = field(default_factory=list)
    ended: list[bytes] = field(default_factory=list)
    stopped: list[bytes] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, name: bytes, check: Check) -> bytes:
        self.started.append(name)
        try:
            while not self.let_go.wait(0.002):
                check()
        except Cancelled:
            self.stopped.append(name)
            raise
        self.ended.append(name)
        return name


@dataclass
class Bench:
    """A server whose one method is heavy work, and a client of it."""

    work: Work
    heavy: Heavy
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
    waited: list[float]


@asynccontextmanager
async def bench(workers: int = 1, queue_size: int = 4) -> AsyncIterator[Bench]:
    waited: list[float] = []
    work, heavy = Work(workers, queue_size, observe=lambda stage, seconds: waited.append(seconds)), Heavy()

    async def run(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            return await work.run(lambda check: heavy(request, check), context=context)
        except QueueFull as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{error.retry_after_seconds}")
        except Cancelled:
            left = context.time_remaining()
            late = left is not None and left <= 0
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED, "stopped")

    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Run": grpc.unary_unary_rpc_method_handler(run)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Heavy", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Bench(work, heavy, channel.unary_unary(METHOD), waited)
    finally:
        heavy.let_go.set()
        await server.stop(None)
        await work.close()


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what must come soon."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.005)


def held(test: Callable[[Bench], Awaitable[None]], *, workers: int = 1, queue_size: int = 4) -> None:
    async def run() -> None:
        async with bench(workers, queue_size) as on:
            await test(on)

    asyncio.run(run())


def test_work_runs_in_a_thread_and_gives_its_answer() -> None:
    async def test(on: Bench) -> None:
        on.heavy.let_go.set()
        assert await on.call(b"a") == b"a"
        await until(lambda: on.work.running == 0)
        assert len(on.waited) == 1

    held(test)


def test_the_event_loop_goes_on_while_work_runs() -> None:
    async def test(on: Bench) -> None:
        call = on.call(b"a")
        await until(lambda: on.work.running == 1)
        before = time.monotonic()
        await asyncio.sleep(0.01)
        assert time.monotonic() - before < 1
        on.heavy.let_go.set()
        assert await call == b"a"

    held(test)


def test_no_more_run_at_once_than_there_are_workers() -> None:
    async def test(on: Bench) -> None:
        calls = [on.call(b"%d" % number) for number in range(5)]
        await until(lambda: on.work.depth == 3)
        assert len(on.heavy.started) == on.work.running == 2
        on.heavy.let_go.set()
        assert sorted(await asyncio.gather(*calls)) == [b"0", b"1", b"2", b"3", b"4"]
        assert on.work.depth == 0

    held(test, workers=2)


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async def test(on: Bench) -> None:
        calls = [on.call(b"a"), on.call(b"b")]
        await until(lambda: on.work.running == 1 and on.work.depth == 1)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await on.call(b"c")
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 1 <= int(raised.value.details() or "") <= 60
        on.heavy.let_go.set()
        assert await asyncio.gather(*calls) == [b"a", b"b"]
        assert await on.call(b"d") == b"d"
        assert b"c" not in on.heavy.started

    held(test, queue_size=1)


def test_a_cancelled_call_stops_its_work() -> None:
    async def test(on: Bench) -> None:
        call = on.call(b"a")
        await until(lambda: on.heavy.started == [b"a"])
        call.cancel()
        await until(lambda: on.heavy.stopped == [b"a"])
        await until(lambda: on.work.running == 0)
        on.heavy.let_go.set()
        assert await on.call(b"b") == b"b"

    held(test)


def test_a_deadline_stops_the_work() -> None:
    async def test(on: Bench) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await on.call(b"a", timeout=0.1)
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: on.heavy.stopped == [b"a"])
        on.heavy.let_go.set()
        assert await on.call(b"b") == b"b"

    held(test)


@pytest.mark.parametrize("how", ["cancelled", "out of time"])
def test_work_whose_caller_went_while_it_waited_never_starts(how: str) -> None:
    async def test(on: Bench) -> None:
        first = on.call(b"a")
        await until(lambda: on.work.running == 1)
        second = on.call(b"b", timeout=0.1 if how == "out of time" else None)
        await until(lambda: on.work.depth == 1)
        if how == "cancelled":
            second.cancel()
        await until(lambda: on.work.depth == 0)
        on.heavy.let_go.set()
        assert await first == b"a"
        assert await on.call(b"c") == b"c"
        assert on.heavy.started == [b"a", b"c"]

    held(test)


def test_a_stopped_call_keeps_its_place_until_its_thread_ends() -> None:
    stubborn = threading.Event()

    async def run() -> None:
        work = Work(1, 4)
        call = NoDeadline()
        first = asyncio.create_task(work.run(lambda check: stubborn.wait(5), context=call))
        await until(lambda: work.running == 1)
        first.cancel()
        second = asyncio.create_task(work.run(lambda check: "b", context=call))
        await asyncio.sleep(0.05)
        assert work.depth == 1
        stubborn.set()
        assert await second == "b"
        await work.close()

    asyncio.run(run())


def test_closing_lets_work_end_and_then_stops_it() -> None:
    async def run() -> None:
        work, heavy = Work(2, 4), Heavy()
        short = asyncio.create_task(work.run(lambda check: soon("done"), context=NoDeadline()))
        long = asyncio.create_task(work.run(lambda check: heavy(b"a", check), context=NoDeadline()))
        await until(lambda: work.running == 2)
        await work.close(drain_seconds=0.2)
        assert await short == "done"
        with pytest.raises(Cancelled):
            await long
        with pytest.raises(QueueFull):
            await work.run(lambda check: "late", context=NoDeadline())

    asyncio.run(run())


def test_closing_gives_up_who_still_waits() -> None:
    async def run() -> None:
        work, heavy = Work(1, 4), Heavy()
        running = asyncio.create_task(work.run(lambda check: heavy(b"a", check), context=NoDeadline()))
        waiting = asyncio.create_task(work.run(lambda check: heavy(b"b", check), context=NoDeadline()))
        await until(lambda: work.running == 1 and work.depth == 1)
        await work.close()
        ended = await asyncio.wait_for(asyncio.gather(running, waiting, return_exceptions=True), 5)
        assert [type(one) for one in ended] == [Cancelled, asyncio.CancelledError]
        assert heavy.started == [b"a"]

    asyncio.run(run())


class Image:
    """Stands for what is large."""


def test_what_failed_is_told_and_kept_nowhere() -> None:
    """An error's frames hold the images that its work was about: in a circle they would stay until a collection."""
    seen: list[weakref.ref[Image]] = []

    def fail(error: type[Exception]) -> None:
        image = Image()
        seen.append(weakref.ref(image))
        assert image
        raise error

    async def run() -> None:
        work = Work(1, 4)
        with pytest.raises(OSError):
            await work.run(lambda check: fail(OSError), context=NoDeadline())
        with pytest.raises(RuntimeError, match="StopIteration"):
            await work.run(lambda check: fail(StopIteration), context=NoDeadline())
        assert await work.run(lambda check: "next", context=NoDeadline()) == "next"
        await work.close()

    gc.disable()
    try:
        asyncio.run(run())
        assert [one() for one in seen] == [None, None]
    finally:
        gc.enable()


def test_what_a_caller_sent_who_went_while_waiting_is_not_kept() -> None:
    """However many come and go while one piece of work lasts: nobody's images wait for a thread without them."""

    async def run() -> None:
        work, heavy = Work(1, 4), Heavy()
        first = asyncio.create_task(work.run(lambda check: heavy(b"a", check), context=NoDeadline()))
        await until(lambda: work.running == 1)
        sent = Image()
        kept = weakref.ref(sent)
        second = asyncio.create_task(work.run(lambda check, sent=sent: str(sent), context=NoDeadline()))  # type: ignore[misc]
        await until(lambda: work.depth == 1)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        del sent, second
        gc.collect()
        assert kept() is None
        heavy.let_go.set()
        assert await first == b"a"
        await work.close()

    asyncio.run(run())


def brief() -> Pace:
    """Of work that never took long."""
    pace = Pace()
    while not pace.brief:
        pace.took(0.0)
    return pace


def thread_of_work(check: Check) -> str:
    return threading.current_thread().name


def test_brief_work_needs_no_thread_until_some_takes_long() -> None:
    async def run() -> None:
        here = threading.current_thread().name
        work, pace, call = Work(1, 4), brief(), NoDeadline()
        assert await work.run(thread_of_work, context=call, pace=pace) == here
        assert (work.running, work.depth) == (0, 0)
        assert await work.run(thread_of_work, context=call) != here  # of which nothing is known
        await until(lambda: work.running == 0)
        await work.run(lambda check: time.sleep(3 * BRIEF_SECONDS), context=call, pace=pace)
        assert not pace.brief
        assert await work.run(thread_of_work, context=call, pace=pace) != here
        await work.close()
        with pytest.raises(QueueFull):
            await work.run(thread_of_work, context=call, pace=brief())

    asyncio.run(run())


def test_work_that_took_long_is_taken_for_brief_again_when_it_has_been_so_for_a_while() -> None:
    pace = Pace()
    assert not pace.brief  # nothing is known
    took = 0
    while not pace.brief:
        pace.took(0.0)
        took += 1
    assert 10 < took < 50
    pace.took(1.1 * BRIEF_SECONDS)
    assert not pace.brief


def test_brief_work_stands_in_line_behind_other_work() -> None:
    """The event loop's own time is free only where no thread would do with it."""

    async def run() -> None:
        here = threading.current_thread().name
        work, heavy = Work(2, 4), Heavy()
        first = asyncio.create_task(work.run(lambda check: heavy(b"a", check), context=NoDeadline()))
        await until(lambda: work.running == 1)
        assert await work.run(thread_of_work, context=NoDeadline(), pace=brief()) != here
        heavy.let_go.set()
        assert await first == b"a"
        await work.close()

    asyncio.run(run())


def test_brief_work_ends_as_other_work_does() -> None:
    """Its answer, its error, its deadline; and whether it is alone."""

    async def run() -> None:
        work, call, late = Work(1, 4), NoDeadline(), Late()
        assert await work.run(lambda check: (work.running, work.alone()), context=call, pace=brief()) == (1, True)
        with pytest.raises(OSError, match="gone"):
            await work.run(lambda check: fail("gone"), context=call, pace=brief())
        with pytest.raises(RuntimeError, match="StopIteration"):
            await work.run(lambda check: next(iter(())), context=call, pace=brief())
        with pytest.raises(Cancelled):
            await work.run(thread_of_work, context=late, pace=brief())
        assert (work.running, work.depth) == (0, 0)
        await work.close()

    asyncio.run(run())


def fail(message: str) -> None:
    raise OSError(message)


def test_many_calls_that_come_and_go_leave_nothing_behind() -> None:
    async def test(on: Bench) -> None:
        calls = [on.call(b"%d" % number, timeout=0.05 + 0.01 * (number % 5)) for number in range(40)]
        for call in calls[::3]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: on.work.running == 0 and on.work.depth == 0)
        on.heavy.let_go.set()
        assert await asyncio.gather(*map(on.call, [b"x", b"y", b"z"])) == [b"x", b"y", b"z"]

    held(test, workers=3, queue_size=64)


def soon(answer: str) -> str:
    time.sleep(0.05)
    return answer


class NoDeadline:
    """A call that waits for as long as it takes."""

    def time_remaining(self) -> float | None:
        return None


class Late(NoDeadline):
    """A call whose deadline has passed."""

    def time_remaining(self) -> float | None:
        return -1.0
