"""Puts an asynchronous context around every call, of whatever kind its method is."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

from service.kept import Handler
from service.known import method_of

Around = Callable[[str, grpc.aio.ServicerContext[Any, Any]], AbstractAsyncContextManager[None]]
"""Takes the method, as `service.known.method_of` gives it, and the call's context."""


class Intercept(grpc.aio.ServerInterceptor):
    """Runs each call inside `around`, which may refuse it, watch it, or turn what it raises into something else."""

    def __init__(self, around: Around) -> None:
        self._around = around

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers
        """The handler with the context around it."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return None
        method = method_of(handler, handler_call_details)
        return self._wrap(handler, method)

    def _wrap(self, handler: Handler, method: str) -> Handler:
        kind = f"{'stream' if handler.request_streaming else 'unary'}_"
        kind += "stream" if handler.response_streaming else "unary"
        behaviour = getattr(handler, kind)
        wrapped = self._iterating if inspect.isasyncgenfunction(behaviour) else self._returning
        return handler._replace(**{kind: wrapped(behaviour, method)})

    def _returning(self, behaviour: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
        async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: ANN401
            async with self._around(method, context):
                return await behaviour(request, context)

        return call

    def _iterating(
        self, behaviour: Callable[..., AsyncIterator[Any]], method: str
    ) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            async with self._around(method, context):
                async for response in behaviour(request, context):
                    yield response

        return call
