"""A call is made again where that is safe, in time, and not more often than allowed."""

from dataclasses import dataclass, field

import grpc
import pytest

from radresponse.errors import RadResponseError
from radresponse.retry import Patience, persist


@dataclass
class Clock:
    """Time that passes only while one sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def patience(clock: Clock, attempts: int = 5) -> Patience:
    return Patience(attempts=attempts, sleep=clock.sleep, clock=lambda: clock.now, jitter=lambda: 1.0)


def away(retry_after: float | None = None) -> RadResponseError:
    return RadResponseError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "away", retry_after_seconds=retry_after)


def full(retry_after: float | None) -> RadResponseError:
    return RadResponseError(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "full", retry_after_seconds=retry_after)


def answers(*outcomes: RadResponseError | str) -> "Script":
    return Script(list(outcomes))


@dataclass
class Script:
    """A call whose outcomes are known beforehand."""

    outcomes: list[RadResponseError | str]
    given_seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> str:
        self.given_seconds.append(seconds)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, RadResponseError):
            raise outcome
        return outcome


def test_a_service_that_comes_back_answers() -> None:
    clock = Clock()
    assert persist(answers(away(), away(), "yes"), timeout=60, patience=patience(clock)) == "yes"
    assert clock.slept == [0.25, 0.5]


def test_waits_grow_to_a_cap_and_attempts_end() -> None:
    clock = Clock()
    script = answers(*[away()] * 9)
    with pytest.raises(RadResponseError, match="away"):
        persist(script, timeout=600, patience=patience(clock, attempts=9))
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_a_full_queue_is_waited_for_as_long_as_it_asks() -> None:
    clock = Clock()
    assert persist(answers(full(2.0), "yes"), timeout=60, patience=patience(clock)) == "yes"
    assert clock.slept == [2.5]  # a quarter of jitter on top, never less than was asked


@pytest.mark.parametrize(
    "error",
    [full(None)]
    + [
        RadResponseError(code, "X", "x", retry_after_seconds=1.0)
        for code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNAUTHENTICATED,
        )
    ],
    ids=lambda error: error.code.name,
)
def test_what_would_fail_again_is_not_repeated(error: RadResponseError) -> None:
    clock = Clock()
    with pytest.raises(RadResponseError):
        persist(answers(error, "never"), timeout=60, patience=patience(clock))
    assert clock.slept == []


def test_all_attempts_share_one_deadline() -> None:
    clock = Clock()
    script = answers(full(3.0), "yes")
    persist(script, timeout=10, patience=patience(clock))
    assert script.given_seconds == [10, 6.25]


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    clock = Clock()
    with pytest.raises(RadResponseError, match="full"):
        persist(answers(full(8.0), "never"), timeout=9, patience=patience(clock))
    assert clock.now == 0
