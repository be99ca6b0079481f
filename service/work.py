"""One bounded queue in front of all heavy work: threads off the event loop, and an end when the caller goes."""

import asyncio
import contextlib
import contextvars
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from features.errors import Cancelled
from service.errors import QueueFull

T = TypeVar("T")

Check = Callable[[], None]
"""Called between steps of long work; raises Cancelled when the caller no longer waits."""

BRIEF_SECONDS = 0.002
"""Work that takes less may be done on the event loop; what it waits for there, such as a disk, is part of it."""

Observe = Callable[[str, float], None]
"""Takes seconds spent in a stage (`queue`)."""


class Call(Protocol):
    """As much of grpc.aio.ServicerContext as the queue needs."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, or None."""


class Pace:
    """How long work of one kind takes: as long as the slowest of late, which is forgotten over some twenty more."""

    def __init__(self) -> None:
        self._seconds = 1.0

    @property
    def brief(self) -> bool:
        """Whether it takes less time than it may be noticed that the event loop does nothing else."""
        return self._seconds < BRIEF_SECONDS

    def took(self, seconds: float) -> None:
        """Takes note of one more."""
        self._seconds = max(seconds, 0.8 * self._seconds)


class Work:
    """Runs functions in threads, `workers` at a time, with at most `queue_size` waiting.

    A call that is cancelled, or whose deadline passes, while it waits never starts; one that
    runs is told by its `check`, and keeps its place until its thread has really ended.
    All methods but `alone` belong to the event loop's thread. A thread goes from one piece of work to the next
    without asking the loop, and the loop is woken once for all that ended meanwhile: each time costs a call as much
    as its trees. Work that is brief by what it took of late needs no thread at all while none has work.
    """

    def __init__(self, workers: int, queue_size: int, observe: Observe = lambda stage, seconds: None) -> None:
        self.workers = workers
        self.queue_size = queue_size
        self._observe = observe
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="work")
        self._waiting: set[_Ticket] = set()
        self._running: set[_Ticket] = set()
        self._ended: deque[_Ticket] = deque()
        self._woken = False
        self._closed = False
        self._usual_seconds = 1.0

    @property
    def depth(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Calls whose thread has not ended."""
        return len(self._running)

    def alone(self) -> bool:
        """Whether one piece of work runs, and none waits; any thread may ask."""
        return len(self._running) == 1 and not self._waiting

    async def run(self, function: Callable[[Check], T], *, context: Call, pace: Pace | None = None) -> T:
        """Waits for a free thread and gives what `function` gives.

        Args:
            function: Called in a thread with a `check` that it calls between its steps.
            context: Of the call that waits for it.
            pace: Of work like this, where it may be brief and waits for nothing that others hold; None where not.

        Raises:
            QueueFull: As many calls wait as may.
            Cancelled: Raised by `check` inside `function` after the caller went or its deadline passed.
        """
        if self._closed or self.depth + self.running >= self.workers + self.queue_size:
            raise QueueFull(self._retry_after_seconds())
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(function, context.time_remaining(), pace, done)
        if pace is not None and pace.brief and not self._running and not self._waiting:
            self._running.add(ticket)
            ticket.run()
            self._end(ticket)
        else:
            self._waiting.add(ticket)
            self._threads.submit(self._work_off, ticket)
        try:
            return await done
        except asyncio.CancelledError:
            ticket.stop()
            self._waiting.discard(ticket)
            raise
        finally:
            del done, ticket, function  # an error that passes knows this frame

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Lets running work end within `drain_seconds`, then tells it to stop, and takes no more."""
        deadline = time.monotonic() + drain_seconds
        while self._running and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)  # first: from here on no thread begins another
        waiting, running = list(self._waiting), list(self._running)  # threads change them meanwhile
        for ticket in waiting:
            ticket.done.cancel()
        for ticket in running:
            ticket.stop()

    def _work_off(self, ticket: "_Ticket") -> None:
        """In a thread."""
        self._running.add(ticket)
        self._waiting.discard(ticket)
        ticket.run()
        self._ended.append(ticket)
        if not self._woken:
            self._woken = True
            # The loop may be closed when the server went before its last thread did.
            with contextlib.suppress(RuntimeError):
                ticket.done.get_loop().call_soon_threadsafe(self._gather)

    def _gather(self) -> None:
        """On the loop, for all that ended."""
        self._woken = False  # first: what ends from here on wakes the loop again
        while self._ended:
            self._end(self._ended.popleft())

    def _end(self, ticket: "_Ticket") -> None:
        """On the loop."""
        self._running.discard(ticket)
        if ticket.began:
            seconds = ticket.ended - ticket.began
            self._observe("queue", ticket.began - ticket.came)
            self._usual_seconds += 0.2 * (seconds - self._usual_seconds)
            if ticket.pace is not None:
                ticket.pace.took(seconds)
        ticket.settle()

    def _retry_after_seconds(self) -> int:
        """When a place in the queue should be free, from how long recent work took: 1 to 60 seconds."""
        return max(1, min(60, math.ceil(self._usual_seconds * (self.depth + 1) / (2 * self.workers))))


class _Ticket:
    """One piece of work, and whether its caller still waits."""

    def __init__(
        self,
        function: Callable[[Check], Any],
        seconds_left: float | None,
        pace: Pace | None,
        done: asyncio.Future[Any],
    ) -> None:
        self.pace = pace
        self.done = done
        self.came = time.monotonic()
        self.began = self.ended = 0.0
        """0 for one that never began."""
        self._function = function
        self._deadline = math.inf if seconds_left is None else self.came + seconds_left
        # The call's number in the log and its span go along into the thread.
        self._context = contextvars.copy_context()
        self._stopped = False
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Does it, unless nobody waits for it any more."""
        function, context = self._function, self._context
        try:
            self.check()
            self.began = time.monotonic()
            self._result = context.run(function, self.check)
        except StopIteration as error:  # which no future takes
            self._error = RuntimeError("the work ended with StopIteration")
            self._error.__cause__ = error
        except BaseException as error:
            self._error = error
        self.ended = time.monotonic()

    def settle(self) -> None:
        """Tells who waits, and keeps nothing: an error knows the frames that know this ticket, and their images."""
        done, result, error = self.done, self._result, self._error
        del self.done, self._result, self._error
        if done.done():  # nobody waits any more
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def stop(self) -> None:
        """Says that the caller went; what they sent is not kept until a thread is free."""
        self._stopped = True
        self._function, self._context = _nothing, contextvars.Context()

    def check(self) -> None:
        """Raises when nobody waits for the result."""
        if self._stopped:
            raise Cancelled("the caller cancelled the call")
        if time.monotonic() > self._deadline:
            raise Cancelled("the deadline of the call has passed")


def _nothing(check: Check) -> None:
    """In the place of work that nobody waits for."""
