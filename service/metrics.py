"""Counts and times for Prometheus: of methods, stages and models, never of patients or callers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.errors import SettingsError

if TYPE_CHECKING:
    from models.monitoring.summary import Monitored

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Upper edges of the histograms' classes."""


@dataclass(frozen=True, slots=True)
class States:
    """Which versions serve, and which should and do not."""

    answering: bool
    """Whether the registry did when it was last looked at."""
    serving: Sequence[tuple[str, str]]
    """Model and version."""
    troubled: Sequence[tuple[str, str, str]]
    """Model, version that does not serve, and the kind of the reason, e.g. `NOT_RELEASED`."""
    challengers: Sequence[tuple[str, str]] = ()
    """Model and version of those that are tried."""
    challengers_troubled: Sequence[tuple[str, str, str]] = ()
    """As `troubled`, of versions with the challengers' alias."""


class Metrics:
    """All metrics of one server, in a registry of its own. Safe to share between threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "radresponse_calls", "Calls answered, by method and gRPC code.", ("method", "code"), registry=self.registry
        )
        self._call_seconds = Histogram(
            "radresponse_call_seconds", "Seconds to an answer, by method.", ("method",),
            registry=self.registry, buckets=SECONDS,
        )  # fmt: skip
        self._stage_seconds = Histogram(
            "radresponse_stage_seconds",
            "Seconds in a stage (queue, decode, radiomics, measures, embedding, predict), by model where it is one's.",
            ("stage", "model", "version"), registry=self.registry, buckets=SECONDS,
        )  # fmt: skip
        self._stages: dict[tuple[str, str, str], Histogram] = {}
        """Prometheus' own look for a label takes longer than to count."""
        self._ended: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._uploaded = Counter("radresponse_upload_bytes", "Bytes of images received.", registry=self.registry)
        self._drift = Gauge(
            "radresponse_drift_psi",
            "Population stability index of an input column, or of what is predicted for a therapy.",
            ("model", "version", "of"), registry=self.registry,
        )  # fmt: skip
        self._drifted = Gauge(
            "radresponse_drifted", "Columns and predictions that have moved.", ("model", "version"),
            registry=self.registry,
        )  # fmt: skip
        self._outcomes = Gauge(
            "radresponse_outcomes", "Patients whose outcome was reported.", ("model", "version"), registry=self.registry
        )
        self._live = Gauge(
            "radresponse_live_performance", "Performance on reported outcomes.", ("model", "version", "figure"),
            registry=self.registry,
        )  # fmt: skip
        self._batches = Histogram(
            "radresponse_embedding_batch_lesions", "Lesions of one batch on a device.",
            registry=self.registry, buckets=(1, 2, 4, 8, 16, 32, 64),
        )  # fmt: skip
        self._lesions_waiting = Gauge(
            "radresponse_embedding_queue_depth", "Lesions that wait for a device.", registry=self.registry
        )
        self._devices = Gauge(
            "radresponse_embedding_device_up",
            "1 where embeddings run on the device that was asked for, 0 where the CPU stands in for it.",
            ("device",), registry=self.registry,
        )  # fmt: skip
        self._shadows = Counter(
            "radresponse_shadow", "Questions to a challenger in shadow: answered, failed or dropped.",
            ("model", "version", "result"), registry=self.registry,
        )  # fmt: skip
        self._canaries = Counter(
            "radresponse_canary", "Answers that a challenger gave.", ("model", "version"), registry=self.registry
        )
        self._waiting = Gauge("radresponse_queue_depth", "Calls that wait for a thread.", registry=self.registry)

    def observe(self, stage: str, seconds: float, model: str = "", version: str = "") -> None:
        """Adds the seconds of one stage of one call."""
        key = (stage, model, version)
        if (of_stage := self._stages.get(key)) is None:
            of_stage = self._stages[key] = self._stage_seconds.labels(*key)
        of_stage.observe(seconds)

    def call(self, method: str, code: str, seconds: float) -> None:
        """Adds one answered call."""
        if (of_method := self._ended.get((method, code))) is None:
            of_method = self._calls.labels(method, code), self._call_seconds.labels(method)
            self._ended[method, code] = of_method
        of_method[0].inc()
        of_method[1].observe(seconds)

    def shadow(self, model: str, version: str, result: str) -> None:
        """Adds one question to a challenger in shadow."""
        self._shadows.labels(model, version, result).inc()

    def canary(self, model: str, version: str) -> None:
        """Adds one answer of a challenger."""
        self._canaries.labels(model, version).inc()

    def uploaded(self, size_bytes: int) -> None:
        """Adds received bytes."""
        self._uploaded.inc(size_bytes)

    def monitored(self, versions: Sequence["Monitored"]) -> None:
        """Takes how the versions that serve do; those that no longer serve are dropped."""
        for gauge in (self._drift, self._drifted, self._outcomes, self._live):
            gauge.clear()
        for of in versions:
            for drift in of.inputs:
                self._drift.labels(of.name, of.version, drift.name).set(drift.psi)
            for drift in of.predictions:
                self._drift.labels(of.name, of.version, f"prediction {drift.name}".strip()).set(drift.psi)
            self._drifted.labels(of.name, of.version).set(len(of.drifted))
            self._outcomes.labels(of.name, of.version).set(of.live.patients if of.live else 0)
            for name, estimate in of.live.figures if of.live else ():
                self._live.labels(of.name, of.version, name).set(estimate.value)

    def queue_depth(self, depth: Callable[[], int]) -> None:
        """Says where the number of waiting calls is asked for."""
        self._waiting.set_function(depth)

    def embedding_batch(self, lesions: int) -> None:
        """Adds one batch of embeddings."""
        self._batches.observe(lesions)

    def embedding_depth(self, depth: Callable[[], int]) -> None:
        """Says where the number of waiting lesions is asked for."""
        self._lesions_waiting.set_function(depth)

    def embedding_device(self, device: str, up: Callable[[], bool]) -> None:
        """Says where it is asked whether a device does what it should."""
        self._devices.labels(device).set_function(up)

    def models(self, states: Callable[[], States]) -> None:
        """Says where it is asked which models serve."""
        self.registry.register(_Models(states))

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Answers Prometheus over HTTP; gives the port.

        Raises:
            SettingsError: The port is taken.
        """
        try:
            server, thread = start_http_server(port, host, registry=self.registry)
        except OSError as error:
            raise SettingsError(f"metrics_port: {host}:{port}: {error.strerror}") from None
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Models(Collector):
    """Asked anew at each look, so that a version that no longer serves is no longer told."""

    def __init__(self, states: Callable[[], States]) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """As of this moment."""
        states = self._states()
        answers = GaugeMetricFamily("radresponse_registry_answers", "Whether the registry answered the last look.")
        answers.add_metric((), float(states.answering))
        serves = GaugeMetricFamily("radresponse_model_serves", "Versions that serve.", labels=("model", "version"))
        for model, version in states.serving:
            serves.add_metric((model, version), 1.0)
        trouble = GaugeMetricFamily(
            "radresponse_model_trouble",
            "Versions that have the alias and do not serve.",
            labels=("model", "version", "reason"),
        )
        for model, version, reason in states.troubled:
            trouble.add_metric((model, version, reason), 1.0)
        tried = GaugeMetricFamily("radresponse_challenger", "Versions that are tried.", labels=("model", "version"))
        for model, version in states.challengers:
            tried.add_metric((model, version), 1.0)
        hindered = GaugeMetricFamily(
            "radresponse_challenger_trouble",
            "Versions that have the challengers' alias and are not tried.",
            labels=("model", "version", "reason"),
        )
        for model, version, reason in states.challengers_troubled:
            hindered.add_metric((model, version, reason), 1.0)
        yield from (answers, serves, trouble, tried, hindered)
