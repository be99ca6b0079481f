"""Takes images in, says what is held, and deletes: the contract's ImageService over the store of uploads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

from radresponse.v1 import image_pb2, image_pb2_grpc
from service.auth import caller_of
from service.convert import require_digest, require_subject
from service.errors import BadRequestField
from service.metrics import Metrics
from service.upload import Upload
from service.uploads import Stored, UploadStore

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

MAX_CHUNK_BYTES = 1024**2
THREADS = 4
"""That wait for the disk; uploads beyond them take turns, chunk by chunk."""


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Every call to the store is made in a thread and awaited, so no more is read than was written."""

    def __init__(
        self, store: UploadStore, metrics: Metrics, forget: Callable[[str, str], int] = lambda caller, subject: 0
    ) -> None:
        """Takes what all calls share.

        Args:
            store: Of the files.
            metrics: Told of received bytes.
            forget: Removes what else is kept for a caller and a subject, and gives how much.
        """
        self._store = store
        self._metrics = metrics
        self._forget = forget
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")

    def close(self) -> None:
        """Waits for writes that run."""
        self._threads.shutdown()

    async def UploadImage(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[image_pb2.UploadImageRequest], context: Context
    ) -> image_pb2.UploadImageResponse:
        """Stores one file, chunk by chunk."""
        caller = caller_of(context).name
        header = await _header(request_iterator)
        begun = await self._begin(caller, header)
        if isinstance(begun, Stored):
            return image_pb2.UploadImageResponse(image=_message(begun), already_stored=True)
        try:
            await self._take(request_iterator, begun)
            await self._in_thread(begun.finish)
        except BaseException:
            # After a write that may run: the upload's own lock sees to it. A caller who goes now must not stop it.
            await asyncio.shield(asyncio.wrap_future(self._threads.submit(begun.suspend)))
            raise
        stored = await self._in_thread(self._store.get, caller, header.subject, header.digest)
        return image_pb2.UploadImageResponse(image=_message(stored))

    async def GetImage(  # noqa: N802 - gRPC's name
        self, request: image_pb2.GetImageRequest, context: Context
    ) -> image_pb2.GetImageResponse:
        """What is held of one file."""
        require_subject(request.subject, "subject")
        require_digest(request.digest, "digest")
        stored = await self._in_thread(self._store.get, caller_of(context).name, request.subject, request.digest)
        return image_pb2.GetImageResponse(image=_message(stored))

    async def DeleteSubject(  # noqa: N802 - gRPC's name
        self, request: image_pb2.DeleteSubjectRequest, context: Context
    ) -> image_pb2.DeleteSubjectResponse:
        """All of one subject."""
        require_subject(request.subject, "subject")
        caller = caller_of(context).name
        outcomes = await self._in_thread(self._forget, caller, request.subject)
        deleted = await self._in_thread(self._store.delete_subject, caller, request.subject)
        return image_pb2.DeleteSubjectResponse(
            deleted_images=deleted.images, deleted_bytes=deleted.bytes, deleted_outcomes=outcomes
        )

    async def _begin(self, caller: str, header: image_pb2.UploadHeader) -> Upload | Stored:
        beginning = self._threads.submit(
            self._store.begin, caller, header.subject, header.digest, header.size_bytes, header.offset_bytes
        )
        try:
            return await asyncio.wrap_future(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(_suspend_begun)
            raise

    async def _take(self, requests: AsyncIterator[image_pb2.UploadImageRequest], upload: Upload) -> None:
        async for request in requests:
            if request.WhichOneof("part") != "chunk":
                raise BadRequestField("header", "a second one, or an empty message; wanted chunks after the header")
            chunk = request.chunk
            if not 1 <= len(chunk) <= MAX_CHUNK_BYTES:
                raise BadRequestField("chunk", f"{len(chunk)} bytes; wanted 1 to {MAX_CHUNK_BYTES}")
            await self._in_thread(upload.write, chunk)
            self._metrics.uploaded(len(chunk))

    async def _in_thread(self, function: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)


def _suspend_begun(beginning: Future[Upload | Stored]) -> None:
    """Ends an upload whose caller went before it had begun."""
    if not beginning.cancelled() and beginning.exception() is None and isinstance(begun := beginning.result(), Upload):
        begun.suspend()


async def _header(requests: AsyncIterator[image_pb2.UploadImageRequest]) -> image_pb2.UploadHeader:
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("part") != "header":
        raise BadRequestField("header", "the first message has none; wanted the header first")
    require_subject(first.header.subject, "header.subject")
    require_digest(first.header.digest, "header.digest")
    return first.header


def _message(stored: Stored) -> image_pb2.StoredImage:
    message = image_pb2.StoredImage(
        digest=stored.digest,
        size_bytes=stored.size_bytes,
        received_bytes=stored.received_bytes,
        complete=stored.complete,
    )
    message.created.FromMicroseconds(round(stored.created * 1e6))
    return message
