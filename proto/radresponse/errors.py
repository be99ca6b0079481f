"""What a caller gets when the service refuses, or does not answer: one error, with its parts."""

import re
from collections.abc import Mapping

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

_SIZES = re.compile(r"message larger than max \((\d+) vs\. (\d+)\)")
"""As gRPC says it of a message that it does not take."""


class RadResponseError(Exception):
    """A call that gave no answer.

    Attributes:
        code: The status, e.g. `grpc.StatusCode.INVALID_ARGUMENT`.
        reason: For machines, upper snake case, stable, e.g. `EMPTY_SEGMENTATION`.
        message: For people: what was seen and what is wanted.
        field: The part of the request that is wrong, e.g. `case.scans[0].segmentation`, or empty.
        details: What was seen and what is wanted, by name.
        retry_after_seconds: When the service asks to be called again; None where it does not.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        field: str = "",
        details: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        where = f", {field}" if field and not message.startswith(f"{field}:") else ""
        super().__init__(f"{message} [{reason}{where}]")
        self.code = code
        self.reason = reason
        self.message = message
        self.field = field
        self.details = dict(details or {})
        self.retry_after_seconds = retry_after_seconds


def error_of(raised: grpc.RpcError, address: str) -> RadResponseError:
    """Reads what gRPC raised: its google.rpc.Status where the service gave one.

    Args:
        raised: Of a call made through a stub.
        address: Whom it was made to, for the sentence about a service that does not answer.
    """
    if not isinstance(raised, grpc.Call):
        return RadResponseError(grpc.StatusCode.UNKNOWN, "UNKNOWN", "the call failed before it was sent")
    code, reason, message = raised.code(), "", raised.details() or ""
    field, details, retry_after = "", {}, None
    for packed in _details(raised):
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            packed.Unpack(info)
            reason, details = info.reason, dict(info.metadata)
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            packed.Unpack(bad)
            field = next((violation.field for violation in bad.field_violations), "")
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            packed.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    if not reason:
        reason, message = code.name, _own_words(code, message, address)
    return RadResponseError(code, reason, message, field=field, details=details, retry_after_seconds=retry_after)


def _details(raised: grpc.Call):  # type: ignore[no-untyped-def]  # noqa: ANN202 - Any of protobuf's own
    try:
        status = rpc_status.from_call(raised)
    except ValueError:  # the details' code and message are not the call's: nothing of it can be trusted
        return ()
    return () if status is None else status.details


def _own_words(code: grpc.StatusCode, message: str, address: str) -> str:
    """Trouble of gRPC itself, said for a person; the service's sentences come with ErrorInfo."""
    if code is grpc.StatusCode.UNAVAILABLE:
        return f"no answer from {address} ({message.rpartition(': ')[2] or 'unavailable'})"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer from {address} within the time given"
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"{address} answers, but has no such call; wanted the address of a RadResponse service"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (sizes := _SIZES.search(message)):
        seen, most = (f"{int(size) / 1024**2:.1f} MiB" for size in sizes.groups())
        if message.startswith("CLIENT: Received"):
            return f"the answer has {seen}, more than the {most} that this client takes; wanted fewer columns or models"
        return (
            f"the request has {seen}, more than the {most} that the service takes; "
            "wanted large images uploaded first and named by digest, not inside the case"
        )
    return message or code.name.lower().replace("_", " ")
