"""The encoders of a server, by what they are: the default one, and those that served models name."""

import logging
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from features.embedding.encoder import Encoder, default_encoder
from features.errors import FeatureError
from models.errors import BadVersion, ModelNotFound
from models.registry import Registry
from models.registry.encoders import FILE, fetch_encoder
from service.metrics import Metrics
from service.settings import Settings

if TYPE_CHECKING:
    from features.embedding.workers import LaneState, Workers

log = logging.getLogger(__name__)


class Encoders:
    """Loads each encoder once; all share the devices. Safe for concurrent calls."""

    def __init__(self, registry: Registry, folder: Path, settings: Settings, metrics: Metrics | None = None) -> None:
        """Loads nothing yet, torch neither.

        Args:
            registry: Where encoders are registered as versions of their own.
            folder: Where their files are kept.
            settings: Say on which devices they run.
            metrics: Told of batches and devices.
        """
        self._registry = registry
        self._folder = folder
        self._settings = settings
        self._metrics = metrics
        self._workers: Workers | None = None
        self._default: Encoder | None = None
        self._others: dict[str, Encoder] = {}
        self._lock = threading.Lock()

    @property
    def states(self) -> "tuple[LaneState, ...]":
        """How the devices do; none before an encoder was needed."""
        return self._workers.states if self._workers is not None else ()

    @property
    def troubled(self) -> bool:
        """Whether the CPU stands in for a device that was asked for."""
        return any(state.trouble for state in self.states)

    @property
    def default(self) -> Encoder:
        """The one that is shipped."""
        with self._lock:
            return self._shipped()

    def get(self, identity: str) -> Encoder:
        """The encoder with this identity; the default one for an empty text.

        Raises:
            BadVersion: Neither the default one nor registered, or the file is not what it was registered as.
            RegistryUnavailable: It is not here yet, and the registry does not answer.
        """
        with self._lock:
            shipped = self._shipped()
            if identity in ("", shipped.identity):
                return shipped
            if identity not in self._others:
                self._others[identity] = self._fetched(identity, shipped)
            return self._others[identity]

    def close(self) -> None:
        """Ends the devices' threads."""
        with self._lock:
            if self._workers is not None:
                self._workers.close()

    def _shipped(self) -> Encoder:
        if self._default is None:
            self._default = default_encoder(workers=self._devices())
        return self._default

    def _devices(self) -> "Workers":
        if self._workers is None:
            from features.embedding.batching import Limits  # noqa: PLC0415 - with torch, and not before
            from features.embedding.workers import Workers  # noqa: PLC0415

            settings, metrics = self._settings, self._metrics
            limits = Limits(settings.embedding_batch, settings.embedding_wait_seconds, settings.embedding_queue_size)
            workers = Workers(
                settings.device,
                cpu_threads=settings.embedding_threads,
                precision=settings.embedding_precision,
                limits=limits,
                observe=metrics.embedding_batch if metrics else lambda lesions: None,
            )
            for state in workers.states:
                if state.trouble:
                    log.warning("embeddings run on the CPU", extra={"fields": {"trouble": state.trouble}})
            if metrics is not None:
                metrics.embedding_depth(lambda: workers.depth)
                for name in dict.fromkeys(state.device for state in workers.states):
                    metrics.embedding_device(name, partial(_up, workers, name))
            self._workers = workers
        return self._workers

    def _fetched(self, identity: str, shipped: Encoder) -> Encoder:
        """From the local copy, else from the registry."""
        kept = self._folder / identity
        try:
            if not (kept / FILE).is_file():
                shutil.rmtree(kept, ignore_errors=True)
                fetch_encoder(self._registry, identity, kept)
            encoder = Encoder.load(kept / FILE, workers=self._devices())
        except ModelNotFound as error:
            raise BadVersion(
                f"it needs the encoder {identity[:12]}; this server has {shipped.name} {shipped.identity[:12]}, "
                "and none of that identity is registered",
                wanted=identity,
                seen=shipped.identity,
            ) from error
        except FeatureError as error:
            shutil.rmtree(kept, ignore_errors=True)
            raise BadVersion(f"its encoder {identity[:12]} cannot be loaded: {error}", wanted=identity) from error
        if encoder.identity != identity:
            shutil.rmtree(kept, ignore_errors=True)
            raise BadVersion(
                f"the encoder registered as {identity[:12]} is {encoder.identity[:12]} ({encoder.name})",
                wanted=identity,
                seen=encoder.identity,
            )
        log.info("an encoder is loaded", extra={"fields": {"encoder": encoder.name, "identity": identity}})
        return encoder


def _up(workers: "Workers", device: str) -> bool:
    return not any(state.trouble for state in workers.states if state.device == device)
