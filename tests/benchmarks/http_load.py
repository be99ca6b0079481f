"""HTTP callers in a process of their own, each on a connection that stays: as `load`, for REST servers.

`python -m tests.benchmarks.http_load PORT PATH CALLERS SECONDS <BODY` prints figures as JSON. Plain sockets, so that
the caller's own work is as small as it can be.
"""

import asyncio
import json
import sys
import time

from .load import WARM_UP_SECONDS, figures_of


async def load(port: int, path: str, callers: int, seconds: float, body: bytes) -> dict[str, float]:
    """As `load.load`; any answer but 200 ends it all."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
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
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(answer[:500].decode("utf-8", "replace"))
        took.append(time.perf_counter() - started)
    writer.close()
    return took


if __name__ == "__main__":
    _port, _path, _callers, _seconds = sys.argv[1:]
    _figures = asyncio.run(load(int(_port), _path, int(_callers), float(_seconds), sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(_figures))
