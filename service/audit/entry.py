"""The row of one call: written once, by the event loop, or by the thread that made the answer.

Who writes the row where the answer was made spares the caller two hand-overs between threads, which take as long as the
row; many rows at a time are better left to the writer's own thread.
"""

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from service import logs
from service.audit.call import Call
from service.audit.facts import Facts
from service.auth import caller_name

P = ParamSpec("P")
M = TypeVar("M", bound=Message)

OK = grpc.StatusCode.OK.name


class Records(Protocol):
    """Where calls are recorded."""

    async def ready(self, begun: Call) -> None:
        """Makes sure that rows are taken, if need be by recording that a call begins; raises AuditUnavailable."""

    async def write(self, call: Call) -> None:
        """Waits until the call is recorded; raises AuditUnavailable where it is not."""

    def write_at_once(self, make: Callable[[], Call | None]) -> bool:
        """Records in this very thread what `make` gives, where that is soon done; whether it is recorded."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all entries share."""

    records: Records
    clock: Callable[[], float]
    """Seconds since 1970."""
    observe: Callable[[str, float], None]
    """Takes the seconds that a call waited for its row, as the stage `audit`."""


class Entry:
    """Of one call; `write_at_once` and `taken` may be called in any thread, all else belongs to the event loop."""

    def __init__(self, method: str, facts: Facts, means: Means) -> None:
        self.facts = facts
        self.sent: object = None
        """The answer as it goes out, of which a thread has written the row already; None where none has."""
        self.method = method
        self._means = means
        self._once = threading.Lock()

    async def ready(self, code: str) -> None:
        """Makes sure that rows are taken."""
        await self._means.records.ready(self._call(code, ""))

    async def write(self, code: str, reason: str = "") -> None:
        """Writes a row of the call.

        Raises:
            AuditUnavailable: It is not recorded.
        """
        began = time.perf_counter()
        await self._means.records.write(self._call(code, reason))
        self._means.observe("audit", time.perf_counter() - began)

    def write_at_once(self, answer: Message) -> None:
        """Writes in this thread that the call is answered, where the record takes it and nobody gave the call up.

        Raises:
            AuditUnavailable: It is not recorded.
        """
        sent: object = None
        failed: BaseException | None = None

        def made() -> Call | None:
            nonlocal sent, failed
            if not self.taken():
                return None
            try:
                sent = self.facts.answered(answer)
            except BaseException as error:  # whom it reaches records it as what it is
                failed = error
                self._once.release()
                return None
            return self._call(OK, "")

        began = time.perf_counter()
        if self._means.records.write_at_once(made):
            self.sent = sent
            self._means.observe("audit", time.perf_counter() - began)
        elif failed is not None:
            raise failed

    def taken(self) -> bool:
        """Takes it upon the caller to say how the call ended; False where another has."""
        return self._once.acquire(blocking=False)

    def _call(self, code: str, reason: str) -> Call:
        return Call(
            id=logs.request_id.get(),
            time_us=round(self._means.clock() * 1e6),
            caller=caller_name(),
            method=self.method,
            code=code,
            reason=reason,
            subject=self.facts.subject,
            prediction_id=self.facts.prediction_id,
            made=self.facts.made,
        )


current: contextvars.ContextVar[Entry | None] = contextvars.ContextVar("entry", default=None)
"""Of the call that this task answers; None where calls are not recorded."""


def recorded(job: Callable[P, M], alone: Callable[[], bool]) -> Callable[P, M]:
    """A job whose thread records its answer as well, unless other work waits for the thread.

    Args:
        job: Makes the answer.
        alone: Whether no other work runs or waits.
    """

    def run(*args: P.args, **kwargs: P.kwargs) -> M:
        answer = job(*args, **kwargs)
        entry = current.get()
        if entry is not None and alone():
            entry.write_at_once(answer)
        return answer

    return run
