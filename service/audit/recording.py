"""Records every call that may touch a case before its answer leaves; one that cannot be recorded is not answered.

Stands inside of what turns errors into answers, and outside of the gate: refused calls are recorded too.
"""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from service import status
from service.audit.entry import OK, Entry, Means, Records, current
from service.audit.facts import Facts
from service.audit.key import Key
from service.errors import AuditUnavailable
from service.kept import Handler
from service.known import UNKNOWN, method_of

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

TOUCH_NO_CASE = frozenset(
    {"radresponse.v1.ModelService", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
)
"""Services whose calls are not recorded; all others are, also those that nobody has thought of yet."""
STARTED = "STARTED"
"""The code of a call that goes on, such as a stream of answers before its first one; another row follows at its end."""


LASTING = frozenset({"radresponse.v1.ImageService/DeleteSubject", "radresponse.v1.OutcomeService/ReportOutcome"})
"""Methods whose effect cannot be taken back: they only begin while the record takes rows."""


class Recording(grpc.aio.ServerInterceptor):
    """Watches requests and answers pass, and writes a row for each call."""

    def __init__(
        self,
        records: Records,
        key: Key,
        *,
        clock: Callable[[], float] = time.time,
        observe: Callable[[str, float], None] = lambda stage, seconds: None,
    ) -> None:
        """Takes where to.

        Args:
            records: The writer.
            key: Of the audit.
            clock: Seconds since 1970.
            observe: Takes the seconds that a call waited for its row, as the stage `audit`.
        """
        self._key = key
        self._means = Means(records, clock, observe)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers
        """The handler, recorded."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or (method := method_of(handler, handler_call_details)) == UNKNOWN:
            return handler
        if method.split("/")[1] in TOUCH_NO_CASE:
            return handler
        return self._wrap(handler, method)

    def _wrap(self, handler: Handler, method: str) -> Handler:
        kind = f"{'stream' if handler.request_streaming else 'unary'}_"
        kind += "stream" if handler.response_streaming else "unary"
        behaviour = getattr(handler, kind)
        wrapped = self._iterating if inspect.isasyncgenfunction(behaviour) else self._returning
        seen = _first_seen if handler.request_streaming else _seen
        return handler._replace(**{kind: wrapped(behaviour, seen, method.removeprefix("/"))})

    def _returning(
        self, behaviour: Callable[..., Awaitable[Any]], seen: Callable[[Any, Facts], Any], method: str
    ) -> Callable[..., Awaitable[Any]]:
        async def call(request: object, context: Context) -> Any:  # noqa: ANN401
            entry = self._entry(method)
            current.set(entry)
            try:
                asked = seen(request, entry.facts)
                if method in LASTING:
                    await entry.ready(STARTED)
                answer = await behaviour(asked, context)
            except BaseException as error:
                await _refused(error, context, entry)
                raise
            if entry.sent is not None:
                return entry.sent
            sent = entry.facts.answered(answer)
            await entry.write(OK)
            return sent

        return call

    def _iterating(
        self, behaviour: Callable[..., AsyncIterator[Any]], seen: Callable[[Any, Facts], Any], method: str
    ) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: object, context: Context) -> AsyncIterator[Any]:
            entry = self._entry(method)
            started = False
            try:
                async for answer in behaviour(seen(request, entry.facts), context):
                    if not started:
                        await entry.write(STARTED)
                        started = True
                    yield entry.facts.answered(answer)
            except BaseException as error:
                await _refused(error, context, entry)
                raise
            await entry.write(OK)

        return call

    def _entry(self, method: str) -> Entry:
        return Entry(method, Facts(self._key), self._means)


async def _refused(error: BaseException, context: Context, entry: Entry) -> None:
    """Records how a call failed; whose caller has gone, or whose row failed already, is told nothing more."""
    if isinstance(error, AuditUnavailable) or not entry.taken():
        return
    code, reason = status.told(error, context)
    try:
        await entry.write(code.name, reason)
    except AuditUnavailable:
        if isinstance(error, Exception):
            raise
        log.warning("a call that its caller left is not recorded", extra={"fields": {"method": entry.method}})


def _seen(request: object, facts: Facts) -> object:
    facts.asked(request)
    return request


async def _first_seen(requests: AsyncIterator[object], facts: Facts) -> AsyncIterator[object]:
    first = True
    async for request in requests:
        if first:
            facts.asked(request)
        first = False
        yield request
