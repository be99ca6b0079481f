"""One bounded queue in front of all heavy work: threads off the event loop, and an end when the caller goes."""

import asyncio
import contextlib
import contextvars
import functools
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from features.errors import Cancelled
from service.errors import QueueFull

T = TypeVar("T")

Check = Callable[[], None]
"""Called between steps of long work; raises Cancelled when the caller no longer waits."""

Observe = Callable[[str, float], None]
"""Takes seconds spent in a stage (`queue`)."""


class Call(Protocol):
    """As much of grpc.aio.ServicerContext as the queue needs."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, or None."""


class Work:
    """Runs functions in threads, `workers` at a time, with at most `queue_size` waiting.

    A call that is cancelled, or whose deadline passes, while it waits never starts; one that
    runs is told by its `check`, and keeps its place until its thread has really ended.
    All methods belong to the event loop's thread.
    """

    def __init__(self, workers: int, queue_size: int, observe: Observe = lambda stage, seconds: None) -> None:
        self.workers = workers
        self.queue_size = queue_size
        self._observe = observe
        self._free = asyncio.Semaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="work")
        self._running: set[_Ticket] = set()
        self._waiting = 0
        self._usual_seconds = 1.0

    @property
    def depth(self) -> int:
        """Calls that wait."""
        return self._waiting

    @property
    def running(self) -> int:
        """Calls whose thread has not ended."""
        return len(self._running)

    async def run(self, function: Callable[[Check], T], *, context: Call) -> T:
        """Waits for a free thread and gives what `function` gives.

        Args:
            function: Called in a thread with a `check` that it calls between its steps.
            context: Of the call that waits for it.

        Raises:
            QueueFull: As many calls wait as may.
            Cancelled: Raised by `check` inside `function` after the caller went or its deadline passed.
        """
        if self._free.locked() and self._waiting >= self.queue_size:
            raise QueueFull(self._retry_after_seconds())
        ticket = _Ticket(context.time_remaining())
        came = time.monotonic()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        self._observe("queue", time.monotonic() - came)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(functools.partial(_start, function, ticket), ticket, done)
        try:
            return await done
        except asyncio.CancelledError:
            ticket.stop()
            raise

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Lets running work end within `drain_seconds`, then tells it to stop, and takes no more."""
        deadline = time.monotonic() + drain_seconds
        while self._running and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for ticket in self._running:
            ticket.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _submit(self, function: Callable[[], T], ticket: "_Ticket", done: asyncio.Future[T]) -> None:
        """Has a thread do it; the loop is woken once, when all is done: each time costs a call as much as its trees."""
        loop = done.get_loop()
        started = time.monotonic()

        def ended(worked: Future[T]) -> None:
            # The loop may be closed when the server went before its last thread did.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._ended, ticket, time.monotonic() - started, worked, done)

        try:
            # The call's number in the log and its span go along into the thread.
            worked = self._threads.submit(contextvars.copy_context().run, function)
        except RuntimeError:
            self._free.release()
            raise QueueFull(self._retry_after_seconds()) from None
        self._running.add(ticket)
        worked.add_done_callback(ended)

    def _ended(self, ticket: "_Ticket", seconds: float, worked: Future[T], done: asyncio.Future[T]) -> None:
        self._running.discard(ticket)
        self._usual_seconds += 0.2 * (seconds - self._usual_seconds)
        self._free.release()
        if done.done():  # nobody waits any more
            return
        if worked.cancelled():
            done.cancel()
        elif error := worked.exception():
            done.set_exception(error)
        else:
            done.set_result(worked.result())

    def _retry_after_seconds(self) -> int:
        """When a place in the queue should be free, from how long recent work took: 1 to 60 seconds."""
        return max(1, min(60, math.ceil(self._usual_seconds * (self._waiting + 1) / (2 * self.workers))))


class _Ticket:
    """Whether the caller of one piece of work still waits."""

    def __init__(self, seconds_left: float | None) -> None:
        self._deadline = math.inf if seconds_left is None else time.monotonic() + seconds_left
        self._stopped = False

    def stop(self) -> None:
        """Says that the caller went."""
        self._stopped = True

    def check(self) -> None:
        """Raises when nobody waits for the result."""
        if self._stopped:
            raise Cancelled("the caller cancelled the call")
        if time.monotonic() > self._deadline:
            raise Cancelled("the deadline of the call has passed")


def _start(function: Callable[[Check], T], ticket: _Ticket) -> T:
    ticket.check()
    return function(ticket.check)
