"""What is said of a challenger beside the champion: figures against numpy and scipy, the command as people read it."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders.registry import THERAPIES, write
from builders.releases import put
from scipy.stats import spearmanr

from models.__main__ import main
from models.database import sqlite_uri
from models.load import load_model
from models.monitoring.agreement import FEWEST_PATIENTS, agreements
from models.monitoring.outcome import Outcome
from models.monitoring.shadowed import Said, Shadowed
from models.monitoring.store import MonitoringStore
from models.registry import Registry

NAME = "outcome-xgboost"
A, B = "a" * 64, "b" * 64


def said(version: str, digest: str, probability: float) -> Said:
    return Said(version, digest, probability)


def fill(store: MonitoringStore, number: int, challenger: str = B) -> tuple[np.ndarray, np.ndarray]:
    """Answers of both for so many patients, two outcomes in three reported."""
    draw = np.random.default_rng(1)
    ours = draw.uniform(0.05, 0.95, number)
    theirs = np.clip(ours + draw.normal(0.05, 0.15, number), 0.01, 0.99)
    for patient, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        pair = Shadowed(NAME, "outcome", THERAPIES[0], said("1", A, one), said("2", challenger, other))
        store.add_shadowed(f"{patient:032x}", f"holder{patient}", patient, [pair])
        if patient % 3:
            seen = Outcome("outcome", THERAPIES[0], 60, bool(draw.random() < one))
            store.report(f"{patient:032x}", f"holder{patient}", seen, patient)
    return ours, theirs


def test_figures_are_those_of_numpy_and_scipy(tmp_path: Path) -> None:
    store = MonitoringStore(sqlite_uri(tmp_path / "m.db"))
    ours, theirs = fill(store, 60)
    # An older answer for the first patient counts no more; another therapy stands by itself.
    newer = Shadowed(NAME, "outcome", THERAPIES[0], said("1", A, 0.4), said("2", B, 0.7))
    store.add_shadowed("f" * 32, "holder0", 99, [newer])
    store.add_shadowed(
        "e" * 32, "holder0", 99, [Shadowed(NAME, "outcome", "other", said("1", A, 0.4), said("2", B, 0.7))]
    )
    ours[0], theirs[0] = 0.4, 0.7
    first, second = sorted(agreements(store.beside()), key=lambda one: -one.patients)
    figures = dict(first.figures)
    assert (first.patients, first.champion, first.challenger, first.day) == (60, "1", "2", 0)
    assert figures["mean_difference"].value == pytest.approx(np.mean(theirs - ours))
    assert figures["mean_absolute_difference"].value == pytest.approx(np.mean(np.abs(theirs - ours)))
    assert figures["other_side_of_half"].value == pytest.approx(np.mean((ours >= 0.5) != (theirs >= 0.5)))
    assert figures["rank_correlation"].value == pytest.approx(spearmanr(ours, theirs).statistic)
    spread = np.std(theirs - ours, ddof=1) / np.sqrt(60)
    lower, upper = figures["mean_difference"].lower, figures["mean_difference"].upper
    assert lower is not None and upper is not None
    assert upper - lower == pytest.approx(2 * 1.96 * spread, rel=0.15)
    assert first.champion_live is not None and first.challenger_live is not None
    assert first.champion_live.patients == first.challenger_live.patients == 40
    assert first.champion_live.expected == pytest.approx(sum(ours[patient] for patient in range(60) if patient % 3))
    assert (second.therapy, second.patients, second.figures) == ("other", 1, ())
    store.close()


def test_survival_is_compared_on_the_last_day_that_both_know(tmp_path: Path) -> None:
    store = MonitoringStore(sqlite_uri(tmp_path / "m.db"))
    for patient in range(FEWEST_PATIENTS):
        long = Said("1", A, None, ((0, 1.0), (100, 0.8), (300, 0.5 - patient / 100)))
        short = Said("2", B, None, ((0, 1.0), (200, 0.6)))
        store.add_shadowed(f"{patient:032x}", f"h{patient}", patient, [Shadowed("p", "progression", "", long, short)])
    (one,) = agreements(store.beside("p"))
    assert one.day == 200
    at_200 = np.array([(0.8 + 0.5 - patient / 100) / 2 for patient in range(FEWEST_PATIENTS)])
    assert dict(one.figures)["mean_difference"].value == pytest.approx(np.mean(0.6 - at_200))
    assert "rank_correlation" in dict(one.figures)
    assert agreements(store.beside("none")) == ()
    store.close()


def test_the_command_says_how_a_challenger_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry(data_folder=tmp_path)
    put(registry, write(tmp_path / "v1", NAME), NAME)
    put(registry, write(tmp_path / "v2", NAME, seed=5), NAME, alias="challenger")
    digest = load_model(tmp_path / "v2", NAME, "2").digest
    asked = ["shadow-report", "--data", str(tmp_path), "--registry", registry.uri]
    assert main(asked) == 2
    assert "there is no such store" in capsys.readouterr().err
    store = MonitoringStore(sqlite_uri(tmp_path / "monitoring.db"))
    assert store.beside() == ()
    assert main(asked) == 0
    assert "no challenger has answered in shadow yet" in capsys.readouterr().out
    fill(store, 60, digest)
    assert main([*asked, NAME]) == 0
    out = capsys.readouterr().out
    assert f"{NAME}: version 2 beside 1, chemotherapy: 60 patients" in out
    assert "rank correlation: 0.9" in out
    assert "version 1 on reported outcomes: 40 patients" in out
    assert "drift is not told, fewer than 20 cases so far" in out
    assert main([*asked, "--json"]) == 0
    agreement, challenger = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (agreement["of"], agreement["patients"], agreement["challenger_digest"]) == ("agreement", 60, digest)
    assert (challenger["of"], challenger["version"], challenger["referenced"]) == ("challenger", "2", True)
    store.close()
