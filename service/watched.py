"""Tells those who watch of each other set of models that serves, until the server goes."""

import asyncio
from collections.abc import AsyncIterator, Callable

from service.hosting import ServingSet

LOOK_SECONDS = 0.2
"""Between two looks; the host swaps sets in a thread of its own."""


class Watched:
    """One look for all that watch. Belongs to an event loop."""

    def __init__(self, serving: Callable[[], ServingSet], look_seconds: float = LOOK_SECONDS) -> None:
        """Looks at nothing yet."""
        self._serving = serving
        self._look_seconds = look_seconds
        self._changed = asyncio.Condition()
        self._ended = False
        self._looking: asyncio.Task[None] | None = None

    async def each(self) -> AsyncIterator[ServingSet]:
        """The set of now, and each other one that follows, until the end."""
        if self._looking is None and not self._ended:
            self._looking = asyncio.create_task(self._look())
        told: ServingSet | None = None
        while not self._ended:
            if (now := self._serving()) is not told:
                told = now
                yield now
            async with self._changed:
                while not self._ended and self._serving() is told:
                    await self._changed.wait()

    async def end(self) -> None:
        """Lets all watches end."""
        self._ended = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        async with self._changed:
            self._changed.notify_all()

    async def _look(self) -> None:
        told = self._serving()
        while True:
            await asyncio.sleep(self._look_seconds)
            if (now := self._serving()) is not told:
                told = now
                async with self._changed:
                    self._changed.notify_all()
