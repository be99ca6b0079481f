"""Every error has its code; what is not ours tells the caller nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc
import pytest
from builders.servers import Refusal, event_loop, refused
from google.rpc.error_details_pb2 import ErrorInfo

from features.errors import Cancelled, EmptySegmentation, FeatureError, GridMismatch
from models.errors import ModelError, ModelNotFound, OutOfRange, RegistryUnavailable
from service import status
from service.errors import QueueFull, ServiceError, SettingsError
from service.intercept import Intercept
from service.status import code_of, status_of

Bytes: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


KINDS = [kind for base in (FeatureError, ModelError, ServiceError) for kind in below(base)]
LEAVES = [kind for kind in KINDS if not kind.__subclasses__()]


def test_the_trees_are_seen() -> None:
    assert len(LEAVES) > 40
    assert EmptySegmentation in LEAVES


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_leaf_has_its_code(kind: type[Exception]) -> None:
    if kind is SettingsError:  # of the command line; in a call it would be a bug
        assert code_of(SettingsError("x")) is None
        return
    bare = kind.__new__(kind)
    assert code_of(bare) is not None, f"{kind.__name__} is not in service.status.CODES, nor is a class above it"


def test_bases_have_none() -> None:
    for base in (FeatureError, ModelError, ServiceError):
        assert base not in status.CODES


def test_reasons_tell_errors_apart() -> None:
    reasons = [kind.reason for kind in KINDS if issubclass(kind, FeatureError | ModelError | ServiceError)]
    assert len(set(reasons)) == len(reasons)
    assert all(reason == reason.upper() and reason.replace("_", "").isalnum() for reason in reasons)


def test_details_stay_below_what_metadata_may_hold() -> None:
    error = GridMismatch("é" * 100_000, place="p" * 10_000, **{f"key{n}": "v" * 10_000 for n in range(100)})
    assert len(status_of(error, grpc.StatusCode.INVALID_ARGUMENT).SerializeToString()) < 7000
    broken = status_of(GridMismatch("half a character: \ud800"), grpc.StatusCode.INVALID_ARGUMENT)
    assert broken.message == "half a character: ?"


class Raising:
    """Methods that raise what the test sets, of each kind."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def _answer(self) -> bytes:
        if self.error is not None:
            raise self.error
        return b"good"

    async def unary(self, request: bytes, context: object) -> bytes:
        return self._answer()

    async def collect(self, requests: AsyncIterator[bytes], context: object) -> bytes:
        async for _ in requests:
            pass
        return self._answer()

    async def stream(self, request: bytes, context: object) -> AsyncIterator[bytes]:
        yield b"first"
        yield self._answer()

    async def by_hand(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "by hand")
        return b""

    async def hang(self, request: bytes, context: object) -> bytes:
        try:
            await asyncio.sleep(30)
        finally:
            self.error = ValueError("ended")
        return b""


@contextmanager
def raising() -> Iterator[tuple[Raising, grpc.Channel]]:
    methods = Raising()
    handlers: dict[str, Any] = {
        "Unary": grpc.unary_unary_rpc_method_handler(methods.unary),
        "Collect": grpc.stream_unary_rpc_method_handler(methods.collect),
        "Stream": grpc.unary_stream_rpc_method_handler(methods.stream),
        "ByHand": grpc.unary_unary_rpc_method_handler(methods.by_hand),
        "Hang": grpc.unary_unary_rpc_method_handler(methods.hang),
    }

    async def started() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(interceptors=[Intercept(status.around)])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Raising", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    with event_loop() as loop:
        server, port = asyncio.run_coroutine_threadsafe(started(), loop).result(10)
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield methods, channel
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(10)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Raising, grpc.Channel]]:
    with raising() as both:
        yield both


Server = tuple[Raising, grpc.Channel]


