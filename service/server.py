"""The server: one grpc.aio server with all services, its guards around every call, and a clean end."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from features.cache import FeatureCache
from radresponse.v1 import image_pb2_grpc
from service import health, status, tracing
from service.audit.key import Key
from service.audit.recording import Recording
from service.audit.store import audit_store
from service.audit.writer import Writer
from service.auth import Gate
from service.decoding import Decoding
from service.errors import SettingsError
from service.images import ImageServicer
from service.intercept import Intercept
from service.kept import Kept
from service.known import Known
from service.listening import bind, credentials, options
from service.metrics import Metrics
from service.requests import Notes
from service.settings import Settings
from service.uploads import DAY_SECONDS, UploadStore

if TYPE_CHECKING:
    from service.monitoring.part import Monitoring
    from service.predicting import Predicting
    from service.trials import Trials

log = logging.getLogger(__name__)

IMAGES = "radresponse.v1.ImageService"
EMBEDDING_DEVICE = "radresponse.embedding.device"
"""Name in the health: not serving while the CPU stands in for a device that is missing or failed; calls go on."""
LOOK_SECONDS = 0.5
"""Between two looks whether the models are ready, and all as it should be."""
TIDY_SECONDS = 3600.0
"""Between two looks for uploads that waited too long."""


class RunningServer:
    """A server that answers, until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        """Nothing runs yet; `start` fills it."""
        self.settings = settings
        self.port = 0
        self.health_port = 0
        self.metrics_port = 0
        self.metrics = Metrics()
        self._predicting: Predicting | None = None
        self._health = health.Health()
        self._resources = AsyncExitStack()

    @property
    def models(self) -> tuple[str, ...]:
        """Names with versions that serve."""
        return self._predicting.models if self._predicting else ()

    @property
    def monitoring(self) -> "Monitoring | None":
        """Takes note of predictions; None for a server of images alone."""
        return self._predicting.monitoring if self._predicting else None

    @property
    def trials(self) -> "Trials | None":
        """Challengers and their shadow; None for a server of images alone."""
        return self._predicting.trials if self._predicting else None

    @property
    def busy(self) -> bool:
        """Whether a thread still works; after a stop, on what nobody waits for any more."""
        return self._predicting is not None and self._predicting.running > 0

    async def stop(self) -> None:
        """Says that it goes, lets calls end within the drain time, then gives everything free."""
        await self._resources.aclose()

    async def _start(self, predicting: bool) -> None:
        """Builds from the ground up; each part is closed in the reverse order."""
        settings, resources = self.settings, self._resources
        _make_folder(settings.data_folder)
        gate, secured = Gate.of(settings), credentials(settings)
        resources.enter_context(tracing.traced(settings.tracing_endpoint))
        uploads, cache = self._stores()
        key = Key.of(settings.audit_key)
        records = Writer(audit_store(settings, key), settings.audit_head)
        resources.callback(records.close)
        outer = [Intercept(Notes(self.metrics).around), Intercept(status.around)]
        recording = Recording(records, key, observe=self.metrics.observe)
        guards = [Kept(), *outer, recording, Known(), Intercept(gate.around), Decoding()]
        server = grpc.aio.server(interceptors=guards, options=options(settings))
        names = self._add_services(server, uploads, cache, key if predicting else None)
        self.port = bind(server, settings.host, settings.port, secured)
        await self._look(names)
        await self._side_doors()
        await server.start()
        resources.push_async_callback(server.stop, settings.drain_seconds)
        resources.push_async_callback(self._health.end)
        if self._predicting is not None:
            resources.push_async_callback(self._predicting.end_watches)
            await self._predicting.start()
            if self.metrics_port:
                self._in_background(self._predicting.measure_on(self.metrics))
        await self._look(names)
        self._in_background(self._look_on(names))
        self._in_background(_tidy(uploads))

    def _stores(self) -> tuple[UploadStore, FeatureCache]:
        settings = self.settings
        cache = FeatureCache(settings.data_folder / "features.db")
        self._resources.callback(cache.close)
        uploads = UploadStore(
            settings.data_folder / "uploads",
            max_bytes=settings.max_image_bytes,
            partial_seconds=settings.partial_days * DAY_SECONDS,
            features=cache,
        )
        self._resources.callback(uploads.close)
        return uploads, cache

    def _add_services(
        self, server: grpc.aio.Server, uploads: UploadStore, cache: FeatureCache, key: Key | None
    ) -> tuple[str, ...]:
        """All services, those that predict where there is a key for their answers; gives the names of our own."""
        images = ImageServicer(uploads, self.metrics, self._forget)
        self._resources.callback(images.close)
        image_pb2_grpc.add_ImageServiceServicer_to_server(images, server)
        names: tuple[str, ...] = (IMAGES,)
        if key is not None:
            from service.predicting import NAMES, Predicting  # noqa: PLC0415 - loads every engine

            self._predicting = Predicting(self.settings, uploads, cache, self.metrics, key)
            self._predicting.add_to(server)
            self._resources.push_async_callback(self._predicting.close)
            names += NAMES
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self.settings.reflection:
            shown = (*names, health.NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(shown, server)
        return names

    def _forget(self, caller: str, subject: str) -> int:
        """What a deletion removes beside uploads and features; called in a thread."""
        return self._predicting.monitoring.forget(caller, subject) if self._predicting else 0

    async def _side_doors(self) -> None:
        """Metrics, and the health without TLS; for this machine unless the operator says otherwise."""
        settings = self.settings
        if settings.metrics_port:
            served = self.metrics.served(settings.metrics_host, settings.metrics_port)
            self.metrics_port = self._resources.enter_context(served)
        if settings.health_port:
            server = grpc.aio.server(options=options(settings))
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            self.health_port = bind(server, "127.0.0.1", settings.health_port)
            await server.start()
            self._resources.push_async_callback(server.stop, 0.0)

    async def _look(self, names: Sequence[str]) -> None:
        """Tells the health as it is."""
        ready = self._predicting is None or self._predicting.ready
        serving = health.SERVING if ready else health.NOT_SERVING
        well = self._predicting is None or (ready and self._predicting.well)
        statuses = dict.fromkeys(("", *names), serving) | {IMAGES: health.SERVING}
        statuses[health.REGISTRY] = health.SERVING if well else health.NOT_SERVING
        if self._predicting is not None:
            as_asked = self._predicting.embedding_as_asked
            statuses[EMBEDDING_DEVICE] = health.SERVING if as_asked else health.NOT_SERVING
        await self._health.set(statuses)

    async def _look_on(self, names: Sequence[str]) -> None:
        while True:
            await self._look(names)
            await asyncio.sleep(LOOK_SECONDS)

    def _in_background(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._resources.push_async_callback(end)


async def start(settings: Settings, *, predicting: bool = True) -> RunningServer:
    """Starts a server, and waits until it is known which models serve.

    Args:
        settings: Checked at birth.
        predicting: False for a server that keeps images only, and loads no engine.

    Raises:
        SettingsError: A file that cannot be read, a port or folder that is taken.
    """
    running = RunningServer(settings)
    try:
        await running._start(predicting)
    except BaseException:
        await running.stop()
        raise
    return running


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_folder: {folder}: {error.strerror}") from None


async def _tidy(uploads: UploadStore) -> None:
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        try:
            dropped = await asyncio.to_thread(uploads.tidy)
        except Exception:
            log.exception("unfinished uploads could not be tidied")
        else:
            log.info("tidied", extra={"fields": {"dropped_files": dropped}})
