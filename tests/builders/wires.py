"""A wire between a client and a server that can be cut: a TCP relay of this process."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator


class Wire:
    """Passes bytes on; cuts a connection after a number of bytes from the client, as often as it is told."""

    def __init__(self, to: str, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        host, port = to.split(":")
        self._to = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._cuts: list[int] = []
        self._open: list[socket.socket] = []
        self._over = threading.Event()
        self.bytes_from_client = 0
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def cut_after(self, *sizes_bytes: int) -> None:
        """The next connections break after so many bytes each, those after them not at all."""
        self._cuts = list(sizes_bytes)

    def close(self) -> None:
        """Ends everything."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            _end(one)
        self._thread.join()

    def _accept(self) -> None:
        threads = []
        while not self._over.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                break
            server = socket.create_connection(self._to)
            self._open += [client, server]
            left = self._cuts.pop(0) if self._cuts else None
            threads += [
                threading.Thread(target=self._forward, args=(client, server, left)),
                threading.Thread(target=_back, args=(server, client)),
            ]
            for thread in threads[-2:]:
                thread.start()
        for thread in threads:
            thread.join()

    def _forward(self, client: socket.socket, server: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while (left is None or left > 0) and (read := client.recv(65536)):
                server.sendall(read)
                self.bytes_from_client += len(read)
                time.sleep(self._pause_seconds)
                left = None if left is None else left - len(read)
        _end(client)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)  # what was passed on still arrives


def _back(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while read := server.recv(65536):
            client.sendall(read)
    _end(client)
    _end(server)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextlib.contextmanager
def wire(to: str, pause_seconds: float = 0.0) -> Iterator[Wire]:
    """A wire to a server's address; pauses after each 64 KiB, so that little is on its way when it is cut."""
    made = Wire(to, pause_seconds)
    try:
        yield made
    finally:
        made.close()
