"""Bytes to messages and back: what is no message is refused with a status of our own, and one answer is one text.

gRPC would tell its innards of bytes that it cannot decode, and protobuf would order maps by memory address.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from service.errors import UndecodableRequest
from service.kept import Handler


class Decoding(grpc.aio.ServerInterceptor):
    """The innermost interceptor: what it raises is answered by the others."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers
        """The handler, which now sees only messages."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        return self._wrap(handler)

    @staticmethod
    def _wrap(handler: Handler) -> Handler:
        kind = f"{'stream' if handler.request_streaming else 'unary'}_"
        kind += "stream" if handler.response_streaming else "unary"
        checked = _messages if handler.request_streaming else _message
        deserialize = _forgiving(handler.request_deserializer)
        behaviour = _checking(getattr(handler, kind), checked)
        return handler._replace(
            **{kind: behaviour, "request_deserializer": deserialize, "response_serializer": _same_bytes}
        )


def _same_bytes(answer: Message | bytes) -> bytes:
    """The same bytes for the same answer, in every process; bytes where the audit has made them already."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString(deterministic=True)


def _forgiving(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decoded(content: bytes) -> Any:  # noqa: ANN401 - a message, or what is wrong
        try:
            return deserialize(content)
        except DecodeError:
            return UndecodableRequest(len(content))

    return decoded


def _checking(behaviour: Callable[..., Any], checked: Callable[[Any], Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(behaviour):

        async def iterate(request: object, context: object) -> AsyncIterator[Any]:
            async for response in behaviour(checked(request), context):
                yield response

        return iterate

    async def call(request: object, context: object) -> Any:  # noqa: ANN401 - the method's answer
        return await behaviour(checked(request), context)

    return call


def _message(decoded: object) -> object:
    if isinstance(decoded, UndecodableRequest):
        raise decoded
    return decoded


async def _messages(decoded: AsyncIterator[object]) -> AsyncIterator[object]:
    async for message in decoded:
        yield _message(message)
