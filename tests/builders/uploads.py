"""Stores of uploads, and uploads to them that end or break off."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.servers import digest_of

from service.errors import (
    ImageNotFound,
)
from service.upload import Upload
from service.uploads import Stored, UploadStore

CONTENT = bytes(range(256)) * 40


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[UploadStore]:
    """A store of small files that keeps unfinished ones for 100 s."""
    store = UploadStore(folder, max_bytes=100_000, partial_seconds=100.0, clock=clock)
    try:
        yield store
    finally:
        store.close()


def begin(
    store: UploadStore, content: bytes = CONTENT, caller: str = "c", subject: str = "s", offset: int = 0
) -> Upload:
    begun = store.begin(caller, subject, digest_of(content), len(content), offset)
    assert isinstance(begun, Upload)
    return begun


def put(store: UploadStore, content: bytes = CONTENT, caller: str = "c", subject: str = "s") -> str:
    upload = begin(store, content, caller, subject)
    upload.write(content)
    upload.finish()
    upload.suspend()
    return digest_of(content)


def break_off(store: UploadStore, received: int, content: bytes = CONTENT) -> None:
    upload = begin(store, content)
    upload.write(content[:received])
    upload.suspend()


def held(store: UploadStore, caller: str = "c", subject: str = "s", content: bytes = CONTENT) -> Stored | None:
    try:
        return store.get(caller, subject, digest_of(content))
    except ImageNotFound:
        return None


def files(store: UploadStore) -> list[Path]:
    folder = store._folder  # what lies on the disk is the point here
    return sorted(path for part in ("blobs", "incoming") for path in (folder / part).rglob("*") if path.is_file())
