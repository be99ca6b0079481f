"""Writes calls to the store off the event loop; calls that end while one write runs share the next one."""

import asyncio
import json
import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from models.errors import ModelError
from service.audit.call import Call
from service.audit.store import AuditStore, Head
from service.errors import AuditUnavailable

log = logging.getLogger(__name__)

MOST_AT_ONCE = 512
"""Calls of one transaction."""
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
        self._waiting: deque[tuple[Call | None, Future[None]]] = deque()
        self._changed = threading.Condition()
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

    async def _written_by(self, call: Call | None) -> None:
        written: Future[None] = Future()
        with self._changed:
            if self._ended:
                raise AuditUnavailable
            self._waiting.append((call, written))
            self._changed.notify()
        try:
            # Shielded: who no longer waits for the answer has called all the same.
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(written)), LONGEST_SECONDS)
        except TimeoutError:
            raise AuditUnavailable from None

    def close(self) -> None:
        """Writes what waits, and ends."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        self._store.close()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            if not taken:
                return
            failure = self._written([call for call, _ in taken if call is not None])
            for _, written in taken:
                with suppress(asyncio.InvalidStateError):
                    written.set_exception(failure) if failure else written.set_result(None)

    def _written(self, calls: list[Call]) -> AuditUnavailable | None:
        try:
            head = self._store.append(calls)
        except Exception as error:
            if self._well or not isinstance(error, ModelError):
                log.exception("calls cannot be recorded, and are refused")
            self._well = False
            return AuditUnavailable()
        if not self._well:
            log.info("calls are recorded again")
        self._well = True
        if calls:
            self._note(head)
        return None

    def _note(self, head: Head) -> None:
        try:
            write_head(self._head_file, head)
        except OSError:
            log.exception("the audit's last row cannot be noted beside it")


def write_head(file: Path, head: Head) -> None:
    """Notes the last row, in one step."""
    fresh = file.with_name(f"{file.name}.fresh")
    fresh.write_text(json.dumps({"sequence": head.sequence, "seal": head.seal, "noted": int(time.time())}))
    fresh.replace(file)


def read_head(file: Path) -> Head | None:
    """The last row that was noted; None where none was, or where it cannot be read."""
    try:
        noted = json.loads(file.read_text())
        return Head(int(noted["sequence"]), str(noted["seal"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
