"""One running upload: bytes in, hashed as they come and written before more are read."""

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import BinaryIO, Protocol

from service.errors import DigestMismatch, StoreFull, TooManyBytes, UploadIncomplete, UploadTakenOver
from service.upload_index import Held, Partial

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Store(Protocol):
    """What an upload tells the store that it belongs to."""

    def finished(self, upload: "Upload") -> Held:
        """The file is whole and verified."""

    def suspended(self, upload: "Upload") -> None:
        """No more comes for now."""

    def failed(self, upload: "Upload") -> None:
        """What came is worth nothing."""


class Upload:
    """Writes one file. Its methods block: they belong in a thread, one after the other.

    Only this object ever writes to its file, so what was hashed is what lies there.
    """

    def __init__(self, store: Store, holder: bytes, partial: Partial, path: Path) -> None:
        self.holder = holder
        self.partial = partial
        self.path = path
        self.received_bytes = 0
        self._store = store
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._taken_over = False
        self._file: BinaryIO = path.open("ab", buffering=0)

    def hash_before(self) -> None:
        """Hashes what an earlier try left in the file."""
        with self._lock:
            try:
                file = self.path.open("rb")
            except FileNotFoundError:  # deleted, or taken over, in this moment
                raise UploadTakenOver from None
            with file:
                while part := file.read(1024**2):
                    self._hash.update(part)
                    self.received_bytes += len(part)

    def copy_before(self, source: BinaryIO, size_bytes: int) -> None:
        """Starts with the first bytes of a file that another call still writes to."""
        while self.received_bytes < size_bytes:
            part = source.read(min(1024**2, size_bytes - self.received_bytes))
            if not part:
                raise UploadTakenOver
            self.write(part)

    def write(self, part: bytes) -> None:
        """Takes the next bytes.

        Raises:
            TooManyBytes: More than declared; nothing is kept.
            UploadTakenOver: Another call goes on with this file, or it was deleted.
            StoreFull: The disk is full; what came before is kept.
        """
        with self._lock:
            self._require_own()
            if self.received_bytes + len(part) > self.partial.size_bytes:
                self._fail()
                raise TooManyBytes(self.partial.size_bytes)
            self._append(part)
            self._hash.update(part)
            self.received_bytes += len(part)

    def finish(self) -> Held:
        """Checks the whole and makes it the holder's.

        Raises:
            UploadIncomplete: The stream ended early; what came is kept.
            DigestMismatch: Nothing is kept.
        """
        with self._lock:
            self._require_own()
            if self.received_bytes < self.partial.size_bytes:
                raise UploadIncomplete(self.received_bytes, self.partial.size_bytes)
            if self._hash.hexdigest() != self.partial.digest:
                self._fail()
                raise DigestMismatch(self.partial.size_bytes)
            os.fsync(self._file.fileno())
            self._file.close()
            return self._store.finished(self)

    def suspend(self) -> None:
        """Ends this try and keeps what came; harmless when it has ended before."""
        with self._lock:
            self._file.close()
            self._store.suspended(self)

    def take_over(self) -> None:
        """Tells this try that it has ended; its file is the store's again. Never waits."""
        self._taken_over = True

    def _append(self, part: bytes) -> None:
        rest = memoryview(part)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            # What stands behind the last hashed byte is cut off, so that the rest can follow it.
            self._file.truncate(self.received_bytes)
            if error.errno in _NO_ROOM:
                raise StoreFull from None
            raise

    def _require_own(self) -> None:
        if self._taken_over or self._file.closed:
            self._file.close()
            raise UploadTakenOver

    def _fail(self) -> None:
        self._file.close()
        self._store.failed(self)
