"""Takes note of predictions as they are made, off the calls' path: what fails here costs no call."""

import logging
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from models.answers import Answer, Prediction
from models.errors import StoreUnavailable
from models.monitoring.shadowed import Said, Shadowed
from models.monitoring.store import MonitoringStore, Predicted
from models.spreads import Spread, Spreads
from models.version import Model

log = logging.getLogger(__name__)

FEWEST_CASES = 20
"""That are counted together before the counts are kept: of fewer, counts would tell a patient's values."""
MOST_WAITING = 10_000
KNOWN = 20_000
"""Questions that are remembered, so that the same one asked again counts once."""
GATHER_SECONDS = 0.25
"""That a prediction waits for others to be kept with: each transaction is written through to the disk."""
TIDY_SECONDS = 3600.0
DAY_US = 86_400_000_000


class Ticket:
    """One call's leave to keep what it predicts."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self.forgotten = False
        """Whether the patient was deleted since the call began."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one model was given, and what it said."""

    model: Model
    values: Mapping[str, float | str]
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Observed:
    ticket: Ticket
    prediction_id: str
    made_us: int
    asked: tuple[Asked, ...]
    challenger: Asked | None = None
    """What it said in shadow, beside the one model in `asked`."""


@dataclass(slots=True)
class _Counting:
    """Counts of one version that are not kept yet."""

    cases: int = 0
    counts: dict[str, list[int]] = field(default_factory=dict)


