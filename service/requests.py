"""What is noted of each call: one line of log, one count, one span. Never what was in it."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from service import logs, tracing
from service.auth import caller_name
from service.metrics import Metrics
from service.status import out_of_time

log = logging.getLogger(__name__)

REQUEST_KEY = "x-request-id"
"""Trailing metadata of each answer: the number of the call in the log."""


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Notes:
    """Notes calls in the log and in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def around(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Notes one call when it has been answered."""
        number = secrets.token_hex(8)
        logs.request_id.set(number)
        context.set_trailing_metadata(((REQUEST_KEY, number),))
        started = time.perf_counter()
        name = method.removeprefix("/")
        code = "OK"
        try:
            with tracing.span(name, request=number):
                yield
            code = _name(context.code())
        except asyncio.CancelledError:
            code = "DEADLINE_EXCEEDED" if out_of_time(context) else "CANCELLED"
            raise
        except BaseException:
            code = _name(context.code(), "UNKNOWN")
            raise
        finally:
            seconds = time.perf_counter() - started
            self._metrics.call(name, code, seconds)
            fields = {"method": name, "caller": caller_name(), "code": code, "milliseconds": round(seconds * 1000, 1)}
            level = logging.DEBUG if name.startswith("grpc.health.") else logging.INFO
            log.log(level, "call", extra={"fields": fields})


def _name(code: object, otherwise: str = "OK") -> str:
    """The word of a status code, as a number, an enum or nothing."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return _NAMES.get(code, otherwise) if isinstance(code, int) else otherwise
