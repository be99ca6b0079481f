"""Predicts, compares and extracts: one case through the asked models of one pinned set."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial

import grpc

from features.cache import FeatureCache
from features.case import Case, Source
from features.errors import Cancelled
from models.answers import Answer, Notice
from models.computable import profile_of
from models.errors import MissingColumn, ModelError
from radresponse.v1 import board_pb2, case_pb2, prediction_pb2, prediction_pb2_grpc
from service.answer import difference_of, prediction_of, warnings_of
from service.audit.entry import recorded
from service.audit.key import Key
from service.auth import Caller, caller_of
from service.board import pictures_of, similar_patients_of
from service.challengers import Pinned, canary_notices, failed_canaries
from service.convert import case_of, require_different, within_case
from service.errors import BadRequestField
from service.extraction import Extraction
from service.hosting import Host, ServingSet
from service.inputs import Inputs, Instruments, Measured, inputs_of, measure_for, notices_of
from service.monitoring.observer import Asked as Observed
from service.monitoring.part import Monitoring
from service.pacs.door import ArchiveDoor
from service.provenance import number, provenance_of
from service.results.answered import Answered, Response
from service.results.dicom.objects import Objects, objects_of
from service.results.documents import Format, documents_of, require_formats
from service.saliency import saliency_of
from service.selection import Asked, Selection, left_out, nothing_left, of_named, select, unknown_covariates
from service.shadow import Question
from service.tracing import span
from service.trials import Trials
from service.uploads import UploadStore
from service.work import Check, Pace, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """In what other forms an answer is wanted."""

    formats: tuple[Format, ...]
    pacs: str
    """The archive where results go; empty for none."""

    def __bool__(self) -> bool:
        return bool(self.formats or self.pacs)


class PredictionServicer(prediction_pb2_grpc.PredictionServiceServicer):
    """Takes requests from the event loop to the queue of heavy work, and back."""

    def __init__(
        self,
        host: Host,
        work: Work,
        uploads: UploadStore,
        cache: FeatureCache,
        instruments: Instruments,
        key: Key,
        monitoring: Monitoring,
        archives: ArchiveDoor,
        trials: Trials,
    ) -> None:
        """Takes what all calls share.

        Args:
            host: Says which models serve.
            work: The queue.
            uploads: What callers uploaded.
            cache: Of all holders; a call keeps features on the shelf of its own.
            instruments: Without a holder's cache.
            key: Numbers predictions.
            monitoring: Takes note of them.
            archives: Where series may be fetched from, and results stored.
            trials: Challengers and their shadow.
        """
        self._host = host
        self._work = work
        self._uploads = uploads
        self._cache = cache
        self._instruments = instruments
        self._key = key
        self._monitoring = monitoring
        self._archives = archives
        self._trials = trials
        self._paces = {"Predict": Pace(), "CompareTherapies": Pace()}

    async def Predict(  # noqa: N802 - gRPC's name
        self,
        request: prediction_pb2.PredictRequest,
        context: grpc.aio.ServicerContext[prediction_pb2.PredictRequest, prediction_pb2.PredictResponse],
    ) -> prediction_pb2.PredictResponse:
        """By one or more models, or all that fit."""
        job = partial(self._predict, request, caller_of(context), self._trials.challengers.pinned())
        pace = self._paces["Predict"] if _may_be_brief(request) else None
        return await self._work.run(recorded(job, self._work.alone), context=context, pace=pace)

    async def CompareTherapies(  # noqa: N802 - gRPC's name
        self,
        request: prediction_pb2.CompareTherapiesRequest,
        context: grpc.aio.ServicerContext[
            prediction_pb2.CompareTherapiesRequest, prediction_pb2.CompareTherapiesResponse
        ],
    ) -> prediction_pb2.CompareTherapiesResponse:
        """Several therapies by one pinned set of models."""
        job = partial(self._compare, request, caller_of(context), self._trials.challengers.pinned())
        pace = self._paces["CompareTherapies"] if _may_be_brief(request) else None
        return await self._work.run(recorded(job, self._work.alone), context=context, pace=pace)

    async def ExtractFeatures(  # noqa: N802 - gRPC's name
        self,
        request: prediction_pb2.ExtractFeaturesRequest,
        context: grpc.aio.ServicerContext[
            prediction_pb2.ExtractFeaturesRequest, prediction_pb2.ExtractFeaturesResponse
        ],
    ) -> prediction_pb2.ExtractFeaturesResponse:
        """The numbers themselves."""
        job = partial(self._extract, request, caller_of(context), self._host.serving)
        return await self._work.run(recorded(job, self._work.alone), context=context)

    def _predict(
        self, request: prediction_pb2.PredictRequest, caller: Caller, pinned: Pinned, check: Check
    ) -> prediction_pb2.PredictResponse:
        names = require_different(request.models, "models")
        therapies = require_different(request.therapies, "therapies")
        wanted = self._wanted(request, caller)
        with self._opened(request.case, caller) as (case, instruments):
            ticket = self._monitoring.ticket(caller.name, request.case.subject)
            question = Asker(case, names, therapies, None, instruments, check)
            serving, asking = question.answered(
                self._trials.challengers.answering(pinned, request.case.subject, case), pinned.champions
            )
            response = predicted(asking)
            number(response, request.case.subject, caller, self._key)
            add_board(response, request.board, case, asking, instruments, check)
            if wanted:
                answered = asking.answered(request.case.subject, response)
                self._add_results(response, answered, case, wanted, caller, check)
        self._monitoring.observe(ticket, response.provenance.prediction_id, asking.observed())
        shadow = Question(
            case, instruments, ticket, response.provenance.prediction_id, asking.observed(), pinned.challengers
        )
        self._trials.tried(shadow, serving, request.case.subject)
        return response

    def _compare(
        self, request: prediction_pb2.CompareTherapiesRequest, caller: Caller, pinned: Pinned, check: Check
    ) -> prediction_pb2.CompareTherapiesResponse:
        names = require_different(request.models, "models")
        therapies = require_different(request.therapies, "therapies")
        if len(therapies) < 2:
            raise BadRequestField("therapies", f"{len(therapies)} to compare; wanted two or more")
        reference = request.reference_therapy or therapies[0]
        if reference not in therapies:
            raise BadRequestField("reference_therapy", "not among the therapies; wanted one of them, or nothing")
        wanted = self._wanted(request, caller)
        with self._opened(request.case, caller) as (case, instruments):
            ticket = self._monitoring.ticket(caller.name, request.case.subject)
            question = Asker(case, names, therapies, reference, instruments, check)
            serving, asking = question.answered(
                self._trials.challengers.answering(pinned, request.case.subject, case), pinned.champions
            )
            response = compared(asking, therapies, reference)
            number(response, request.case.subject, caller, self._key)
            add_board(response, request.board, case, asking, instruments, check)
            if wanted:
                answered = asking.answered(request.case.subject, response)
                self._add_results(response, answered, case, wanted, caller, check)
        self._monitoring.observe(ticket, response.provenance.prediction_id, asking.observed())
        shadow = Question(
            case, instruments, ticket, response.provenance.prediction_id, asking.observed(), pinned.challengers
        )
        self._trials.tried(shadow, serving, request.case.subject)
        return response

    def _extract(
        self, request: prediction_pb2.ExtractFeaturesRequest, caller: Caller, serving: ServingSet, check: Check
    ) -> prediction_pb2.ExtractFeaturesResponse:
        wanted = Extraction.of(request)
        with self._opened(request.case, caller) as (case, instruments):
            return wanted.taken(case, serving, instruments, check)

    def _wanted(
        self, request: prediction_pb2.PredictRequest | prediction_pb2.CompareTherapiesRequest, caller: Caller
    ) -> Wanted:
        formats = require_formats(request.result_formats)
        return Wanted(formats, self._archives.require_one(request.case, caller.name) if request.store_results else "")

    def _add_results(
        self, response: Response, answered: Answered, case: Case, wanted: Wanted, caller: Caller, check: Check
    ) -> None:
        """The other forms of an answer; and into the archive, last of all, for that cannot be taken back."""

        @cache
        def objects() -> Objects:
            with within_case():
                return objects_of(case.scans, answered, self._instruments.limits, datetime.now(UTC), check)

        response.documents.extend(documents_of(answered, wanted.formats, objects))
        if wanted.pacs:
            check()
            response.stored.extend(self._archives.store(wanted.pacs, objects(), caller.name))

    @contextmanager
    def _opened(self, message: case_pb2.Case, caller: Caller) -> Iterator[tuple[Case, Instruments]]:
        """The case, and instruments that keep only features of files that its own holder can have deleted."""
        if not message.scans:  # nothing is computed that might be kept
            yield case_of(message, partial(self._uploads.open, caller.name, message.subject)), self._instruments
            return
        # The shelf first: a deletion between the two is then one that ends it.
        shelf = self._cache.shelf(self._uploads.holder(caller.name, message.subject))

        def open_image(digest: str) -> Source:
            source = self._uploads.open(caller.name, message.subject, digest)
            shelf.stays(digest)
            return source

        with self._archives.fetching(caller.name) as fetched:
            case = case_of(message, open_image, fetched.open)
            for scan, told in zip(case.scans, message.scans, strict=True):
                if told.image.WhichOneof("source") == "files":  # each of them stays, so they stay together
                    shelf.stays(scan.image.digest)
            yield case, replace(self._instruments, cache=shelf)


def _may_be_brief(request: prediction_pb2.PredictRequest | prediction_pb2.CompareTherapiesRequest) -> bool:
    """Whether nothing is read, measured, fetched or drawn: models alone are asked, about what the caller gave."""
    return not request.case.scans and not request.result_formats and not request.HasField("board")


@dataclass(frozen=True, slots=True)
class Asking:
    """What came of asking the models."""

    answers: Sequence[tuple[Asked, Answer]]
    inputs: Mapping[str, Inputs]
    """What each model was given, by its name."""
    notices: Sequence[Notice]
    provenance: prediction_pb2.Provenance

    def observed(self) -> list[Observed]:
        """What monitoring takes note of."""
        return [Observed(asked.model, self.inputs[asked.model.name].values, answer) for asked, answer in self.answers]

    def answered(self, subject: str, response: Response) -> Answered:
        """What other forms of the answer are made from."""
        profiles = {asked.model.name: profile_of(asked.model) for asked, _ in self.answers}
        return Answered.of(subject, response, profiles)


@dataclass(frozen=True, slots=True)
class Asker:
    """What is asked about one case, to be put to one set of models or another."""

    case: Case
    names: Sequence[str]
    therapies: Sequence[str]
    reference: str | None
    """Against which therapy the others are compared; None for no comparison."""
    instruments: Instruments
    check: Check

    def answered(self, serving: ServingSet, champions: ServingSet) -> tuple[ServingSet, "Asking"]:
        """By the set that was chosen for the case; where a challenger in it fails, by those that serve the others.

        Gives the set that answered, and what it said.
        """
        if serving is champions:
            return champions, self._asked(champions)[1]
        failed: Exception | None = None
        try:
            chosen, asking = self._asked(serving)
        except Cancelled:
            raise
        except Exception as error:
            failed = error
        else:
            silent = {asked.model.name for asked in chosen.asked} - {asked.model.name for asked, _ in asking.answers}
            if not silent & serving.champions.keys():
                return serving, asking
        asking = self._asked(champions)[1]  # what the case is to blame for is raised here, and is no canary's fault
        log.warning("a canary failed, and those that serve answered", exc_info=failed)
        return champions, replace(asking, notices=[*failed_canaries(serving), *asking.notices])

    def _asked(self, serving: ServingSet) -> tuple[Selection, "Asking"]:
        chosen = select(serving, self.case, self.names, self.therapies, compare=self.reference is not None)
        return chosen, ask(self.case, serving, chosen, self.reference, self.instruments, self.check)


def ask(
    case: Case,
    serving: ServingSet,
    selection: Selection,
    reference: str | None,
    instruments: Instruments,
    check: Check,
) -> Asking:
    """Measures what the selected models need, once for all of them, and asks each."""
    notices = [*unknown_covariates(serving, case), *selection.notices]
    refusals: list[ModelError] = list(selection.refusals)
    measured = measure_for(case, [asked.model for asked in selection.asked], instruments, check)
    answers: list[tuple[Asked, Answer]] = []
    inputs: dict[str, Inputs] = {}
    used: dict[str, Measured] = {}
    for asked in selection.asked:
        check()
        name = asked.model.name
        try:
            given = inputs_of(asked.model, case, measured[name])
            answer = _answer(asked, given, reference, instruments)
        except MissingColumn as error:
            if asked.by_name:
                raise of_named(asked.model, error, "models") from None
            error.details.setdefault("model", name)
            refusals.append(error)
            notices.append(left_out(asked.model, error))
            continue
        answers.append((asked, answer))
        inputs[name], used[name] = given, measured[name]
    if not answers:
        raise nothing_left(refusals)
    groups = {id(group): group for group in used.values()}
    return Asking(
        answers,
        inputs,
        [*canary_notices(serving, used), *notices, *notices_of(used)],
        provenance_of(case, [asked.model for asked, _ in answers], list(groups.values()), inputs),
    )


def predicted(asking: Asking) -> prediction_pb2.PredictResponse:
    """By model, then therapy."""
    return prediction_pb2.PredictResponse(
        predictions=[
            prediction_of(asked.model, prediction)
            for asked, answer in asking.answers
            for prediction in answer.predictions
        ],
        warnings=warnings_of(asking.notices),
        provenance=asking.provenance,
    )


def compared(asking: Asking, therapies: Sequence[str], reference: str) -> prediction_pb2.CompareTherapiesResponse:
    """By therapy, then model."""
    return prediction_pb2.CompareTherapiesResponse(
        options=[_option(therapy, asking.answers) for therapy in therapies],
        reference_therapy=reference,
        warnings=warnings_of(asking.notices),
        provenance=asking.provenance,
    )


def add_board(
    response: Response,
    wanted: board_pb2.BoardRequest,
    case: Case,
    asking: Asking,
    instruments: Instruments,
    check: Check,
) -> None:
    """Adds what was wanted beside the numbers."""
    if wanted.pictures:
        response.pictures.extend(pictures_of(case, instruments, check))
    if wanted.similar_patients:
        models = [asked.model for asked, _ in asking.answers]
        inputs = [asking.inputs[model.name] for model in models]
        response.similar_patients.extend(similar_patients_of(models, inputs, check))
    if wanted.saliency:
        told = [
            (asked.model, asking.inputs[asked.model.name], [one.therapy for one in answer.predictions if one.told])
            for asked, answer in asking.answers
        ]
        response.saliency.extend(saliency_of(case, told, instruments, check))


def _answer(asked: Asked, inputs: Inputs, reference: str | None, instruments: Instruments) -> Answer:
    model = asked.model
    started = time.perf_counter()
    with span("predict", model=model.name, version=model.version):
        answer = model.predict(inputs.values, asked.therapies, reference, inputs.missing)
    instruments.metrics.observe("predict", time.perf_counter() - started, model=model.name, version=model.version)
    return answer


def _option(therapy: str, answers: Sequence[tuple[Asked, Answer]]) -> prediction_pb2.TherapyOption:
    return prediction_pb2.TherapyOption(
        therapy=therapy,
        predictions=[
            prediction_of(asked.model, prediction)
            for asked, answer in answers
            for prediction in answer.predictions
            if prediction.therapy == therapy
        ],
        differences=[
            difference_of(asked.model, difference)
            for asked, answer in answers
            for difference in answer.differences
            if difference.therapy == therapy
        ],
    )
