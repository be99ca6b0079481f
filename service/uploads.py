"""Files that callers uploaded, by digest: a folder with an SQLite index.

```
uploads/            mode 0700
├── key             secret of this store
├── index.db        who holds what, and what is unfinished
├── lock            held by the one server that uses the folder
├── blobs/ab/abcd…  finished files under their SHA-256, shared by all that hold them
└── incoming/…      unfinished ones under random names
```
The index keeps a caller and a subject only as HMAC-SHA256 under the key, so no name of either lies in the
folder. Who has the key too can still try pseudonyms one by one: the folder stays secret.

What others hold never shows. Everyone sends all bytes of a file, and counts as one of its holders only when the
bytes that came were verified; the last holder's deletion removes the file. Features are kept for each holder apart,
and go with the holder.
"""

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from features.case import Source
from service.errors import (
    BadRequestField,
    ImageNotFound,
    OffsetMismatch,
    SettingsError,
    UploadTakenOver,
    UploadTooLarge,
)
from service.upload import Upload
from service.upload_index import Held, Index, Partial

DAY_SECONDS = 86_400.0


class Features(Protocol):
    """As much of the features' cache as a deletion needs."""

    def forget(self, holder: str) -> object:
        """Drops all that is kept for a holder; work that still runs for it keeps nothing any more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is held of one file."""

    digest: str
    size_bytes: int
    received_bytes: int
    complete: bool
    """Whether the whole file is held and was verified."""
    created: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took from its caller."""

    images: int
    bytes: int


class UploadStore:
    """All uploads of one server. Safe to share between threads; one process at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 512 * 1024**2,
        partial_seconds: float = DAY_SECONDS,
        features: Features | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens the folder, or makes it.

        Args:
            folder: Of this store alone.
            max_bytes: Of one file.
            partial_seconds: How long an unfinished upload is kept for its rest.
            features: Told who has deleted all that they hold.
            clock: Seconds since 1970.

        Raises:
            SettingsError: Another server uses the folder.
        """
        for part in (folder, folder / "blobs", folder / "incoming"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.chmod(0o700)
        self._folder = folder
        self._in_use = _lock_file(folder / "lock")
        self._index = Index(folder)
        self._max_bytes = max_bytes
        self._partial_seconds = partial_seconds
        self._features = features
        self._clock = clock
        self._lock = threading.RLock()
        self._live: dict[str, Upload] = {}
        self.tidy()

    def close(self) -> None:
        """Ends uploads that run, keeping what came, and gives the folder free."""
        for upload in list(self._live.values()):
            upload.suspend()
        with self._lock:
            self._index.close()
            self._in_use.close()

    def holder(self, caller: str, subject: str) -> str:
        """What stands for a caller and a subject, in hexadecimal; tells neither."""
        return self._index.holder(caller, subject).hex()

    def open(self, caller: str, subject: str, digest: str) -> Source:
        """A finished file of this caller for this subject.

        Raises:
            ImageNotFound: None, whatever others hold.
        """
        with self._lock:
            if self._index.find(self._index.holder(caller, subject), digest) is None:
                raise ImageNotFound
        return Source(digest, self._blob(digest))

    def get(self, caller: str, subject: str, digest: str) -> Stored:
        """What is held of a file, finished or not.

        Raises:
            ImageNotFound: Nothing.
        """
        with self._lock:
            holder = self._index.holder(caller, subject)
            if (held := self._index.find(holder, digest)) is not None:
                return _whole(held)
            partials = self._index.partials(holder, digest)
            most = max(partials, key=lambda partial: self._size(partial.file), default=None)
            if most is None or not (received := self._size(most.file)):
                raise ImageNotFound
            return Stored(digest, most.size_bytes, received, False, most.created)

    def begin(self, caller: str, subject: str, digest: str, size_bytes: int, offset_bytes: int = 0) -> Upload | Stored:
        """Starts an upload, or goes on with a broken-off one.

        Returns:
            What to write to; or the finished file, when this caller stored it for this subject before.

        Raises:
            UploadTooLarge: By its declared size.
            OffsetMismatch: Another number of bytes is held.
            BadRequestField: Sizes that cannot be.
        """
        self._require_sizes(size_bytes, offset_bytes)
        with self._lock:
            holder = self._index.holder(caller, subject)
            if (held := self._index.find(holder, digest)) is not None:
                if held.size_bytes != size_bytes:
                    told = f"{size_bytes}; the stored file of this digest has {held.size_bytes}"
                    raise BadRequestField("header.size_bytes", told)
                return _whole(held)
            if not offset_bytes:
                return self._fresh(holder, digest, size_bytes, self._clock())
            before = self._before(holder, digest, size_bytes, offset_bytes)
            if before.file not in self._live:
                upload = self._started(holder, before)
                source = None
            else:
                # A caller whose connection broke is back before the server noticed: the newer call goes on, with
                # a copy, for the older one may be in the middle of a write.
                source = self._incoming(before.file).open("rb")
                self._drop(before.file)
                upload = self._fresh(holder, digest, size_bytes, before.created)
        _fill(upload, source, offset_bytes)
        return upload

    def delete_subject(self, caller: str, subject: str) -> Deleted:
        """Removes all that this caller uploaded for one subject, and the features computed for it."""
        with self._lock:
            holder = self._index.holder(caller, subject)
            if self._features is not None:
                # First, so that a deletion that breaks off is made again. Nothing opens meanwhile: that takes the lock.
                self._features.forget(holder.hex())
            held = self._index.held(holder)
            partials = {partial.file: partial.digest for partial in self._index.partials(holder)}
            sizes = {file: self._size(file) for file in partials}
            digests = {file.digest for file in held} | {partials[file] for file, size in sizes.items() if size}
            for file in partials:
                self._drop(file)
            self._index.release(holder)
            for whole in held:
                self._drop_unheld(whole.digest)
            self._index.wipe_log()
        return Deleted(len(digests), sum(file.size_bytes for file in held) + sum(sizes.values()))

    def tidy(self) -> int:
        """Drops unfinished uploads that waited too long, and files that nobody holds; says how many."""
        with self._lock:
            old = self._index.untouched(self._clock() - self._partial_seconds)
            stale = [file for file in old if file not in self._live]
            for file in stale:
                self._drop(file)
            held, partials = self._index.files()
            strays = [path for path in (self._folder / "incoming").iterdir() if path.name not in partials]
            strays += [path for path in (self._folder / "blobs").glob("*/*") if path.name not in held]
            for path in strays:
                path.unlink()
            return len(stale) + len(strays)

    # What an Upload tells, while it holds its own lock; so nothing here may wait for an Upload.

    def finished(self, upload: Upload) -> Held:
        """Makes a verified file one of its holder's."""
        partial = upload.partial
        held = Held(partial.digest, partial.size_bytes, partial.created)
        with self._lock:
            if self._live.get(partial.file) is not upload:
                raise UploadTakenOver
            blob = self._blob(held.digest)
            blob.parent.mkdir(mode=0o700, exist_ok=True)
            upload.path.replace(blob)
            _sync_folder(blob.parent)
            with self._index.transaction():
                self._index.hold(upload.holder, held)
                self._index.drop_partial(partial.file)
            del self._live[partial.file]
            for other in self._index.partials(upload.holder, held.digest):
                if other.file not in self._live:
                    self._drop(other.file)
        return held

    def suspended(self, upload: Upload) -> None:
        """Keeps what came, unless another try brought more."""
        with self._lock:
            if self._live.pop(upload.partial.file, None) is None:
                return
            self._index.touch_partial(upload.partial.file, self._clock())
            waiting = [
                partial.file
                for partial in self._index.partials(upload.holder, upload.partial.digest)
                if partial.file not in self._live
            ]
            best = max(waiting, key=self._size)
            for file in waiting:
                if file != best or not self._size(file) or self._index.find(upload.holder, upload.partial.digest):
                    self._drop(file)

    def failed(self, upload: Upload) -> None:
        """Keeps nothing."""
        with self._lock:
            if self._live.get(upload.partial.file) is upload:
                self._drop(upload.partial.file)

    def _require_sizes(self, size_bytes: int, offset_bytes: int) -> None:
        if size_bytes < 1:
            raise BadRequestField("header.size_bytes", f"{size_bytes}; wanted the size of the file, above 0")
        if size_bytes > self._max_bytes:
            raise UploadTooLarge(size_bytes, self._max_bytes)
        if not 0 <= offset_bytes <= size_bytes:
            raise BadRequestField("header.offset_bytes", f"{offset_bytes}; wanted 0 to {size_bytes}")

    def _fresh(self, holder: bytes, digest: str, size_bytes: int, created: float) -> Upload:
        partial = Partial(secrets.token_hex(32), digest, size_bytes, created)
        self._index.add_partial(holder, partial, self._clock())
        return self._started(holder, partial)

    def _started(self, holder: bytes, partial: Partial) -> Upload:
        upload = Upload(self, holder, partial, self._incoming(partial.file))
        self._live[partial.file] = upload
        return upload

    def _before(self, holder: bytes, digest: str, size_bytes: int, offset_bytes: int) -> Partial:
        """The unfinished file that ends where the rest begins; one that nobody writes to is preferred."""
        partials = self._index.partials(holder, digest)
        fitting = [
            partial
            for partial in partials
            if partial.size_bytes == size_bytes and self._size(partial.file) == offset_bytes
        ]
        if not fitting:
            raise OffsetMismatch(offset_bytes, max((self._size(partial.file) for partial in partials), default=0))
        return min(fitting, key=lambda partial: partial.file in self._live)

    def _drop(self, file: str) -> None:
        if (writer := self._live.pop(file, None)) is not None:
            writer.take_over()
        self._incoming(file).unlink(missing_ok=True)
        self._index.drop_partial(file)

    def _drop_unheld(self, digest: str) -> None:
        if not self._index.holders(digest):
            self._blob(digest).unlink(missing_ok=True)

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / digest[:2] / digest

    def _incoming(self, file: str) -> Path:
        return self._folder / "incoming" / file

    def _size(self, file: str) -> int:
        try:
            return self._incoming(file).stat().st_size
        except FileNotFoundError:
            return 0


def _whole(held: Held) -> Stored:
    return Stored(held.digest, held.size_bytes, held.size_bytes, True, held.created)


def _fill(upload: Upload, source: BinaryIO | None, offset_bytes: int) -> None:
    """Hashes what an upload goes on from; outside the store's lock, for it may be much."""
    try:
        if source is None:
            upload.hash_before()
        else:
            with source:
                upload.copy_before(source, offset_bytes)
    except BaseException:
        upload.suspend()
        raise


def _lock_file(path: Path) -> BinaryIO:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SettingsError("data_folder: another server keeps its uploads there; wanted a folder of its own") from None
    return file


def _sync_folder(folder: Path) -> None:
    """Makes a rename last through a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