def told(server: Server, error: BaseException, kind: str = "Unary") -> Refusal:
    methods, channel = server
    methods.error = error
    match kind:
        case "Unary":
            unary: Bytes = channel.unary_unary("/test.Raising/Unary")
            return refused(unary, b"")
        case "Collect":
            collect: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary("/test.Raising/Collect")
            return refused(collect, iter([b"a", b"b"]))
        case _:
            stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Raising/Stream")
            return refused(lambda: list(stream(b"")))


@pytest.mark.parametrize("kind", ["Unary", "Collect", "Stream"])
def test_an_error_of_ours_says_what_was_seen_and_where(server: Server, kind: str) -> None:
    error = EmptySegmentation("no voxel is labelled; wanted one", place="case.scans[0].segmentation", voxels=0)
    refusal = told(server, error, kind)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.message == "no voxel is labelled; wanted one"
    assert refusal.reason == "EMPTY_SEGMENTATION"
    assert refusal.metadata == {"voxels": "0"}
    assert refusal.fields == ["case.scans[0].segmentation"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelNotFound("none"), grpc.StatusCode.NOT_FOUND),
        (OutOfRange("130; wanted 18 to 110"), grpc.StatusCode.INVALID_ARGUMENT),
        (RegistryUnavailable("no answer"), grpc.StatusCode.UNAVAILABLE),
        (Cancelled("nobody waits"), grpc.StatusCode.CANCELLED),
    ],
)
def test_codes_as_the_contract_has_them(server: Server, error: Exception, code: grpc.StatusCode) -> None:
    refusal = told(server, error)
    assert (refusal.code, refusal.fields) == (code, [])


def test_a_full_queue_says_when_to_come_again(server: Server) -> None:
    refusal = told(server, QueueFull(2.5))
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "QUEUE_FULL"
    assert refusal.retry_seconds == 2.5


BUGS: list[BaseException] = [
    ValueError("NEEDLE of Jane Doe"),
    KeyError("NEEDLE"),
    FileNotFoundError(2, "NEEDLE", "/data/NEEDLE"),
    OSError(28, "NEEDLE"),
    StopAsyncIteration("NEEDLE"),
    FeatureError("NEEDLE"),
    SettingsError("NEEDLE"),
    AssertionError("NEEDLE"),
    MemoryError("NEEDLE"),
    RecursionError("NEEDLE"),
    UnicodeDecodeError("utf-8", b"NEEDLE", 0, 1, "NEEDLE"),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
@pytest.mark.parametrize("kind", ["Unary", "Collect", "Stream"])
def test_a_bug_tells_the_caller_nothing(
    server: Server, bug: BaseException, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = told(server, bug, kind)
    assert refusal.code is grpc.StatusCode.INTERNAL
    assert refusal.message == "internal error"
    assert refusal.reason == "INTERNAL"
    assert "NEEDLE" not in refusal.everything
    assert type(bug).__name__ not in refusal.everything
    incident = refusal.metadata["incident"]
    record = next(record for record in caplog.records if record.name == "service.status")
    assert record.__dict__["fields"]["incident"] == incident
    assert record.exc_info is not None
    server[0].error = None
    again: Bytes = server[1].unary_unary("/test.Raising/Unary")
    assert again(b"") == b"good"


def test_what_a_method_answers_by_hand_goes_through(server: Server) -> None:
    by_hand: Bytes = server[1].unary_unary("/test.Raising/ByHand")
    refusal = refused(by_hand, b"")
    assert (refusal.code, refusal.message) == (grpc.StatusCode.NOT_FOUND, "by hand")


def test_a_cancelled_call_ends_its_method(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    methods, channel = server
    methods.error = None
    hang: Bytes = channel.unary_unary("/test.Raising/Hang")
    refusal = refused(hang, b"", timeout=0.1)
    assert refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
    for _ in range(100):
        if methods.error is not None:
            break
        asyncio.run(asyncio.sleep(0.01))
    assert str(methods.error) == "ended"
    assert not caplog.records


def test_error_info_names_the_domain() -> None:
    packed = status_of(ModelNotFound("none"), grpc.StatusCode.NOT_FOUND).details[0]
    info = ErrorInfo()
    assert packed.Unpack(info)
    assert info.domain == "radresponse"
