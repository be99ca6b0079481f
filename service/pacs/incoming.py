"""Instances that an archive sends here: written as they came, within the caps, and nothing that was not asked for."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from service.errors import PacsUnavailable, SeriesTooLarge, StoreFull
from service.pacs.settings import Pacs, host_and_port

TAKEN, NO_ROOM, NOT_ASKED_FOR = 0x0000, 0xA700, 0xA900


class Incoming:
    """What comes of one series."""

    def __init__(self, pacs: Pacs, study_uid: str, series_uid: str, folder: Path) -> None:
        """Takes where it goes.

        Args:
            pacs: Says how much may come.
            study_uid: Instances of another are refused.
            series_uid: The same.
            folder: Is there, and empty.
        """
        self.files: list[Path] = []
        self._pacs = pacs
        self._asked = (study_uid, series_uid)
        self._folder = folder
        self._bytes = 0
        self._until = time.monotonic() + pacs.max_seconds
        self._trouble: SeriesTooLarge | StoreFull | None = None
        self._broken: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[tuple[Any, ...]]:
        """For an association."""
        return [(evt.EVT_C_STORE, self._store), (evt.EVT_DATA_RECV, self._count)]

    def require_whole(self) -> None:
        """Nothing was left out.

        Raises:
            SeriesTooLarge: Something was.
            StoreFull: It could not be written.
        """
        if self._trouble is not None:
            raise self._trouble

    def close(self) -> None:
        """Closes what was broken off, once its association has ended: pynetdicom leaves that to the garbage."""
        for one in self._broken:
            one.close()

    def _count(self, event: evt.Event) -> None:
        """Bytes count as they come, so that no instance is put together that is larger than all may be."""
        with self._lock:
            self._bytes += len(event.data)
            if self._bytes > self._pacs.max_bytes:
                self._refuse(event.assoc, "bytes", self._pacs.max_bytes)
            elif time.monotonic() > self._until:
                self._refuse(event.assoc, "seconds", self._pacs.max_seconds)

    def _store(self, event: evt.Event) -> int:
        with self._lock:
            if self._trouble is not None:
                return NO_ROOM
            if len(self.files) >= self._pacs.max_instances:
                self._trouble = SeriesTooLarge(self._pacs.name, "instances", self._pacs.max_instances)
                return NO_ROOM
            head = event.dataset
            if (str(head.get("StudyInstanceUID")), str(head.get("SeriesInstanceUID"))) != self._asked:
                return NOT_ASKED_FOR
            file = self._folder / f"{len(self.files):05}.dcm"
            try:
                with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                    out.write(event.encoded_dataset())
            except OSError:
                self._trouble = StoreFull()
                return NO_ROOM
            self.files.append(file)
            return TAKEN

    def _refuse(self, association: Association, what: str, limit: float) -> None:
        """Breaks off in the middle of an instance."""
        if self._trouble is None:
            self._trouble = SeriesTooLarge(self._pacs.name, what, limit)
            # As where the other side breaks off: all that waits for more of it then ends.
            if association.dul.socket is not None and association.dul.socket.socket is not None:
                self._broken.append(association.dul.socket.socket)
                with suppress(OSError):
                    association.dul.socket.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def receiving(incoming: Incoming, contexts: Sequence[PresentationContext]) -> Iterator[None]:
    """Listens for what C-MOVE sends, from the archive's own address alone, while inside.

    Raises:
        PacsUnavailable: The port is taken.
    """
    pacs = incoming._pacs
    entity = AE(ae_title=pacs.calling_aet)
    entity.require_called_aet = True
    host = host_and_port(pacs.dimse, "dimse")[0]
    addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, None)}

    def greet(event: evt.Event) -> None:
        if event.assoc.remote["address"] not in addresses:
            event.assoc.abort()

    try:
        server = entity.start_server(
            host_and_port(pacs.move_listen, "move_listen"),
            block=False,
            contexts=list(contexts),
            evt_handlers=[*incoming.handlers, (evt.EVT_REQUESTED, greet)],
        )
    except OSError:
        raise PacsUnavailable(pacs.name, "cannot be listened for: the port of move_listen is taken") from None
    try:
        yield
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
