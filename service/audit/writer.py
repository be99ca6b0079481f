"""Writes calls to the store off the event loop; calls that end while one write runs share the next one."""

import asyncio
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from models.errors import ModelError, StoreBusy
from service.audit.call import Call
from service.audit.store import AuditStore, Head
from service.errors import AuditUnavailable

log = logging.getLogger(__name__)

MOST_AT_ONCE = 512
"""Calls of one transaction."""
_HEAD_BYTES = 160
"""That the noted last row takes, so that each note covers the one before."""
LONGEST_SECONDS = 15.0
"""That a call waits for its row."""


class Writer:
    """One thread that writes; `write` belongs to an event loop."""

    def __init__(self, store: AuditStore, head_file: Path) -> None:
        """Starts.

        Args:
            store: Where to.
            head_file: Keeps the last row that this service wrote, outside of the store: rows that are cut off at
                the end leave no gap.
        """
        self._store = store
        self._head_file = head_file
        self._waiting: deque[tuple[Call | None, asyncio.Future[None]]] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._ended = False
        self._well = True
        self._thread = threading.Thread(target=self._write_on, name="audit", daemon=True)
        self._thread.start()

    async def ready(self, begun: Call) -> None:
        """Makes sure that rows are taken: by a look at the store, or where the last row failed by one more row.

        Raises:
            AuditUnavailable: They are not.
        """
        await self._written_by(None if self._well else begun)

    async def write(self, call: Call) -> None:
        """Waits until the call is recorded.

        Raises:
            AuditUnavailable: It is not.
        """
        await self._written_by(call)

    def write_at_once(self, make: Callable[[], Call | None]) -> bool:
        """Records a call in this very thread, where the store is a file and nobody else writes to it or waits to.

        Args:
            make: Gives the call when nothing stands in its way any more; None where it is not wanted after all.

        Returns:
            Whether it is recorded.

        Raises:
            AuditUnavailable: It should be, and is not.
        """
        if not self._store.is_file or self._waiting or not self._writing.acquire(blocking=False):
            return False
        try:
            head = None if self._ended else self._store.append_at_once(make)
            if head is not None:
                self._succeeded(head)
        except StoreBusy:
            return False
        except Exception as error:
            raise self._failed(error) from None
        finally:
            self._writing.release()
        return head is not None

    async def _written_by(self, call: Call | None) -> None:
        loop = asyncio.get_running_loop()
        # Who no longer waits for the answer has called all the same: to give this up takes no row back.
        written: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self._ended:
                raise AuditUnavailable
            self._waiting.append((call, written))
            self._changed.notify()
        longest = loop.call_later(LONGEST_SECONDS, _settle, [written], AuditUnavailable())
        try:
            await written
        finally:
            longest.cancel()

    def close(self) -> None:
        """Writes what waits, and ends."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        with self._writing:
            self._store.close()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            if not taken:
                return
            with self._writing:
                failure = self._written([call for call, _ in taken if call is not None])
            # The loop is woken once for all of them, and may be closed when the server went before its last calls.
            with suppress(RuntimeError):
                taken[0][1].get_loop().call_soon_threadsafe(_settle, [written for _, written in taken], failure)

    def _written(self, calls: list[Call]) -> AuditUnavailable | None:
        try:
            head = self._store.append(calls)
        except Exception as error:
            return self._failed(error)
        self._succeeded(head if calls else None)
        return None

    def _failed(self, error: Exception) -> AuditUnavailable:
        if self._well or not isinstance(error, ModelError):
            log.error("calls cannot be recorded, and are refused", exc_info=error)
        self._well = False
        return AuditUnavailable()

    def _succeeded(self, head: Head | None) -> None:
        if not self._well:
            log.info("calls are recorded again")
        self._well = True
        if head is not None:
            self._note(head)

    def _note(self, head: Head) -> None:
        try:
            write_head(self._head_file, head)
        except OSError:
            log.exception("the audit's last row cannot be noted beside it")


def _settle(waiting: Sequence[asyncio.Future[None]], failure: AuditUnavailable | None) -> None:
    for written in waiting:
        if not written.done():
            written.set_exception(failure) if failure else written.set_result(None)


def write_head(file: Path, head: Head) -> None:
    """Notes the last row: in place and in one write, for every call waits for it."""
    noted = json.dumps({"sequence": head.sequence, "seal": head.seal, "noted": int(time.time())})
    place = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(place, noted.ljust(_HEAD_BYTES).encode(), 0)
    finally:
        os.close(place)


def read_head(file: Path) -> Head | None:
    """The last row that was noted; None where none was, or where it cannot be read."""
    try:
        noted = json.loads(file.read_text())
        return Head(int(noted["sequence"]), str(noted["seal"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
