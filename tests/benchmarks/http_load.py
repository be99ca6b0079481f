"""HTTP callers in a process of their own, each on a connection that stays: as `load`, for REST servers.

`python -m tests.benchmarks.http_load PORT PATH CALLERS SECONDS <BODY` prints figures as JSON. Plain sockets, so that
the caller's own work is as small as it can be.
"""

import asyncio
import json
import socket
import sys
import time
from typing import BinaryIO

from .load import WARM_UP_SECONDS, alone, figures_of


def load(port: int, path: str, callers: int, seconds: float, body: bytes) -> dict[str, float]:
    """As `load.load`; any answer but 200 ends it all."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    if callers > 1:
        return asyncio.run(_load(port, callers, seconds, request))
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        return alone(lambda: _call(connection, answers, request), seconds)


def _call(connection: socket.socket, answers: BinaryIO, request: bytes) -> None:
    connection.sendall(request)
    status = head = answers.readline()
    length = 0
    while head.strip():
        head = answers.readline().lower()
        if head.startswith(b"content-length:"):
            length = int(head.partition(b":")[2])
    _require_good(status, answers.read(length))


async def _load(port: int, callers: int, seconds: float, request: bytes) -> dict[str, float]:
    await _call_on(port, request, time.perf_counter() + WARM_UP_SECONDS)
    started = time.perf_counter()
    spent = await asyncio.gather(*(_call_on(port, request, started + seconds) for _ in range(callers)))
    return figures_of(spent, time.perf_counter() - started)


async def _call_on(port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    while (started := time.perf_counter()) < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        _require_good(head.partition(b"\r\n")[0], answer)
        took.append(time.perf_counter() - started)
    writer.close()
    return took


def _require_good(status: bytes, answer: bytes) -> None:
    if b" 200 " not in status:
        raise RuntimeError(answer[:500].decode("utf-8", "replace"))


if __name__ == "__main__":
    _port, _path, _callers, _seconds = sys.argv[1:]
    _figures = load(int(_port), _path, int(_callers), float(_seconds), sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(_figures))
