"""Calls again where that is safe: the service is away or busy, and every call of ours may be repeated.

All our calls are idempotent (predictions are pure, uploads are named by their content, deleting twice is
deleting once), so UNAVAILABLE is always tried again. RESOURCE_EXHAUSTED is tried again only when the
service says when (RetryInfo): without it, a file or message is too large, and will be too large again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

from radresponse.errors import RadResponseError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How often, and how long between."""

    attempts: int = 5
    first_wait_seconds: float = 0.25
    longest_wait_seconds: float = 10.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def wait_seconds(self, error: RadResponseError, attempt: int) -> float | None:
        """How long to wait before trying again; None where it is no use.

        Args:
            error: What came.
            attempt: How many were made, 1 after the first.
        """
        if attempt >= self.attempts:
            return None
        asked = error.retry_after_seconds
        if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and asked is not None:
            return min(asked, self.longest_wait_seconds) * (1 + 0.25 * self.jitter())
        if error.code is grpc.StatusCode.UNAVAILABLE:
            usual = min(self.first_wait_seconds * 2.0 ** (attempt - 1), self.longest_wait_seconds)
            return max(usual * (0.5 + 0.5 * self.jitter()), min(asked or 0.0, self.longest_wait_seconds))
        return None


def persist(call: Callable[[float], Answer], *, timeout: float, patience: Patience) -> Answer:
    """Makes one call, again where that is safe, all within one deadline.

    Args:
        call: Makes one attempt in at most the seconds given; raises RadResponseError.
        timeout: Seconds for all attempts and the waits between.
        patience: How often.

    Raises:
        RadResponseError: Of the last attempt.
    """
    end = patience.clock() + timeout
    attempt = 1
    while True:
        try:
            return call(max(end - patience.clock(), 0.001))
        except RadResponseError as error:
            wait = patience.wait_seconds(error, attempt)
            if wait is None or patience.clock() + wait >= end:
                raise
        patience.sleep(wait)
        attempt += 1
