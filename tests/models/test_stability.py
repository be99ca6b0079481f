"""Agreement is what others publish for the same numbers; features that it does not reach are not learned from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.versions import facts, fitted

from models.errors import BadCohort, BrokenFile
from models.families.columns import ColumnSpec
from models.manifest import Manifest, read_manifest, write_manifest
from models.stability.agreement import intraclass
from models.stability.agreement_table import read_agreements, write_agreements
from models.stability.repeats import Repeats
from models.stability.screen import agreements_of, of_agreements, screened
from models.stability.stable import Agreement, Stability, StabilityCheck, in_words
from models.table import FeatureTable

SHROUT_AND_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=np.float64
)
"""Their table 2: six targets, four judges."""
STEADY, LOOSE, UNSEEN = (f"radiomics.ct.baseline.largest.original_glcm_{name}" for name in ("Id", "Imc1", "Imc2"))
COLUMNS = [ColumnSpec("clinical.age_years"), *(ColumnSpec(name) for name in (STEADY, LOOSE, UNSEEN))]


def test_agreement_is_what_shrout_and_fleiss_published() -> None:
    """ICC(1,1) 0.17 in their table 4; to more digits, and with its limits, as pingouin 0.7.0 prints it."""
    found = intraclass(SHROUT_AND_FLEISS[:, :, None])
    assert float(found.icc[0]) == pytest.approx(0.1657417684054755, abs=1e-12)
    assert (round(float(found.lower[0]), 2), round(float(found.upper[0]), 2)) == (-0.13, 0.72)


def test_the_limits_hold_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(5)
    patients, repeats, features, true = 15, 4, 4000, 0.8
    values = draw.normal(0, np.sqrt(true), (patients, 1, features))
    found = intraclass(values + draw.normal(0, np.sqrt(1 - true), (patients, repeats, features)))
    assert float((found.lower > true).mean()) == pytest.approx(0.025, abs=0.008)
    assert float((found.upper < true).mean()) == pytest.approx(0.025, abs=0.008)


def test_a_shift_or_another_unit_changes_no_agreement() -> None:
    values = np.random.default_rng(0).normal(size=(12, 3, 1)) + np.arange(12.0)[:, None, None]
    plain = intraclass(values)
    np.testing.assert_allclose(intraclass(1e6 + values * 1e3).lower, plain.lower, rtol=1e-9)


def test_a_patient_without_a_value_each_time_does_not_count_for_that_feature() -> None:
    values = np.random.default_rng(1).normal(size=(9, 3, 2)) + np.arange(9.0)[:, None, None]
    gap = values.copy()
    gap[4, 1, 1] = np.nan
    found, whole, without = intraclass(gap), intraclass(values), intraclass(np.delete(values, 4, axis=0))
    assert found.patients.tolist() == [9, 8]
    np.testing.assert_allclose(found.lower, [whole.lower[0], without.lower[1]])


def test_equal_repeats_agree_fully_and_of_a_constant_nothing_is_said() -> None:
    values = np.zeros((6, 4, 3))
    values[:, :, 0] = np.arange(6.0)[:, None]
    values[:, :, 1] = 7.25
    values[:4, :, 2] = np.nan
    found = intraclass(values)
    assert (found.icc[0], found.lower[0]) == (1.0, 1.0)
    assert np.isnan(found.icc[1:]).all() and np.isnan(found.lower[1:]).all()


def repeats() -> Repeats:
    draw = np.random.default_rng(2)
    steady = draw.normal(size=(20, 1)) + draw.normal(0, 0.1, (20, 5))
    return Repeats((STEADY, LOOSE), np.stack([steady, draw.normal(size=(20, 5))], axis=2))


def test_only_what_is_stable_is_learned_from() -> None:
    stability = of_agreements(agreements_of(repeats()), COLUMNS, StabilityCheck())
    assert [one.feature for one in stability.kept] == [STEADY]
    assert [(one.feature, one.icc is None) for one in stability.dropped] == [(LOOSE, False), (UNSEEN, True)]
    frame = pd.DataFrame({spec.name: [1.0, 2.0] for spec in COLUMNS} | {"therapy": ["a", "b"]})
    left = screened(FeatureTable(frame, tuple(COLUMNS), (), (), ""), stability)
    assert list(left.frame) == ["clinical.age_years", STEADY, "therapy"]
    assert [spec.name for spec in left.columns] == ["clinical.age_years", STEADY]
    assert "1 of 3 image features are stable" in in_words(stability)
    assert "The other 2 are not learned from, 1 of which could not be judged" in in_words(stability)


def test_a_higher_bar_keeps_fewer_and_none_is_an_error() -> None:
    known = (Agreement(STEADY, 0.9, 0.8), Agreement(LOOSE, 0.95, 0.91))
    assert len(of_agreements(known, COLUMNS, StabilityCheck(least=0.75)).kept) == 2
    assert [one.feature for one in of_agreements(known, COLUMNS, StabilityCheck(least=0.9)).kept] == [LOOSE]
    with pytest.raises(BadCohort, match="none of 3 image features is stable"):
        of_agreements(known, COLUMNS, StabilityCheck(least=0.95))
    with pytest.raises(BadCohort, match="no image feature that is offered"):
        of_agreements((Agreement("another", 0.9, 0.8),), COLUMNS, StabilityCheck())


def test_a_table_of_agreements_is_read_as_it_was_written(tmp_path: Path) -> None:
    known = (Agreement(STEADY, 1 / 3, -0.123456789012345), Agreement(UNSEEN, None, None))
    with (tmp_path / "icc.csv").open("w", encoding="utf-8") as file:
        write_agreements(known, file)
    assert read_agreements(tmp_path / "icc.csv") == known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feature,icc\na,0.9\n", "no column lower"),
        ("feature,icc,lower\na,0.9,0.8\na,0.9,0.8\n", "column feature, row 3"),
        ("feature,icc,lower\na,0.8,0.9\n", "column icc, row 2"),
        ("feature,icc,lower\na,1.8,0.9\n", "column icc, row 2"),
        ("feature,icc,lower\na,,0.9\n", "column icc, row 2"),
        ("feature,icc,lower\na,high,0.9\n", "column icc, row 2"),
    ],
)
def test_a_table_that_holds_no_agreements_is_refused_by_column_and_row(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "icc.csv").write_text(text)
    with pytest.raises(BadCohort, match=said):
        read_agreements(tmp_path / "icc.csv")


def test_agreements_travel_in_the_manifest_and_a_version_from_before_there_were_any_loads() -> None:
    told = Stability(0.75, 5, 30, (Agreement(STEADY, 0.9, 0.8), Agreement(UNSEEN, None, None)))
    recipe = fitted("outcome", "xgboost").recipe
    manifest = Manifest(recipe, replace(facts("outcome"), stability=told), {"card.md": "0" * 64})
    content = write_manifest(manifest)
    assert read_manifest(content) == manifest
    plain = json.loads(content)
    plain["facts"]["stability"]["agreements"].append({"feature": STEADY, "icc": 0.9, "lower": 0.8})
    with pytest.raises(BrokenFile, match="same feature stands twice"):
        read_manifest(json.dumps(plain).encode())
    del plain["facts"]["stability"]
    assert read_manifest(json.dumps(plain).encode()) == replace(manifest, facts=facts("outcome"))


def test_one_perturbation_tells_nothing_of_agreement() -> None:
    with pytest.raises(BadCohort, match="1 perturbations of 30 patients; wanted 2 or more of 3 or more"):
        StabilityCheck(perturbations=1)
    with pytest.raises(BadCohort, match="wanted 0 to 1"):
        StabilityCheck(least=1.5)
