"""What becomes of a call beside its answer: challengers that answered it are counted, others are asked in shadow."""

from collections.abc import Callable
from dataclasses import replace

from service.audit.key import Key
from service.challengers import Challengers
from service.hosting import ServingSet
from service.metrics import Metrics
from service.monitoring.part import Monitoring
from service.shadow import Question, Shadow


class Trials:
    """Of one server."""

    def __init__(
        self,
        challengers: Challengers,
        monitoring: Monitoring,
        metrics: Metrics,
        key: Key,
        *,
        shadow_share: float,
        busy: Callable[[], bool],
    ) -> None:
        """Prepares; the shadow's thread runs where there is a share for it.

        Args:
            challengers: Who is tried.
            monitoring: Keeps what the shadow says.
            metrics: Told of both.
            key: Of the audit: the same patients are asked about in shadow by all services that share it.
            shadow_share: Of patients.
            busy: Whether calls wait.
        """
        self.challengers = challengers
        self.shadow = Shadow(monitoring, metrics, busy=busy) if shadow_share > 0 else None
        self._metrics = metrics
        self._key = key
        self.shadow_share = shadow_share

    def tried(self, question: Question, serving: ServingSet, subject: str) -> None:
        """Takes note of a call that was answered; returns at once.

        Args:
            question: With all challengers of that moment.
            serving: The set that answered.
            subject: The patient's pseudonym.
        """
        for asked in question.asked:
            if asked.model.name in serving.champions:
                self._metrics.canary(asked.model.name, asked.model.version)
        silent = {
            name: held
            for name, held in question.challengers.items()
            if name not in serving.champions
            and self._key.part("shadow", held.model.digest, subject) < self.shadow_share
        }
        if self.shadow is not None and silent:
            self.shadow.offer(replace(question, challengers=silent))

    def close(self) -> None:
        """Ends the shadow."""
        if self.shadow is not None:
            self.shadow.close()
