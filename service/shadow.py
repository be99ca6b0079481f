"""Shadow: a challenger answers the questions of some patients too, after the answer has gone out, and nobody reads it.

One thread, which takes a question only while no call waits. What it cannot keep up with is dropped and counted;
whatever fails there fails alone. Features that the answer did not need are taken from the case's images as long as they
are there; a series that came from an archive is gone by then, and its question fails unless its features are kept.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from features.case import Case
from features.errors import Cancelled, FeatureError
from models.computable import profile_of
from models.errors import ModelError
from service.errors import ServiceError
from service.hosting import Served
from service.inputs import Instruments, inputs_of, measure
from service.metrics import Metrics
from service.monitoring.observer import Asked, Ticket
from service.monitoring.part import Monitoring

log = logging.getLogger(__name__)

MOST_WAITING = 32
"""Questions; each may hold a message's worth of images."""
LONGEST_SECONDS = 120.0
"""For one question."""
IDLE_SECONDS = 0.05
"""Between two looks whether calls wait."""


@dataclass(frozen=True, slots=True)
class Question:
    """One answered call, as far as a challenger needs it."""

    case: Case
    instruments: Instruments
    ticket: Ticket
    prediction_id: str
    asked: Sequence[Asked]
    """What the champions were given, and said."""
    challengers: Mapping[str, Served]
    """By name."""


class Shadow:
    """Safe to offer to from any thread."""

    def __init__(
        self, monitoring: Monitoring, metrics: Metrics, *, busy: Callable[[], bool], most_waiting: int = MOST_WAITING
    ) -> None:
        """Starts.

        Args:
            monitoring: Keeps both answers.
            metrics: Told what came of each question.
            busy: Whether calls wait; then shadows do too.
            most_waiting: Questions; the oldest are dropped for newer ones.
        """
        self._monitoring = monitoring
        self._metrics = metrics
        self._busy = busy
        self._most_waiting = most_waiting
        self._waiting: deque[Question] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._working = False
        self._told: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._work_on, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, question: Question) -> None:
        """Takes a question, or drops one; returns at once."""
        with self._changed:
            self._waiting.append(question)
            while len(self._waiting) > self._most_waiting:
                self._count(self._waiting.popleft(), "dropped")
            self._changed.notify_all()

    def settle(self, seconds: float = 60.0) -> bool:
        """Waits until nothing waits; gives whether that came to be."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._working, seconds)

    def close(self) -> None:
        """Drops what waits; what runs is told to stop, and not waited for: a model may hang."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or bool(self._waiting))
            while not self._ended and self._busy():
                time.sleep(IDLE_SECONDS)
            with self._changed:
                if self._ended:
                    return
                if not self._waiting:
                    continue
                question = self._waiting.popleft()
                self._working = True
            try:
                for asked in question.asked:
                    self._answer(question, asked)
            finally:
                with self._changed:
                    self._working = False
                    self._changed.notify_all()

    def _answer(self, question: Question, asked: Asked) -> None:
        held = question.challengers.get(asked.model.name)
        if held is None:
            return
        until = time.monotonic() + LONGEST_SECONDS

        def check() -> None:
            if self._ended or question.ticket.forgotten or time.monotonic() > until:
                raise Cancelled("nobody waits for a shadow that takes so long")

        model = held.model
        try:
            columns = [spec.name for spec in model.manifest.columns]
            measured = measure(
                question.case, profile_of(model), columns, question.instruments, check, model.manifest.encoder
            )
            inputs = inputs_of(model, question.case, measured)
            therapies = [one.therapy for one in asked.answer.predictions if one.therapy in model.therapies]
            answer = model.predict(inputs.values, therapies, None, inputs.missing)
            check()
        except (FeatureError, ModelError, ServiceError) as error:
            self._failed(held, error.reason, error)
        except Exception as error:
            self._failed(held, type(error).__name__, error)
        else:
            challenger = Asked(model, inputs.values, answer)
            self._monitoring.shadowed(question.ticket, question.prediction_id, asked, challenger)
            self._metrics.shadow(model.name, model.version, "answered")

    def _failed(self, held: Served, reason: str, error: Exception) -> None:
        """Counts it, and says it once for each version and reason."""
        model = held.model
        self._metrics.shadow(model.name, model.version, "failed")
        if (seen := (model.digest, reason)) not in self._told:
            self._told.add(seen)
            told = {"model": model.name, "version": model.version, "reason": reason}
            log.warning("a challenger does not answer in shadow", exc_info=error, extra={"fields": told})

    def _count(self, question: Question, result: str) -> None:
        for asked in question.asked:
            if (held := question.challengers.get(asked.model.name)) is not None:
                self._metrics.shadow(held.model.name, held.model.version, result)
