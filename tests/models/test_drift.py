"""Drift: what travels of the training cohort, and what is seen to have moved against it."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.registry import facts_of, fit, patients
from scipy.stats import ks_2samp

from models.drift import drift_of
from models.errors import BrokenFile
from models.families.columns import THERAPY
from models.load import load_model
from models.manifest import read_manifest, write_manifest
from models.package import write_version
from models.spreads import Spread, Spreads, spreads_of


def counts_of(spread: Spread, values: "pd.Series[float] | np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[int]:
    found = Counter(spread.class_of(None if value != value else value) for value in values)
    return [found[index] for index in range(spread.classes)]


@pytest.fixture(scope="module")
def spreads() -> Spreads:
    table, _ = patients()
    found = spreads_of(fit("outcome-xgboost"), table)
    assert found is not None
    return found


def test_the_reference_is_cuts_and_shares_of_the_training_columns(spreads: Spreads) -> None:
    table, _ = patients()
    for spread in spreads.columns:
        series = table[spread.name]
        assert sum(spread.shares) == pytest.approx(1)
        assert spread.missing == pytest.approx(float(series.isna().mean()))
        assert [count / series.notna().sum() for count in counts_of(spread, series)] == pytest.approx(
            list(spread.shares)
        )
        assert spread.categories or min(spread.shares) > 0.05
    assert {spread.name for spread in spreads.predictions} == set(table[THERAPY])
    assert spreads.patients == len(table)


def test_few_patients_leave_no_reference() -> None:
    table, _ = patients()
    assert spreads_of(fit("outcome-xgboost"), table.head(15)) is None


def test_the_reference_travels_in_the_manifest(spreads: Spreads, tmp_path: Path) -> None:
    fitted = fit("outcome-xgboost")
    write_version(tmp_path / "v", fitted, facts_of(fitted, spreads=spreads), "# card\n")
    assert getattr(load_model(tmp_path / "v", "m", "1").manifest, "spreads", None) == spreads


def test_a_manifest_from_before_there_was_a_reference_is_read(tmp_path: Path) -> None:
    fitted = fit("outcome-xgboost")
    manifest = write_version(tmp_path / "v", fitted, facts_of(fitted), "# card\n")
    plain = json.loads(write_manifest(manifest))
    assert plain["facts"].pop("spreads", "none") is None
    assert read_manifest(json.dumps(plain).encode()) == manifest


@pytest.mark.parametrize(
    "broken",
    [
        {"shares": (0.5, 0.4)},
        {"shares": (1.0,)},
        {"cuts": (2.0, 1.0), "shares": (0.5, 0.2, 0.3)},
        {"categories": ("a", "b")},
        {"missing": 1.5},
        {"shares": (1.5, -0.5)},
    ],
)
def test_a_reference_that_cannot_be_is_refused(broken: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "x", "cuts": (1.0,), "categories": (), "shares": (0.5, 0.5), "missing": 0.0}
    Spread(**good)  # type: ignore[arg-type]
    with pytest.raises(BrokenFile, match="no spread"):
        Spread(**(good | broken))  # type: ignore[arg-type]


def test_the_index_is_the_sum_that_the_books_have() -> None:
    spread = Spread("x", (1.0, 2.0), (), (0.2, 0.3, 0.5), 0.0)
    told = drift_of(spread, 10**7, [5_000_000, 3_000_000, 2_000_000], 0)
    wanted = (0.5 - 0.2) * math.log(0.5 / 0.2) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert told.psi == pytest.approx(wanted, rel=1e-5)
    assert told.ks == pytest.approx(0.3)
    assert told.drifted


def test_the_distance_is_scipys_where_classes_are_fine() -> None:
    draw = np.random.default_rng(4)
    then, now = draw.normal(size=4000), draw.normal(0.3, 1.2, size=3000)
    cuts = np.quantile(then, np.linspace(0, 1, 401)[1:-1])
    spread = Spread("x", tuple(cuts.tolist()), (), (1 / 400,) * 400, 0.0)
    ks = drift_of(spread, 4000, counts_of(spread, now), 0).ks
    assert ks == pytest.approx(ks_2samp(then, now).statistic, abs=1 / 400)


def test_without_drift_hardly_any_sample_passes_what_chance_allows() -> None:
    draw = np.random.default_rng(5)
    passed = 0
    for _ in range(300):
        then = draw.normal(size=150)
        cuts = np.quantile(then, np.linspace(0, 1, 11)[1:-1])
        spread = Spread("x", tuple(cuts.tolist()), (), (0.1,) * 10, 0.0)
        told = drift_of(spread, 150, counts_of(spread, draw.normal(size=60)), 0)
        passed += told.psi > told.psi_by_chance
    assert passed <= 12  # 3 are meant; the index's law is approximate for so few


def test_a_shift_is_seen_and_a_column_that_goes_missing_too() -> None:
    draw = np.random.default_rng(6)
    then = draw.normal(size=200)
    spread = Spread("x", tuple(np.quantile(then, np.linspace(0, 1, 11)[1:-1]).tolist()), (), (0.1,) * 10, 0.05)
    assert not drift_of(spread, 200, counts_of(spread, draw.normal(size=100)), 5).drifted
    assert drift_of(spread, 200, counts_of(spread, draw.normal(1.0, size=100)), 5).drifted
    assert drift_of(spread, 200, counts_of(spread, draw.normal(size=100)), 40).drifted
    nothing = drift_of(spread, 200, [0] * 10, 0)
    assert (nothing.psi, nothing.ks, nothing.drifted) == (0.0, None, False)


def test_new_patients_of_the_same_kind_do_not_drift_and_others_do(spreads: Spreads) -> None:
    same, _ = patients(200, seed=11)
    columns = {spread.name: spread for spread in spreads.columns}
    for name, spread in columns.items():
        assert not drift_of(spread, spreads.patients, counts_of(spread, same[name]), 0).drifted, name
    age = columns["clinical.age_years"]
    assert drift_of(age, spreads.patients, counts_of(age, same["clinical.age_years"] + 12), 0).drifted


def test_a_category_that_was_never_seen_counts_as_missing() -> None:
    spread = Spread("clinical.sex", (), ("female", "male"), (0.4, 0.6), 0.0)
    assert [spread.class_of(value) for value in ("female", "male", "other", None)] == [0, 1, None, None]
    assert drift_of(spread, 100, [40, 60], 0).ks is None
