"""The handler of each method with all guards around it, kept: gRPC asks every interceptor anew at every call."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from service.known import UNKNOWN, method_of

Handler = Any
"""gRPC's `RpcMethodHandler`, a tuple; the same for every call of a method."""


class Kept(grpc.aio.ServerInterceptor):
    """The outermost interceptor. There are as many handlers as a server has methods: what it lacks is not kept."""

    def __init__(self) -> None:
        self._kept: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers
        """The handler, made by the interceptors inside of it the first time."""
        method = str(handler_call_details.method)
        if (found := self._kept.get(method)) is not None:
            return found
        handler = await continuation(handler_call_details)
        if handler is not None and method_of(handler, handler_call_details) != UNKNOWN:
            self._kept[method] = handler
        return handler
