"""Handlers that an interceptor has wrapped, kept: gRPC asks for the handler of every call anew."""

from collections.abc import Callable
from typing import Any

Handler = Any
"""gRPC's `RpcMethodHandler`, a tuple; the same for every call of a method."""


class Wrapped:
    """By method and handler. There are as many as a server has methods."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Handler], Handler] = {}

    def of(self, method: str, handler: Handler, wrap: Callable[[], Handler]) -> Handler:
        """The wrapped handler, made the first time.

        Args:
            method: Of those that the server has, or the one word for all others: what a caller writes is no key.
            handler: What is wrapped.
            wrap: Makes it.
        """
        key = (method, handler)
        if (found := self._known.get(key)) is None:
            found = self._known[key] = wrap()
        return found
