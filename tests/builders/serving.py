"""A real server of this process, on any free port, and calls to it."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from radresponse.v1 import image_pb2_grpc, model_pb2_grpc, outcome_pb2_grpc, prediction_pb2, prediction_pb2_grpc
from service.server import RunningServer, start
from service.settings import Settings

INTERNALS = (
    "Traceback", "site-packages", "Exception", "object at 0x", "sqlite", "mlflow", ".py",
    str(Path.cwd()), tempfile.gettempdir(),
)  # fmt: skip
"""What no caller may read."""


class Service:
    """Blocking calls to a running server."""

    def __init__(self, server: RunningServer, channel: grpc.Channel) -> None:
        self.server = server
        self.channel = channel
        predictions = prediction_pb2_grpc.PredictionServiceStub(channel)
        images = image_pb2_grpc.ImageServiceStub(channel)
        models = model_pb2_grpc.ModelServiceStub(channel)
        self.predict = predictions.Predict
        self.compare = predictions.CompareTherapies
        self.extract = predictions.ExtractFeatures
        self.upload = images.UploadImage
        self.image = images.GetImage
        self.delete = images.DeleteSubject
        self.list_models = models.ListModels
        self.get_model = models.GetModel
        self.watch_models = models.WatchModels
        self.report = outcome_pb2_grpc.OutcomeServiceStub(channel).ReportOutcome

    def health(self, name: str = "") -> str:
        """The word of a name's status."""
        check = health_pb2_grpc.HealthStub(self.channel).Check  # type: ignore[attr-defined]  # of its stubs
        status = check(health_pb2.HealthCheckRequest(service=name), timeout=20).status
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


@contextmanager
def serving(settings: Settings) -> Iterator[Service]:
    """Runs a server on an event loop in a thread while inside."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(start(settings), loop).result(60)
        try:
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                yield Service(server, channel)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Warned(Protocol):
    """A message with warnings."""

    @property
    def warnings(self) -> Iterable[object]: ...


def warnings_of(message: Warned, reason: str = "") -> list[str]:
    """What a message warns of; mypy takes the stub's `Warning` for the built-in one."""
    warnings = cast("Iterable[prediction_pb2.Warning]", message.warnings)
    return [warning.message for warning in warnings if reason in ("", warning.reason)]


@dataclass(frozen=True)
class Refusal:
    """An error as its caller reads it."""

    code: grpc.StatusCode
    reason: str
    message: str
    fields: tuple[str, ...]
    retry_after_seconds: float


def refused(method: Callable[[Any], object], request: object, subject: str) -> Refusal:
    """Makes a call that must fail, and checks what every failure owes its caller.

    Args:
        method: Of the stub.
        request: What it refuses.
        subject: Who the patient is, which the error must not say.
    """
    try:
        answer = method(request)
    except grpc.RpcError as error:
        status = rpc_status.from_call(cast("grpc.Call", error))
    else:
        raise AssertionError(f"the call was answered: {answer}")
    assert status is not None, "no google.rpc.Status came with the error"
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        assert any(detail.Unpack(kind) for kind in (info, bad, retry)), f"an unforeseen detail {detail.type_url}"
    assert info.domain == "radresponse"
    told = str(status) + str(info) + str(bad)
    assert subject not in told
    for internal in INTERNALS:
        assert internal not in told
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    assert code is not grpc.StatusCode.INTERNAL
    return Refusal(
        code=code,
        reason=info.reason,
        message=status.message,
        fields=tuple(violation.field for violation in bad.field_violations),
        retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds(),
    )
