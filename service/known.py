"""Refuses methods that this server does not have with a status of our own; gRPC's own has no details."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from service.errors import UnknownMethod

UNKNOWN = "/unknown"
"""Stands for any such method: what a caller called it is noted nowhere."""


class Known(grpc.aio.ServerInterceptor):
    """Stands outside of the gate: whether a method exists is no secret, for the contract is public."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers
        """The handler, or one that refuses whatever comes."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return grpc.stream_stream_rpc_method_handler(_refuse, request_deserializer=_unread)
        return handler


def method_of(handler: Any, handler_call_details: grpc.HandlerCallDetails) -> str:  # noqa: ANN401 - gRPC's handlers
    """The full name of a method, `/package.Service/Method`; `UNKNOWN` for one that this server does not have."""
    return UNKNOWN if handler.request_deserializer is _unread else str(handler_call_details.method)


def _unread(content: bytes) -> bytes:
    return content


async def _refuse(requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
    raise UnknownMethod
    yield b""  # makes it a stream
