"""Batches across callers: one bounded queue, a worker a device, and to each caller what is his.

A batch closes when it is full or when its oldest item has waited long enough. What nobody waits for any more is
dropped before a batch is made of it. An item that makes its batch fail is tried again alone, so that only its own
caller hears of it.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Generic, TypeVar

from features.errors import Cancelled

Item = TypeVar("Item")
Row = TypeVar("Row")

Check = Callable[[], None]
"""Raises when nobody waits for the result any more."""

_LOOK_SECONDS = 0.02
"""Between two looks whether a caller still waits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch closes, and how much may wait."""

    largest: int = 32
    """Items of one batch."""
    wait_seconds: float = 0.004
    """How long the oldest item waits for others."""
    capacity: int = 256
    """Items that wait; callers with more wait for room."""


@dataclass(slots=True, eq=False)
class _Place(Generic[Item, Row]):
    """One item in the queue."""

    key: Hashable
    item: Item
    check: Check
    came: float
    future: "Future[Row]"

    def wanted(self) -> bool:
        """Whether its caller still waits; takes it out of his hands if so."""
        try:
            self.check()
        except BaseException as error:
            self.fail(error)
            return False
        return self.future.set_running_or_notify_cancel()

    def fail(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


class Batcher(Generic[Item, Row]):
    """Callers in threads of their own, engines in theirs."""

    def __init__(
        self,
        engines: Sequence[Callable[[Hashable, Sequence[Item]], Sequence[Row]]],
        limits: Limits = Limits(),
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Threads start with the first item.

        Args:
            engines: One a device; each is called from one thread only, with a key and items that share it, and gives
                one row an item in the same order.
            limits: Of batches and queue.
            observe: Told the size of each batch.
        """
        self._engines = tuple(engines)
        self._limits = limits
        self._observe = observe
        self._queue: deque[_Place[Item, Row]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    @property
    def depth(self) -> int:
        """Items that wait."""
        return len(self._queue)

    def run(self, key: Hashable, items: Sequence[Item], check: Check = lambda: None) -> list[Row]:
        """Gives one row an item, in the order of the items.

        Args:
            key: Only items of one key share a batch.
            items: Any number.
            check: Called while waiting; what it raises ends the waiting, and its items that are in no batch yet.

        Raises:
            Cancelled: The queue was closed.
        """
        futures: list[Future[Row]] = []
        try:
            for item in items:
                futures.append(self._enter(key, item, check))
            return [self._result(future, check) for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def close(self) -> None:
        """Ends the threads after the batches in hand; who still waits hears Cancelled."""
        with self._changed:
            self._closed = True
            left, self._queue = list(self._queue), deque()
            self._changed.notify_all()
        for place in left:
            place.fail(Cancelled("the embedding queue was closed"))

    def _enter(self, key: Hashable, item: Item, check: Check) -> "Future[Row]":
        place = _Place[Item, Row](key, item, check, 0.0, Future())
        with self._changed:
            while len(self._queue) >= self._limits.capacity and not self._closed:
                self._changed.wait(_LOOK_SECONDS)
                check()
            if self._closed:
                raise Cancelled("the embedding queue was closed")
            place.came = time.monotonic()
            self._queue.append(place)
            if not self._threads:
                self._start()
            self._changed.notify_all()
        return place.future

    @staticmethod
    def _result(future: "Future[Row]", check: Check) -> Row:
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except NotYet:
                if future.done():  # the engine's own timeout, and not ours
                    return future.result()
                check()
            except CancelledError:
                check()
                raise Cancelled("the item was dropped from the embedding queue") from None

    def _start(self) -> None:
        for number, engine in enumerate(self._engines):
            thread = threading.Thread(target=self._work, args=(engine,), name=f"embed-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, engine: Callable[[Hashable, Sequence[Item]], Sequence[Row]]) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._observe(len(batch))
                _answer(engine, batch)

    def _next(self) -> "list[_Place[Item, Row]] | None":
        """The batch that closes next; perhaps empty, and None at the end."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            closes = self._queue[0].came + self._limits.wait_seconds
            while self._queue and len(self._queue) < self._limits.largest and not self._closed:
                if (left := closes - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            batch = self._taken()
            self._changed.notify_all()
            return batch

    def _taken(self) -> "list[_Place[Item, Row]]":
        """From the queue, oldest first: those of the oldest one's key that somebody waits for."""
        batch: list[_Place[Item, Row]] = []
        others: list[_Place[Item, Row]] = []
        while self._queue and len(batch) < self._limits.largest:
            place = self._queue.popleft()
            if batch and place.key != batch[0].key:
                others.append(place)
            elif place.wanted():
                batch.append(place)
        self._queue.extendleft(reversed(others))
        return batch


def _answer(engine: Callable[[Hashable, Sequence[Item]], Sequence[Row]], batch: Sequence[_Place[Item, Row]]) -> None:
    """Gives each place its own row, or its own error."""
    try:
        rows = engine(batch[0].key, [place.item for place in batch])
        if len(rows) != len(batch):
            raise RuntimeError(f"an engine gave {len(rows)} rows for {len(batch)} items")
    except BaseException as error:
        if len(batch) == 1:
            batch[0].fail(error)
            return
        for place in batch:
            _answer(engine, [place])
        return
    for place, row in zip(batch, rows, strict=True):
        with contextlib.suppress(InvalidStateError):
            place.future.set_result(row)
