"""TLS in front of a plain server on loopback, as hospitals put a reverse proxy in front of an archive."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 64 * 1024


@contextmanager
def tls_front(port: int, certificate_file: Path, key_file: Path) -> Iterator[int]:
    """Forwards TLS connections to a port; gives its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=_serve, args=(context, plain, port, ended)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(10)
        for thread in threads:
            thread.join(10)


def _serve(context: ssl.SSLContext, plain: socket.socket, port: int, ended: threading.Event) -> None:
    plain.settimeout(30)
    with plain:
        try:
            outer = context.wrap_socket(plain, server_side=True)
        except OSError:  # a client that does not trust the certificate
            return
        with outer, socket.create_connection(("127.0.0.1", port)) as inner, contextlib.suppress(OSError):
            _pump(outer, inner, ended)


def _pump(outer: ssl.SSLSocket, inner: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        waiting = outer.pending() > 0
        ready = [outer] if waiting else select.select([outer, inner], [], [], 0.2)[0]
        for one in ready:
            content = one.recv(CHUNK)
            if not content:
                return
            (inner if one is outer else outer).sendall(content)
