"""Callers in a process of their own: each sends the same request again as soon as it has its answer.

`python -m tests.benchmarks.load ADDRESS METHOD CALLERS SECONDS <REQUEST` prints figures as JSON. Requests
and answers stay bytes here, and one caller alone needs no event loop, so that the caller's own work is as small as it
can be.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence

import grpc

WARM_UP_SECONDS = 1.0


def load(address: str, method: str, callers: int, seconds: float, request: bytes) -> dict[str, float]:
    """p50 and p99 in milliseconds, and calls a second; any call that fails ends it all."""
    if callers > 1:
        return asyncio.run(_load(address, method, callers, seconds, request))
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        return alone(lambda: call(request, timeout=60), seconds)


def alone(call: Callable[[], object], seconds: float) -> dict[str, float]:
    """Figures of one caller who does nothing else."""
    until = time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < until:
        call()
    took = []
    until = (began := time.perf_counter()) + seconds
    while (started := time.perf_counter()) < until:
        call()
        took.append(time.perf_counter() - started)
    return figures_of([took], time.perf_counter() - began)


async def _load(address: str, method: str, callers: int, seconds: float, request: bytes) -> dict[str, float]:
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        await _call_on(call, request, time.perf_counter() + WARM_UP_SECONDS)
        started = time.perf_counter()
        spent = await asyncio.gather(*(_call_on(call, request, started + seconds) for _ in range(callers)))
        elapsed = time.perf_counter() - started
    return figures_of(spent, elapsed)


def figures_of(spent: Sequence[Sequence[float]], elapsed: float) -> dict[str, float]:
    """Of the seconds that each caller's calls took."""
    took = sorted(one for of_caller in spent for one in of_caller)
    return {
        "calls": len(took),
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[min(len(took) - 1, int(len(took) * 0.99))],
        "calls_per_second": len(took) / elapsed,
    }


async def _call_on(call: "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]", request: bytes, until: float) -> list[float]:
    took = []
    while (started := time.perf_counter()) < until:
        await call(request, timeout=60)
        took.append(time.perf_counter() - started)
    return took


if __name__ == "__main__":
    _address, _method, _callers, _seconds = sys.argv[1:]
    _figures = load(_address, _method, int(_callers), float(_seconds), sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(_figures))
