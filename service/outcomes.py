"""Takes reports of what became of patients: the contract's OutcomeService over the store of monitoring."""

import asyncio
import re
import time
from collections.abc import Callable

import grpc

from models.monitoring.outcome import Outcome
from models.monitoring.store import MonitoringStore, Predicted
from radresponse.v1 import outcome_pb2, outcome_pb2_grpc
from service.audit.key import Key
from service.auth import caller_of
from service.convert import require_subject
from service.errors import BadRequestField, PredictionNotFound

_NUMBER = re.compile(r"[0-9a-f]{32}")
LATEST_DAY = 36_525
"""A hundred years."""


class OutcomeServicer(outcome_pb2_grpc.OutcomeServiceServicer):
    """Every call to the store is made in a thread."""

    def __init__(
        self,
        store: MonitoringStore,
        key: Key,
        settle: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Takes where to.

        Args:
            store: Of predictions and outcomes.
            key: Of the audit.
            settle: Waits until all that was predicted so far is in the store.
            clock: Seconds since 1970.
        """
        self._store = store
        self._settle = settle
        self._key = key
        self._clock = clock

    async def ReportOutcome(  # noqa: N802 - gRPC's name
        self,
        request: outcome_pb2.ReportOutcomeRequest,
        context: grpc.aio.ServicerContext[outcome_pb2.ReportOutcomeRequest, outcome_pb2.ReportOutcomeResponse],
    ) -> outcome_pb2.ReportOutcomeResponse:
        """One patient's."""
        require_subject(request.subject, "subject")
        if not _NUMBER.fullmatch(request.prediction_id):
            raise BadRequestField("prediction_id", "wanted 32 lower-case hexadecimal digits, as in the provenance")
        outcome = _outcome_of(request)
        holder = self._key.holder(caller_of(context).name, request.subject)
        return await asyncio.to_thread(self._report, request.prediction_id, holder, outcome)

    def _report(self, number: str, holder: str, outcome: Outcome) -> outcome_pb2.ReportOutcomeResponse:
        self._settle()
        predictions = self._store.predictions(number, holder)
        if not predictions:
            raise PredictionNotFound
        fitting = _fitting(predictions, outcome)
        replaced = self._store.report(number, holder, outcome, round(self._clock() * 1e6))
        answer = outcome_pb2.ReportOutcomeResponse(replaced=replaced)
        for one in fitting:
            answer.models.add(name=one.name, version=one.version, digest=one.digest)
        return answer


def _outcome_of(request: outcome_pb2.ReportOutcomeRequest) -> Outcome:
    seen = request.WhichOneof("seen")
    if seen is None:
        raise BadRequestField("seen", "neither responded nor progressed; wanted one of them")
    if not 0 <= request.day <= LATEST_DAY:
        raise BadRequestField("day", f"{request.day}; wanted 0 to {LATEST_DAY} days since the baseline image")
    if seen == "progressed" and request.day == 0:
        raise BadRequestField("day", "0; nobody is followed for no time, so wanted 1 or more with progressed")
    task, event = ("outcome", request.responded) if seen == "responded" else ("progression", request.progressed)
    return Outcome("outcome" if task == "outcome" else "progression", request.therapy, request.day, event)


def _fitting(predictions: tuple[Predicted, ...], outcome: Outcome) -> list[Predicted]:
    """Predictions that the outcome can be set beside."""
    of_task = [one for one in predictions if one.task == outcome.task]
    if not of_task:
        raise BadRequestField("seen", f"no model of that prediction predicted a {outcome.task}")
    fitting = [one for one in of_task if one.therapy in (outcome.therapy, "")]
    if not fitting:
        known = ", ".join(sorted({one.therapy for one in of_task}))
        raise BadRequestField("therapy", f"not among those that were predicted for; wanted one of {known}")
    return sorted(fitting, key=lambda one: one.name)
