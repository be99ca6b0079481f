"""A real server of images alone, of this process on any free port; with other methods where a test adds them."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from radresponse.v1 import image_pb2, image_pb2_grpc
from service.server import RunningServer, start
from service.settings import Settings

P = ParamSpec("P")

CHUNK = 512 * 1024


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def image_server(settings: Settings) -> Iterator[RunningServer]:
    """A server that keeps images and loads no engine."""
    with event_loop() as loop:
        running = asyncio.run_coroutine_threadsafe(start(settings, predicting=False), loop).result(30)
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(30)


@contextmanager
def images_of(running: RunningServer) -> Iterator[image_pb2_grpc.ImageServiceStub]:
    """Blocking calls to it."""
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        yield image_pb2_grpc.ImageServiceStub(channel)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def digest_of(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def header(
    content: bytes,
    subject: str = "p1",
    *,
    offset: int = 0,
    digest: str | None = None,
    size: int | None = None,
) -> image_pb2.UploadImageRequest:
    """The first message of an upload."""
    return image_pb2.UploadImageRequest(
        header=image_pb2.UploadHeader(
            subject=subject,
            digest=digest_of(content) if digest is None else digest,
            size_bytes=len(content) if size is None else size,
            offset_bytes=offset,
        )
    )


def chunks(content: bytes, size: int = CHUNK) -> Iterator[image_pb2.UploadImageRequest]:
    """The other messages."""
    for start_ in range(0, len(content), size):
        yield image_pb2.UploadImageRequest(chunk=content[start_ : start_ + size])


def whole(content: bytes, subject: str = "p1") -> Iterator[image_pb2.UploadImageRequest]:
    """A whole upload."""
    yield header(content, subject)
    yield from chunks(content)


class Refusal:
    """What a refused call was told, taken apart."""

    def __init__(self, error: grpc.RpcError) -> None:
        call: Any = error  # grpc's are calls as well
        self.code: grpc.StatusCode = call.code()
        self.message: str = call.details() or ""
        self.everything = repr(error) + repr(call.trailing_metadata())
        self.reason = ""
        self.metadata: dict[str, str] = {}
        self.fields: list[str] = []
        self.retry_seconds: float | None = None
        status = rpc_status.from_call(call)
        for detail in status.details if status else ():
            self._take(detail)

    def _take(self, detail: Packed) -> None:
        info, request, retry = ErrorInfo(), BadRequest(), RetryInfo()
        if detail.Unpack(info):
            assert info.domain == "radresponse"
            self.reason, self.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(request):
            self.fields = [violation.field for violation in request.field_violations]
        elif detail.Unpack(retry):
            self.retry_seconds = retry.retry_delay.ToNanoseconds() / 1e9


def refused(call: Callable[P, object], *given: P.args, **named: P.kwargs) -> Refusal:
    """What a call that must be refused was told."""
    try:
        call(*given, **named)
    except grpc.RpcError as error:
        return Refusal(error)
    raise AssertionError("the call was answered; wanted a refusal")
