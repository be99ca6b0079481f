"""Sends one file in chunks, and goes on where a broken-off upload stopped."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import grpc

from radresponse.bar import progress_bar
from radresponse.errors import RadResponseError, error_of
from radresponse.files import CHUNK_BYTES, LocalFile
from radresponse.retry import Patience, persist
from radresponse.v1 import image_pb2, image_pb2_grpc

Report = Callable[[int, int], None]
"""Called with the bytes that the service holds or was sent, and the size of the file."""
Progress = Report | bool | None
"""A function; False for silence; None for a bar on a terminal where the file is large."""

LARGE_BYTES = 8 * 1024 * 1024
SLOWEST_BYTES_PER_SECOND = 1024 * 1024
"""An upload that is slower passes its deadline, and is resumed."""

_GO_ON = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED)
"""The service holds another part than we thought, another call went on with the file, or time ran out on the way."""


def upload(
    stub: image_pb2_grpc.ImageServiceStub,
    subject: str,
    file: LocalFile,
    *,
    address: str,
    metadata: tuple[tuple[str, str], ...],
    timeout: float,
    patience: Patience,
    progress: Progress,
) -> str:
    """Stores a file at the service, and gives its digest; harmless when it is there already.

    An attempt that got bytes across does not count against the patience.

    Raises:
        RadResponseError: It was refused, or the service stayed away.
    """
    digest = file.digest()

    def held(seconds: float) -> image_pb2.StoredImage | None:
        request = image_pb2.GetImageRequest(subject=subject, digest=digest)
        try:
            return stub.GetImage(request, timeout=seconds, metadata=metadata).image
        except grpc.RpcError as raised:
            error = error_of(raised, address)
            if error.code is grpc.StatusCode.NOT_FOUND:
                return None
            raise error from None

    with _reporting(progress, file.size_bytes) as report:
        attempt, best = 1, -1
        while True:
            stored = persist(held, timeout=timeout, patience=patience)
            if stored is not None and stored.complete:
                report(file.size_bytes, file.size_bytes)
                return digest
            offset = 0 if stored is None else stored.received_bytes
            if offset > best:
                attempt, best = 1, offset
            header = image_pb2.UploadHeader(
                subject=subject, digest=digest, size_bytes=file.size_bytes, offset_bytes=offset
            )
            sending = _Sending(header, file, report)
            seconds = timeout + (file.size_bytes - offset) / SLOWEST_BYTES_PER_SECOND
            try:
                stub.UploadImage(sending.messages(), timeout=seconds, metadata=metadata)
            except grpc.RpcError as raised:
                if sending.failure is not None:
                    raise sending.failure from None
                error = error_of(raised, address)
                wait = _wait_seconds(error, attempt, patience)
                if wait is None:
                    raise error from None
                patience.sleep(wait)
                attempt += 1
            else:
                report(file.size_bytes, file.size_bytes)
                return digest


def _wait_seconds(error: RadResponseError, attempt: int, patience: Patience) -> float | None:
    """As for every call, and also where asking again what is held helps."""
    if error.code in _GO_ON:
        return patience.first_wait_seconds if attempt < patience.attempts else None
    return patience.wait_seconds(error, attempt)


class _Sending:
    """The messages of one attempt; gRPC draws them in a thread of its own, so a file's trouble is kept for ours."""

    def __init__(self, header: image_pb2.UploadHeader, file: LocalFile, report: Report) -> None:
        self._header, self._file, self._report = header, file, report
        self.failure: OSError | None = None

    def messages(self) -> Iterator[image_pb2.UploadImageRequest]:
        yield image_pb2.UploadImageRequest(header=self._header)
        sent, size = self._header.offset_bytes, self._header.size_bytes
        try:
            with self._file.open() as content:
                content.seek(sent)
                while chunk := content.read(CHUNK_BYTES):
                    yield image_pb2.UploadImageRequest(chunk=chunk)
                    sent += len(chunk)
                    self._report(min(sent, size), size)
        except OSError as error:
            self.failure = error
            raise


def _reporting(progress: Progress, size_bytes: int) -> AbstractContextManager[Report]:
    if callable(progress):
        return nullcontext(progress)
    if progress is None and size_bytes > LARGE_BYTES:
        return progress_bar("upload", size_bytes)
    return nullcontext(lambda _sent, _size: None)