class Observer:
    """One thread that keeps predictions and counts. Safe to share between threads."""

    def __init__(self, store: MonitoringStore, *, days: float = 730.0, clock: Callable[[], float] = time.time) -> None:
        """Starts.

        Args:
            store: Where to.
            days: How long a prediction waits for its outcome.
            clock: Seconds since 1970.
        """
        self._store = store
        self._days = days
        self._clock = clock
        self._waiting: deque[_Observed] = deque(maxlen=MOST_WAITING)
        self._tickets: weakref.WeakSet[Ticket] = weakref.WeakSet()
        self._counting: dict[str, _Counting] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._changed = threading.Condition()
        self._idle = False
        """Whether the thread waits for a first prediction: only then is it woken, for that costs a call its time."""
        self._writing = threading.Lock()
        self._ended = False
        self._settling = 0
        self._well = True
        self._tidied = float("-inf")
        self._thread = threading.Thread(target=self._keep_on, name="monitoring", daemon=True)
        self._thread.start()

    def ticket(self, holder: str) -> Ticket:
        """For one call, taken when it begins."""
        with self._changed:
            ticket = Ticket(holder)
            self._tickets.add(ticket)
        return ticket

    def observe(self, ticket: Ticket, prediction_id: str, asked: Sequence[Asked]) -> None:
        """Takes note; returns at once."""
        self._take(_Observed(ticket, prediction_id, round(self._clock() * 1e6), tuple(asked)))

    def shadowed(self, ticket: Ticket, prediction_id: str, champion: Asked, challenger: Asked) -> None:
        """Takes note of what a challenger said in shadow; returns at once."""
        self._take(_Observed(ticket, prediction_id, round(self._clock() * 1e6), (champion,), challenger))

    def forget(self, holder: str) -> int:
        """Removes what is kept for a holder; calls that still run for them keep nothing.

        Raises:
            StoreUnavailable: It may still be there.
        """
        with self._changed:
            for ticket in self._tickets:
                ticket.forgotten = ticket.forgotten or ticket.holder == holder
        with self._writing:
            return self._store.forget(holder)

    def settle(self) -> None:
        """Waits until all that was observed so far is kept, or could not be."""
        with self._changed:
            self._settling += 1
            self._changed.notify_all()
            while self._waiting and self._thread.is_alive():
                self._changed.wait(0.05)
            self._settling -= 1
        with self._writing:
            pass

    def close(self) -> None:
        """Keeps what waits, and ends. Counts of fewer cases than may be kept are dropped."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
        self._store.close()

    def _take(self, observed: _Observed) -> None:
        with self._changed:
            self._waiting.append(observed)
            if self._idle:
                self._idle = False
                self._changed.notify_all()

    def _keep_on(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._idle = True
                    self._changed.wait()
                self._idle = False
                if not self._waiting:
                    return
                self._changed.wait_for(lambda: self._ended or self._settling > 0, GATHER_SECONDS)
            with self._writing:
                with self._changed:
                    taken = [one for one in self._waiting if not one.ticket.forgotten]
                    self._waiting.clear()
                    self._changed.notify_all()
                self._keep(taken)

    def _keep(self, taken: Sequence[_Observed]) -> None:
        try:
            self._store.add_predictions(
                (one.prediction_id, one.ticket.holder, one.made_us, _predicted(one.asked))
                for one in taken
                if one.challenger is None
            )
            for one in taken:
                if one.challenger is not None:
                    pairs = beside(one.asked[0], one.challenger)
                    self._store.add_shadowed(one.prediction_id, one.ticket.holder, one.made_us, pairs)
                for asked in one.asked if one.challenger is None else (one.challenger,):
                    self._count(one.ticket.holder, asked)
            self._keep_counts()
            if time.monotonic() > self._tidied + TIDY_SECONDS:
                self._store.tidy(round(self._clock() * 1e6 - self._days * DAY_US))
                self._tidied = time.monotonic()
        except StoreUnavailable as error:
            if self._well:
                log.warning("predictions cannot be kept for monitoring; calls go on", exc_info=error)
            self._well = False
        except Exception:
            log.exception("predictions cannot be kept for monitoring; calls go on")
        else:
            self._well = True

    def _count(self, holder: str, asked: Asked) -> None:
        spreads: Spreads | None = getattr(asked.model.manifest, "spreads", None)
        if spreads is None:
            return
        digest = asked.model.digest
        counting = self._counting.setdefault(digest, _Counting())
        patient = (holder, digest, tuple(sorted(asked.values.items())))
        if self._new(hash(patient)):
            counting.cases += 1
            for spread in spreads.columns:
                _add(counting.counts, f"input:{spread.name}", spread, asked.values.get(spread.name))
        by_therapy = {spread.name: spread for spread in spreads.predictions}
        for prediction in asked.answer.predictions:
            of_therapy = by_therapy.get(prediction.therapy)
            if of_therapy is not None and self._new(hash((*patient, prediction.therapy))):
                _add(counting.counts, f"prediction:{of_therapy.name}", of_therapy, _figure(prediction))

    def _keep_counts(self) -> None:
        for digest, counting in list(self._counting.items()):
            if counting.cases >= FEWEST_CASES:
                self._store.add_counts(digest, counting.cases, counting.counts, round(self._clock() * 1e6))
                del self._counting[digest]

    def _new(self, question: int) -> bool:
        if question in self._known:
            self._known.move_to_end(question)
            return False
        self._known[question] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return True


def _add(counts: dict[str, list[int]], name: str, spread: Spread, value: float | str | None) -> None:
    """One more in its class; the last number counts those without a value."""
    of_column = counts.setdefault(name, [0] * (spread.classes + 1))
    found = spread.class_of(value)
    of_column[spread.classes if found is None else found] += 1


def _figure(prediction: Prediction) -> float | None:
    """The number by which predictions are compared with the training cohort's."""
    if prediction.outcome is not None:
        return prediction.outcome.probability
    return None if prediction.progression is None else prediction.progression.restricted_mean_days


def beside(champion: Asked, challenger: Asked) -> list[Shadowed]:
    """Both answers, therapy by therapy, where both have one of the same kind."""
    said = {one.therapy: one for one in _predicted([challenger])}
    return [
        Shadowed(
            one.name, one.task, one.therapy,
            Said(one.version, one.digest, one.probability, one.curve),
            Said(other.version, other.digest, other.probability, other.curve),
        )
        for one in _predicted([champion])
        if (other := said.get(one.therapy)) is not None and other.task == one.task
    ]  # fmt: skip


def _predicted(asked: Sequence[Asked]) -> list[Predicted]:
    return [
        Predicted(
            name=one.model.name,
            version=one.model.version,
            digest=one.model.digest,
            task=one.model.task,
            therapy=prediction.therapy,
            probability=prediction.outcome.probability if prediction.outcome else None,
            curve=tuple(zip(prediction.progression.time_days, prediction.progression.survival, strict=True))
            if prediction.progression
            else (),
        )
        for one in asked
        for prediction in one.answer.predictions
        if prediction.outcome or prediction.progression
    ]
