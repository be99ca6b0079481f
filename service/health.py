"""Whether each service serves, as grpc.health.v1 asks for it; those who watch are told when the server goes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

NAME = "grpc.health.v1.Health"
REGISTRY = "radresponse.registry"
"""Not serving while the registry does not answer, or a version that was to serve does not; models go on answering."""
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health_pb2_grpc.HealthServicer):
    """Statuses by name; the empty name stands for the whole server.

    grpc-health-checking's own servicer forgets its other watchers when one leaves, and its watchers hold up a
    server that drains.
    """

    def __init__(self) -> None:
        self._status: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._ended = False

    async def Check(  # noqa: N802 - gRPC's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> health_pb2.HealthCheckResponse:
        """The status of now."""
        if (status := self._status.get(request.service)) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(  # noqa: N802 - gRPC's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status of now, and each other one that follows, until the server goes."""
        told: int | None = None
        while True:
            async with self._changed:
                while self._now(request.service) == told and not self._ended:
                    await self._changed.wait()
            if (now := self._now(request.service)) != told:
                told = now
                yield health_pb2.HealthCheckResponse(status=told)
            if self._ended:
                return

    async def set(self, statuses: Mapping[str, int]) -> None:
        """Takes statuses by name; none after the end."""
        if not self._ended:
            await self._tell(statuses)

    async def end(self) -> None:
        """Nothing serves any more."""
        self._ended = True
        await self._tell(dict.fromkeys(self._status, NOT_SERVING))

    def _now(self, name: str) -> int:
        return self._status.get(name, UNKNOWN)

    async def _tell(self, statuses: Mapping[str, int]) -> None:
        if all(self._status.get(name) == status for name, status in statuses.items()) and not self._ended:
            return
        async with self._changed:
            self._status.update(statuses)
            self._changed.notify_all()
