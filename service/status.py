"""The one table from errors to gRPC's status codes, and the interceptor that answers by it.

An error of ours says what was seen and what is wanted, with ErrorInfo, BadRequest where a field is to blame, and
RetryInfo where waiting helps. Anything else is a bug: its caller learns an incident number, the log the rest.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from features import errors as features
from models import errors as models
from service import errors as service

log = logging.getLogger(__name__)

DOMAIN = "radresponse"
DETAILS_KEY = "grpc-status-details-bin"
MAX_MESSAGE = 1000
"""Characters; all metadata of an answer together must stay below 8 KiB."""
MAX_DETAIL = 200
_TRANSIT_SECONDS = 0.1
"""A deadline is counted from when a call arrives, so that its caller, who counts from sending, gives up before it."""
MAX_DETAILS = 12

Ours = features.FeatureError | models.ModelError | service.ServiceError

CODES: dict[type[Ours], StatusCode] = {
    features.BadImage: StatusCode.INVALID_ARGUMENT,
    features.BadSegmentation: StatusCode.INVALID_ARGUMENT,
    features.BadLesion: StatusCode.INVALID_ARGUMENT,
    features.BadCase: StatusCode.INVALID_ARGUMENT,
    features.BadProfile: StatusCode.INVALID_ARGUMENT,
    features.UnknownColumn: StatusCode.INVALID_ARGUMENT,
    features.BadEncoder: StatusCode.FAILED_PRECONDITION,
    features.BadPseudonymKey: StatusCode.FAILED_PRECONDITION,
    features.EngineMissing: StatusCode.FAILED_PRECONDITION,
    features.Cancelled: StatusCode.CANCELLED,
    models.ModelNotFound: StatusCode.NOT_FOUND,
    models.NoModel: StatusCode.FAILED_PRECONDITION,
    models.UnknownTherapy: StatusCode.INVALID_ARGUMENT,
    models.BadInput: StatusCode.INVALID_ARGUMENT,
    models.BadVersion: StatusCode.FAILED_PRECONDITION,
    models.BadCohort: StatusCode.INVALID_ARGUMENT,
    models.NoRoom: StatusCode.RESOURCE_EXHAUSTED,
    models.BadKey: StatusCode.FAILED_PRECONDITION,
    models.BadStore: StatusCode.FAILED_PRECONDITION,
    models.ImplausibleScore: StatusCode.FAILED_PRECONDITION,
    models.RegistryUnavailable: StatusCode.UNAVAILABLE,
    models.StoreUnavailable: StatusCode.UNAVAILABLE,
    service.Unauthenticated: StatusCode.UNAUTHENTICATED,
    service.NotAllowed: StatusCode.PERMISSION_DENIED,
    service.BadRequestField: StatusCode.INVALID_ARGUMENT,
    service.MixedPatients: StatusCode.INVALID_ARGUMENT,
    service.UndecodableRequest: StatusCode.INVALID_ARGUMENT,
    service.UnknownMethod: StatusCode.UNIMPLEMENTED,
    service.AuditUnavailable: StatusCode.UNAVAILABLE,
    service.NothingToReplay: StatusCode.FAILED_PRECONDITION,
    service.QueueFull: StatusCode.RESOURCE_EXHAUSTED,
    service.ImageNotFound: StatusCode.NOT_FOUND,
    service.PredictionNotFound: StatusCode.NOT_FOUND,
    service.UploadTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    service.DigestMismatch: StatusCode.INVALID_ARGUMENT,
    service.OffsetMismatch: StatusCode.FAILED_PRECONDITION,
    service.TooManyBytes: StatusCode.INVALID_ARGUMENT,
    service.UploadIncomplete: StatusCode.INVALID_ARGUMENT,
    service.UploadTakenOver: StatusCode.ABORTED,
    service.StoreFull: StatusCode.RESOURCE_EXHAUSTED,
    service.UnknownPacs: StatusCode.NOT_FOUND,
    service.PacsUnavailable: StatusCode.UNAVAILABLE,
    service.PacsRefused: StatusCode.FAILED_PRECONDITION,
    service.PacsNonsense: StatusCode.FAILED_PRECONDITION,
    service.SeriesNotFound: StatusCode.NOT_FOUND,
    service.SeriesTooLarge: StatusCode.FAILED_PRECONDITION,
    service.NotStored: StatusCode.FAILED_PRECONDITION,
}
"""A class stands for those below it. One that is not here, such as SettingsError, is a bug when a call raises it."""


def code_of(error: BaseException) -> StatusCode | None:
    """The code of an error of ours; None for a bug."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), None)


def status_of(error: Ours, code: StatusCode) -> Status:
    """All that the caller is told."""
    message = _cut(str(error), MAX_MESSAGE)
    details = {key: _cut(value, MAX_DETAIL) for key, value in list(error.details.items())[:MAX_DETAILS]}
    parts: list[Message] = [ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=details)]
    if error.place:
        violation = BadRequest.FieldViolation(field=_cut(error.place, MAX_DETAIL), description=message)
        parts.append(BadRequest(field_violations=[violation]))
    if isinstance(error, service.QueueFull):
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
        parts.append(RetryInfo(retry_delay=delay))
    return _status(code, message, parts)


def out_of_time(context: grpc.aio.ServicerContext[Any, Any]) -> bool:
    """Whether a call that is being given up has come to its deadline, and not to its caller's change of mind."""
    left = context.time_remaining()
    return left is not None and left <= _TRANSIT_SECONDS


def told(error: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> tuple[StatusCode, str]:
    """The code and the reason that a call which ends so is answered with."""
    if isinstance(error, grpc.aio.AbortError):  # answered before, by hand
        return next((code for code in StatusCode if context.code() in (code, code.value[0])), StatusCode.UNKNOWN), ""
    code = StatusCode.CANCELLED if isinstance(error, asyncio.CancelledError) else code_of(error)
    if code is StatusCode.CANCELLED and out_of_time(context):
        code = StatusCode.DEADLINE_EXCEEDED
    reason = getattr(error, "reason", "") if isinstance(error, Ours) else ""
    return (StatusCode.INTERNAL, "INTERNAL") if code is None else (code, reason)


@asynccontextmanager
async def around(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Answers what a call raises by the table."""
    try:
        yield
    except grpc.aio.AbortError:  # answered before, such as by the health service
        raise
    except Exception as error:
        if code_of(error) is None:
            status = _incident(method, error)
        else:
            status = status_of(_ours(error), told(error, context)[0])
    else:
        return
    # Raised outside the `except`: what it was raised from is nobody's business further out.
    answer = next(code for code in StatusCode if code.value[0] == status.code)
    await context.abort(
        answer, status.message, (*context.trailing_metadata(), (DETAILS_KEY, status.SerializeToString()))
    )


def _ours(error: Exception) -> Ours:
    assert isinstance(error, Ours)  # noqa: S101 - the table holds no other
    return error


def _incident(method: str, error: Exception) -> Status:
    incident = secrets.token_hex(8)
    log.error("internal error", exc_info=error, extra={"fields": {"incident": incident, "method": method}})
    info = ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"incident": incident})
    return _status(StatusCode.INTERNAL, "internal error", [info])


def _status(code: StatusCode, message: str, parts: list[Message]) -> Status:
    packed = []
    for part in parts:
        packed.append(Packed())
        packed[-1].Pack(part)
    return Status(code=code.value[0], message=message, details=packed)


def _cut(text: str, most: int) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"
