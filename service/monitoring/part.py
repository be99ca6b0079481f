"""Monitoring as one part of a server: takes note of predictions, forgets patients, and says how versions do."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from models.errors import BadStore, StoreUnavailable
from models.monitoring.store import MonitoringStore
from models.monitoring.summary import Monitored, monitored
from models.version import Model
from service.audit.key import Key
from service.errors import SettingsError
from service.metrics import Metrics
from service.monitoring.observer import Asked, Observer, Ticket
from service.settings import Settings

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
"""How long a summary is told again before it is measured anew."""
MEASURE_SECONDS = 60.0
"""Between two looks for the gauges."""


class Monitoring:
    """Of one server."""

    def __init__(self, settings: Settings, key: Key) -> None:
        """Connects when it is first needed.

        Raises:
            SettingsError: An address of no database.
        """
        self.store = monitoring_store(settings)
        self._key = key
        self._observer = Observer(self.store, days=settings.monitoring_days)
        self._summaries: dict[str, tuple[float, Monitored]] = {}

    def ticket(self, caller: str, subject: str) -> Ticket:
        """For one call, taken when it begins."""
        return self._observer.ticket(self._key.holder(caller, subject))

    def observe(self, ticket: Ticket, prediction_id: str, asked: Sequence[Asked]) -> None:
        """Takes note of predictions; returns at once."""
        self._observer.observe(ticket, prediction_id, asked)

    def shadowed(self, ticket: Ticket, prediction_id: str, champion: Asked, challenger: Asked) -> None:
        """Takes note of what a challenger said in shadow; returns at once."""
        self._observer.shadowed(ticket, prediction_id, champion, challenger)

    def forget(self, caller: str, subject: str) -> int:
        """Removes what is kept of a caller's patient; gives how many predictions and outcomes.

        Raises:
            StoreUnavailable: It may still be there.
        """
        return self._observer.forget(self._key.holder(caller, subject))

    async def summary(self, model: Model) -> Monitored | None:
        """How a version does; None where the store cannot be read."""
        measured, summary = self._summaries.get(model.digest, (float("-inf"), None))
        if time.monotonic() < measured + FRESH_SECONDS:
            return summary
        try:
            spreads = getattr(model.manifest, "spreads", None)  # which a version that others made has not
            summary = await asyncio.to_thread(monitored, model.name, model.version, model.digest, spreads, self.store)
        except StoreUnavailable as error:
            log.warning("how a model does cannot be read", exc_info=error)
            return None
        self._summaries[model.digest] = (time.monotonic(), summary)
        return summary

    async def measure(self, models: Iterable[Model], metrics: Metrics) -> None:
        """Sets the gauges of the versions that serve."""
        found = [summary for model in models if (summary := await self.summary(model))]
        metrics.monitored(found)

    def settle(self) -> None:
        """Waits until all that was observed so far is kept."""
        self._observer.settle()

    def flush(self) -> None:
        """The same, and summaries are measured anew."""
        self._observer.settle()
        self._summaries.clear()

    def close(self) -> None:
        """Keeps what waits, and ends."""
        self._observer.close()


def monitoring_store(settings: Settings, *, must_exist: bool = False) -> MonitoringStore:
    """The store of a service.

    Raises:
        SettingsError: An address of no database.
    """
    try:
        return MonitoringStore(settings.monitoring_address, must_exist=must_exist)
    except BadStore as error:
        raise SettingsError(f"monitoring_uri: {error}") from None
