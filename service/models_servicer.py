"""Says which models serve, and what they are."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from models.manifest import ColumnSpec, Metric
from radresponse.v1 import model_pb2, model_pb2_grpc
from service.answer import reference_of
from service.errors import BadRequestField
from service.hosting import Host, Served, ServingSet, Troubled
from service.monitoring.message import monitoring_of
from service.monitoring.part import Monitoring
from service.pages import page_of
from service.past import Past
from service.trials import Trials
from service.watched import Watched

_TASKS = {"outcome": model_pb2.TASK_OUTCOME, "progression": model_pb2.TASK_PROGRESSION}


class ModelServicer(model_pb2_grpc.ModelServiceServicer):
    """Answers from the serving set of the moment."""

    def __init__(self, host: Host, watched: Watched, monitoring: Monitoring, past: Past, trials: Trials) -> None:
        self._host = host
        self._trials = trials
        self._watched = watched
        self._monitoring = monitoring
        self._past = past

    async def ListModels(  # noqa: N802 - gRPC's name
        self,
        request: model_pb2.ListModelsRequest,
        context: grpc.aio.ServicerContext[model_pb2.ListModelsRequest, model_pb2.ListModelsResponse],
    ) -> model_pb2.ListModelsResponse:
        """By name; also those that were to serve."""
        page = page_of(self._listed(self._host.serving), request.page_size, request.page_token)
        return model_pb2.ListModelsResponse(models=page.items, next_page_token=page.next_token)

    async def GetModel(  # noqa: N802 - gRPC's name
        self,
        request: model_pb2.GetModelRequest,
        context: grpc.aio.ServicerContext[model_pb2.GetModelRequest, model_pb2.GetModelResponse],
    ) -> model_pb2.GetModelResponse:
        """One, with its card."""
        if not request.name:
            raise BadRequestField("name", "empty; wanted the name of a model")
        served = self._host.serving.get(request.name, "name")
        summary = await self._monitoring.summary(served.model)
        monitoring = monitoring_of(summary) if summary else None
        model = self._with_challenger(model_of(served))
        return model_pb2.GetModelResponse(model=model, card=served.model.card, monitoring=monitoring)

    async def ListServingPeriods(  # noqa: N802 - gRPC's name
        self,
        request: model_pb2.ListServingPeriodsRequest,
        context: grpc.aio.ServicerContext[model_pb2.ListServingPeriodsRequest, model_pb2.ListServingPeriodsResponse],
    ) -> model_pb2.ListServingPeriodsResponse:
        """Oldest first."""
        periods = await asyncio.to_thread(self._past.periods, request.name)
        page = page_of(periods, request.page_size, request.page_token)
        return model_pb2.ListServingPeriodsResponse(periods=page.items, next_page_token=page.next_token)

    async def WatchModels(  # noqa: N802 - gRPC's name
        self,
        request: model_pb2.WatchModelsRequest,
        context: grpc.aio.ServicerContext[model_pb2.WatchModelsRequest, model_pb2.WatchModelsResponse],
    ) -> AsyncIterator[model_pb2.WatchModelsResponse]:
        """What serves, then each change."""
        told: dict[str, model_pb2.Model] | None = None
        async for serving in self._watched.each():
            now = self._listed(serving)
            if told is None or now != told:
                before = told or {}
                answer = model_pb2.WatchModelsResponse(
                    models=[model for name, model in now.items() if before.get(name) != model],
                    gone=[name for name in before if name not in now],
                )
                answer.time.GetCurrentTime()
                told = now
                yield answer

    def _listed(self, serving: ServingSet) -> dict[str, model_pb2.Model]:
        return {name: self._with_challenger(model) for name, model in listed(serving).items()}

    def _with_challenger(self, model: model_pb2.Model) -> model_pb2.Model:
        """With the version that is tried beside it, or why none is."""
        challengers, name = self._trials.challengers, model.reference.name
        if challengers.host is None:
            return model
        held = challengers.pinned().challengers.get(name)
        trouble = challengers.host.troubles.get(name)
        if held is None and trouble is None:
            return model
        told = model.challenger
        if held is not None:
            told.reference.CopyFrom(reference_of(held.model))
            told.since.FromDatetime(held.since)
            told.canary_share, told.shadow_share = challengers.canary_share, self._trials.shadow_share
        if trouble is not None:
            told.trouble = trouble.trouble
            if held is None:
                told.reference.name, told.reference.version = name, trouble.version
        return model


def listed(serving: ServingSet) -> dict[str, model_pb2.Model]:
    """All models by name, in the order of names; also those that were to serve."""
    models = {name: model_of(served) for name, served in serving.served.items()}
    models |= {name: _troubled(held) for name, held in serving.troubled.items()}
    return dict(sorted(models.items()))


def model_of(served: Served) -> model_pb2.Model:
    """A serving model as the contract describes it."""
    model, manifest = served.model, served.model.manifest
    message = model_pb2.Model(
        reference=reference_of(model),
        task=_TASKS[manifest.task],
        family=manifest.family,
        endpoint=manifest.endpoint,
        therapies=model.therapies,
        columns=[_column(column) for column in manifest.columns],
        metrics=[_metric(metric) for metric in manifest.metrics],
        training_patients=manifest.training_patients,
        simulated=manifest.simulated,
        evidence=manifest.evidence,
        profile_digest=model.profile.digest if model.profile else "",
        trouble=served.trouble,
    )
    message.serving_since.FromDatetime(served.since)
    return message


def _troubled(held: Troubled) -> model_pb2.Model:
    reference = model_pb2.ModelReference(name=held.name, version=held.version)
    return model_pb2.Model(reference=reference, trouble=held.trouble)


def _column(column: ColumnSpec) -> model_pb2.Column:
    return model_pb2.Column(
        name=column.name,
        unit=column.unit,
        categories=column.categories,
        lower=column.lower,
        upper=column.upper,
        required=column.required,
    )


def _metric(metric: Metric) -> model_pb2.Metric:
    return model_pb2.Metric(
        name=metric.name,
        of=metric.of,
        value=metric.value,
        lower=metric.lower,
        upper=metric.upper,
        protocol=metric.protocol,
    )
