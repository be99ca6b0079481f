"""What monitoring keeps: predictions and outcomes until their patient is deleted, and counts of many cases together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.postgres import postgres

from models.database import sqlite_uri
from models.monitoring.outcome import Outcome
from models.monitoring.store import MonitoringStore, Predicted

DIGEST = "d" * 64


def outcome_model(probability: float = 0.7, therapy: str = "chemotherapy", name: str = "outcome") -> Predicted:
    return Predicted(name, "1", DIGEST, "outcome", therapy, probability)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_uri(tmp_path_factory.mktemp("monitoring") / "monitoring.db")
        return
    with postgres() as uri:
        yield uri


@pytest.fixture
def store(address: str, request: pytest.FixtureRequest) -> Iterator[MonitoringStore]:
    opened = MonitoringStore(address)
    for holder in ("h1", "h2", "h3"):
        opened.forget(holder)
    yield opened
    opened.close()


def test_a_prediction_waits_for_its_outcome_and_meets_it(store: MonitoringStore) -> None:
    both = [outcome_model(0.7), outcome_model(0.4, "immunotherapy")]
    store.add_predictions([("p1", "h1", 10, both)])
    store.add_predictions([("p1", "h1", 20, both)])  # the same answer once more
    assert set(store.predictions("p1", "h1")) == set(both)
    assert store.predictions("p1", "h2") == ()
    assert store.pairs(DIGEST) == ()
    told = Outcome("outcome", "immunotherapy", 90, True)
    assert not store.report("p1", "h1", told, 30)
    (pair,) = store.pairs(DIGEST)
    assert (pair.predicted, pair.outcome) == (both[1], told)
    assert store.report("p1", "h1", Outcome("outcome", "immunotherapy", 95, False), 40)
    assert [one.outcome.event for one in store.pairs(DIGEST)] == [False]


def test_a_patient_counts_once(store: MonitoringStore) -> None:
    for number, reported in (("p1", 10), ("p2", 20)):
        store.add_predictions([(number, "h1", 1, [outcome_model(0.3 if number == "p1" else 0.6)])])
        store.report(number, "h1", Outcome("outcome", "chemotherapy", 90, True), reported)
    assert [pair.predicted.probability for pair in store.pairs(DIGEST)] == [0.6]


def test_a_model_without_therapies_meets_any(store: MonitoringStore) -> None:
    curve = ((0, 1.0), (100, 0.6))
    one = Predicted("progression", "2", "e" * 64, "progression", "", None, curve)
    store.add_predictions([("p3", "h3", 1, [one, outcome_model()])])
    store.report("p3", "h3", Outcome("progression", "surgery", 80, True), 5)
    (pair,) = store.pairs("e" * 64)
    assert (pair.predicted, pair.outcome.therapy) == (one, "surgery")
    assert store.pairs(DIGEST) == ()  # of another task


def test_what_is_forgotten_is_gone_and_others_stay(store: MonitoringStore) -> None:
    for holder in ("h1", "h2"):
        store.add_predictions([(f"p-{holder}", holder, 1, [outcome_model()])])
        store.report(f"p-{holder}", holder, Outcome("outcome", "chemotherapy", 90, True), 2)
    assert store.forget("h1") == 2
    assert store.forget("h1") == 0
    assert store.predictions("p-h1", "h1") == ()
    assert len(store.pairs(DIGEST)) == 1


def test_predictions_whose_outcome_never_came_are_dropped_in_the_end(store: MonitoringStore) -> None:
    for number, holder in (("old", "h1"), ("new", "h2"), ("met", "h3")):
        store.add_predictions([(number, holder, 100 if number == "new" else 1, [outcome_model()])])
    store.report("met", "h3", Outcome("outcome", "chemotherapy", 90, True), 2)
    store.tidy(50)
    assert store.predictions("old", "h1") == ()
    assert store.predictions("new", "h2") and store.predictions("met", "h3")


def test_counts_add_up_over_the_newest_cases(store: MonitoringStore) -> None:
    digest = "c" * 64
    for number in range(4):
        store.add_counts(digest, 20, {"input:x": [number, 1, 0]}, number)
    assert store.counts(digest, 35) == (40, {"input:x": [5, 2, 0]})
    assert store.counts(digest, 1000) == (80, {"input:x": [6, 4, 0]})
    assert store.counts("f" * 64, 10) == (0, {})


def test_a_deletion_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    store = MonitoringStore(sqlite_uri(tmp_path / "m.db"))
    store.add_predictions([("f" * 32, "NEEDLE", 1, [outcome_model()])])
    assert any(b"NEEDLE" in file.read_bytes() for file in tmp_path.iterdir())
    store.forget("NEEDLE")
    assert not any(b"NEEDLE" in file.read_bytes() for file in tmp_path.iterdir())
    store.close()
