"""A line on loopback to a server, that can be slow, or cut in the middle of an answer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from builders.servers import free_port

CHUNK = 64


class Line:
    """Passes on what comes, both ways."""

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self.delay_seconds = 0.0
        """Before each answer begins."""
        self.cut_after: tuple[bytes, int] | None = None
        """Of a request that holds these bytes, the answer ends after so many bytes."""
        self.cuts = 0
        self._to = to
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Takes no more calls."""
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", self._to)) as server, suppress(OSError):
            asked = bytearray()
            threading.Thread(target=self._ask, args=(caller, server, asked), daemon=True).start()
            sent = 0
            while content := server.recv(CHUNK if self.cut_after else 65_536):
                if self.delay_seconds and not sent:
                    time.sleep(self.delay_seconds)
                caller.sendall(content)
                sent += len(content)
                if self.cut_after and self.cut_after[0] in bytes(asked) and sent > self.cut_after[1]:
                    self.cuts += 1
                    break
            for end in (caller, server):
                end.shutdown(socket.SHUT_RDWR)  # closing alone ends nothing that another thread still reads

    @staticmethod
    def _ask(caller: socket.socket, server: socket.socket, asked: bytearray) -> None:
        with suppress(OSError):
            while content := caller.recv(65_536):
                asked[:] = content
                server.sendall(content)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def line(to: int) -> Iterator[Line]:
    """One while inside."""
    made = Line(to)
    try:
        yield made
    finally:
        made.close()
