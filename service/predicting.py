"""Wires what predicts: the registry's models, the queue, the features' instruments and their two services."""

import asyncio
import logging

import grpc

from features.cache import FeatureCache
from features.imaging.read import Limits
from models.errors import BadKey, BadStore
from models.registry import Registry
from models.releases import ReleaseStore
from models.releases.keys import PUBLIC
from models.releases.place import folder_of
from radresponse.v1 import model_pb2_grpc, outcome_pb2_grpc, prediction_pb2_grpc
from service.audit.key import Key
from service.challengers import Challengers
from service.encoders import Encoders
from service.errors import SettingsError
from service.hosting import Host
from service.inputs import Instruments
from service.metrics import Metrics, States
from service.models_servicer import ModelServicer
from service.monitoring.part import MEASURE_SECONDS, Monitoring
from service.outcomes import OutcomeServicer
from service.pacs.archives import Archives
from service.pacs.door import ArchiveDoor
from service.past import Past
from service.predictions import PredictionServicer
from service.released import Keys
from service.settings import Settings
from service.trials import Trials
from service.uploads import UploadStore
from service.watched import Watched
from service.webhook import webhook_of
from service.work import Work

log = logging.getLogger(__name__)

NAMES = ("radresponse.v1.PredictionService", "radresponse.v1.ModelService", "radresponse.v1.OutcomeService")


class Predicting:
    """Three services of one server, and all that lives as long as they do."""

    def __init__(
        self, settings: Settings, uploads: UploadStore, cache: FeatureCache, metrics: Metrics, key: Key
    ) -> None:
        registry = Registry(settings.registry_uri or None, data_folder=settings.data_folder)
        self._encoders = Encoders(registry, settings.data_folder / "encoders", settings, metrics)
        releases, keys = _releases(settings, registry)
        self._past = Past(releases, keys)
        self._host = Host(
            registry,
            settings.data_folder / "serving",
            releases,
            keys,
            alias=settings.alias,
            names=settings.models,
            poll_seconds=settings.poll_seconds,
            encoders=self._encoders,
        )
        tried = settings.shadow_share > 0 or settings.canary_share > 0
        challengers = Challengers(
            self._host,
            Host(
                registry,
                settings.data_folder / "challengers",
                releases,
                keys,
                alias=settings.challenger_alias,
                names=settings.models,
                poll_seconds=settings.poll_seconds,
                encoders=self._encoders,
                optional=True,
            )
            if tried
            else None,
            key,
            canary_share=settings.canary_share,
        )
        self._challengers = challengers.host
        self._watched = Watched(lambda: self._host.serving)
        self._work = Work(settings.workers, settings.queue_size, metrics.observe)
        self._webhook = webhook_of(settings, self._hint)
        metrics.queue_depth(lambda: self._work.depth)
        metrics.models(lambda: states_of(self._host, self._challengers))
        instruments = Instruments(cache, self._encoders, Limits(max_bytes=settings.max_image_bytes), metrics)
        self.monitoring = Monitoring(settings, key)
        self.trials = Trials(
            challengers,
            self.monitoring,
            metrics,
            key,
            shadow_share=settings.shadow_share,
            busy=lambda: self._work.depth > 0 or self._work.running > 0,
        )
        self._outcomes = OutcomeServicer(self.monitoring.store, key, self.monitoring.settle)
        archives = ArchiveDoor(Archives.of(settings.pacs_file), settings.data_folder / "fetched")
        self._predictions = PredictionServicer(
            self._host, self._work, uploads, cache, instruments, key, self.monitoring, archives, self.trials
        )

    @property
    def ready(self) -> bool:
        """Whether it is known what serves."""
        return self._host.ready

    @property
    def embedding_as_asked(self) -> bool:
        """Whether embeddings run on the devices that were asked for, and not on a CPU that stands in."""
        return not self._encoders.troubled

    @property
    def well(self) -> bool:
        """Whether every model serves the version that it should, and the registry answers."""
        return self._host.answering and not self._host.troubles

    @property
    def models(self) -> tuple[str, ...]:
        """Names with versions that serve."""
        return tuple(f"{name} {held.model.version}" for name, held in self._host.serving.served.items())

    @property
    def running(self) -> int:
        """Pieces of work whose thread has not ended."""
        return self._work.running

    def _hint(self) -> None:
        """There may be something new."""
        for host in (self._host, self._challengers):
            if host is not None:
                host.hint()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds all three."""
        prediction_pb2_grpc.add_PredictionServiceServicer_to_server(self._predictions, server)
        model_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelServicer(self._host, self._watched, self.monitoring, self._past, self.trials), server
        )
        outcome_pb2_grpc.add_OutcomeServiceServicer_to_server(self._outcomes, server)

    async def start(self) -> None:
        """Loads what serves, or learns that the registry does not answer."""
        await asyncio.to_thread(self._host.start)
        if self._challengers is not None:
            await asyncio.to_thread(self._challengers.start)
        if self._webhook is not None:
            self._webhook.start()

    async def measure_on(self, metrics: Metrics) -> None:
        """Keeps the gauges of monitoring up to date."""
        while True:
            try:
                await self.monitoring.measure([held.model for held in self._host.serving.served.values()], metrics)
            except Exception:
                log.exception("how models do cannot be measured")
            await asyncio.sleep(MEASURE_SECONDS)

    async def end_watches(self) -> None:
        """Lets streams end that would go on for as long as the server does."""
        await self._watched.end()

    async def close(self) -> None:
        """Tells work that still runs to stop, and ends the polling."""
        if self._webhook is not None:
            await asyncio.to_thread(self._webhook.stop)
        await self._work.close()
        self.trials.close()
        for host in (self._host, self._challengers):
            if host is not None:
                await asyncio.to_thread(host.stop)
        await asyncio.to_thread(self.monitoring.close)
        self._encoders.close()


def states_of(host: Host, challengers: Host | None = None) -> States:
    """What the metrics tell of models: versions and kinds of trouble, no sentence."""
    tried = challengers.serving.served if challengers is not None else {}
    hindered = challengers.troubles if challengers is not None else {}
    return States(
        answering=host.answering,
        serving=[(name, held.model.version) for name, held in host.serving.served.items()],
        troubled=[(held.name, held.version, held.reason) for held in host.troubles.values()],
        challengers=[(name, held.model.version) for name, held in tried.items()],
        challengers_troubled=[(held.name, held.version, held.reason) for held in hindered.values()],
    )


def _releases(settings: Settings, registry: Registry) -> tuple[ReleaseStore, Keys]:
    folder = folder_of(registry, settings.data_folder)
    keys = Keys(settings.releases_key_file or folder / PUBLIC)
    try:
        if settings.releases_key_file is not None:
            keys.known()
        return ReleaseStore(settings.releases_uri or None, data_folder=folder), keys
    except BadKey as error:
        raise SettingsError(f"releases_key_file: {error}") from error
    except BadStore as error:
        raise SettingsError(f"releases_uri: {error}") from error
