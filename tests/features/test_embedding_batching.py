"""Batches across callers: to each what is his, whatever is cancelled, fails or waits."""

import threading
import time
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.embedding.batching import Batcher, Limits
from features.errors import Cancelled

LONG = 60.0
"""Seconds: a limit on waiting for what happens at once on any machine."""


class Ticket:
    """A caller who may go."""

    def __init__(self) -> None:
        self.gone = False

    def check(self) -> None:
        if self.gone:
            raise Cancelled("gone")


class Engine:
    """Squares numbers, slowly enough to be overtaken; notes each batch. Some items make callers go in mid-batch."""

    def __init__(self, going: dict[int, Ticket] | None = None) -> None:
        self.batches: list[tuple[Hashable, list[int]]] = []
        self.going = going or {}
        self.open = threading.Event()
        self.open.set()

    def __call__(self, key: Hashable, items: Sequence[int]) -> list[int]:
        self.batches.append((key, list(items)))
        for item in items:
            if item in self.going:
                self.going[item].gone = True
        assert self.open.wait(LONG)
        if any(item < 0 for item in items):
            raise ValueError(f"{min(items)} has no root")
        return [item * item for item in items]


def ask(batcher: Batcher[int, int], key: Hashable, items: list[int], ticket: Ticket) -> list[int] | str:
    try:
        return batcher.run(key, items, ticket.check)
    except Cancelled:
        return "cancelled"


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 7), min_size=1, max_size=6),
    goers=st.sets(st.integers(0, 5)),
    triggers=st.lists(st.integers(0, 41), max_size=6),
    largest=st.integers(1, 9),
    capacity=st.integers(1, 12),
    engines=st.integers(1, 3),
    keys=st.integers(1, 2),
)
def test_every_result_returns_to_its_own_caller_whoever_goes_in_mid_batch(
    sizes: list[int], goers: set[int], triggers: list[int], largest: int, capacity: int, engines: int, keys: int
) -> None:
    tickets = [Ticket() for _ in sizes]
    # Caller n asks for 100 n, 100 n + 1, ...; computing one of the triggers makes another caller go.
    going = {
        100 * (trigger % len(sizes)) + trigger // 6: tickets[goer % len(sizes)]
        for trigger, goer in zip(triggers, goers, strict=False)
    }
    devices = [Engine(going) for _ in range(engines)]
    batcher = Batcher[int, int](devices, Limits(largest, 0.001, capacity))
    asked = [[100 * caller + index for index in range(size)] for caller, size in enumerate(sizes)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        answers = list(
            pool.map(lambda n: ask(batcher, n % keys, asked[n], tickets[n]), range(len(sizes)), timeout=LONG)
        )
    batcher.close()
    for caller, answer in enumerate(answers):
        if answer == "cancelled":
            assert tickets[caller] in going.values(), "nobody is cancelled who did not go"
        else:
            assert answer == [item * item for item in asked[caller]]
    for device in devices:
        for key, batch in device.batches:
            assert len(batch) <= largest
            assert {item // 100 % keys for item in batch} == {key}, "a batch is of one network"
    computed = [item for device in devices for _, batch in device.batches for item in batch]
    assert len(computed) == len(set(computed)), "nothing is computed twice"


def test_callers_share_a_batch_and_it_closes_when_it_is_full() -> None:
    engine = Engine()
    batcher = Batcher[int, int]([engine], Limits(4, LONG, 64))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: batcher.run("a", [n]), range(4), timeout=LONG))
    assert answers == [[0], [1], [4], [9]]
    assert [sorted(batch) for _, batch in engine.batches] == [[0, 1, 2, 3]]
    batcher.close()


def test_a_batch_closes_when_its_oldest_has_waited_long_enough() -> None:
    batcher = Batcher[int, int]([Engine()], Limits(1000, 0.05, 64))
    began = time.monotonic()
    assert batcher.run("a", [3]) == [9]
    assert time.monotonic() - began >= 0.05
    batcher.close()


def blocked(limits: Limits) -> tuple[Engine, Batcher[int, int]]:
    """An engine that holds its first batch."""
    engine = Engine()
    engine.open.clear()
    return engine, Batcher[int, int]([engine], limits)


def wait_for(condition: object, engine: Engine) -> None:
    deadline = time.monotonic() + LONG
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.002)
    assert condition(), engine.batches  # type: ignore[operator]


def test_who_goes_while_waiting_is_dropped_before_the_batch() -> None:
    engine, batcher = blocked(Limits(8, 0.0, 64))
    ticket = Ticket()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.run, "a", [1])
        wait_for(lambda: engine.batches, engine)
        gone = pool.submit(ask, batcher, "a", [2, 3], ticket)
        stays = pool.submit(batcher.run, "a", [4])
        wait_for(lambda: batcher.depth == 3, engine)
        ticket.gone = True
        assert gone.result(LONG) == "cancelled", "who goes does not wait for the batch in hand"
        engine.open.set()
        assert (first.result(LONG), stays.result(LONG)) == ([1], [16])
    assert engine.batches == [("a", [1]), ("a", [4])]
    batcher.close()


def test_a_full_queue_makes_callers_wait_for_room_and_loses_nothing() -> None:
    engine, batcher = blocked(Limits(2, 0.0, 3))
    with ThreadPoolExecutor(2) as pool:
        many = pool.submit(batcher.run, "a", list(range(20)))
        wait_for(lambda: batcher.depth == 3, engine)
        waiting = pool.submit(ask, batcher, "a", [50], going := Ticket())
        going.gone = True
        assert waiting.result(LONG) == "cancelled", "also while it waits for room"
        engine.open.set()
        assert many.result(LONG) == [n * n for n in range(20)]
    batcher.close()


def test_an_item_that_fails_fails_for_its_own_caller_alone() -> None:
    engine, batcher = blocked(Limits(8, 0.0, 64))
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.run, "a", [1])
        wait_for(lambda: engine.batches, engine)
        bad = pool.submit(batcher.run, "a", [-2])
        good = pool.submit(batcher.run, "a", [5])
        wait_for(lambda: batcher.depth == 2, engine)
        engine.open.set()
        assert (first.result(LONG), good.result(LONG)) == ([1], [25])
        with pytest.raises(ValueError, match="no root"):
            bad.result(LONG)
    assert batcher.run("a", [6]) == [36], "the worker lives on"
    batcher.close()


def test_an_engine_that_gives_too_few_rows_gives_nobody_anothers() -> None:
    batcher = Batcher[int, int]([lambda key, items: [0] * (len(items) - 1)], Limits(8, 0.0, 64))
    with pytest.raises(RuntimeError, match="0 rows for 1 items"):
        batcher.run("a", [1, 2])
    batcher.close()


def test_a_closed_queue_lets_nobody_wait() -> None:
    engine, batcher = blocked(Limits(1, 0.0, 64))
    with ThreadPoolExecutor(2) as pool:
        inside = pool.submit(ask, batcher, "a", [1], Ticket())
        wait_for(lambda: engine.batches, engine)
        left = pool.submit(ask, batcher, "a", [2], Ticket())
        wait_for(lambda: batcher.depth == 1, engine)
        batcher.close()
        assert left.result(LONG) == "cancelled"
        engine.open.set()
        assert inside.result(LONG) == [1]
    assert ask(batcher, "a", [3], Ticket()) == "cancelled"
