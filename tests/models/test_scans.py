"""A version is not answered from typical values where an image should speak."""

import numpy as np
import pandas as pd
import pytest
from builders.versions import facts

from features.types import Floats
from models.errors import BrokenFile, MissingColumn
from models.families.columns import ColumnSpec
from models.families.cox_progression import CoxProgression
from models.families.scans import needed_scans
from models.families.target import ProgressionTarget
from models.manifest import Manifest
from models.version import TrainedModel as Model

CT, PT = (f"measure.{scan}.baseline.largest.volume_mm3" for scan in ("ct", "pt"))
CT_AXIS, CHANGE = "measure.ct.baseline.largest.long_axis_mm", "measure.ct.delta.largest.volume_mm3"
AGE = "clinical.age_years"
PATIENTS = 60


def model(*names: str, lacking: dict[str, slice] | None = None) -> Model:
    """A Cox model of these columns, which some training patients lacked."""
    draw = np.random.default_rng(2)
    table = pd.DataFrame({name: draw.gamma(4, 10, PATIENTS) for name in names})
    for name, rows in (lacking or {}).items():
        table.loc[table.index[rows], name] = np.nan
    target = ProgressionTarget(draw.exponential(300, PATIENTS).clip(1), np.ones(PATIENTS, bool))
    fit = CoxProgression().fit(table, target, [ColumnSpec(name) for name in names], seed=0, replicates=0)
    return Model(
        name="m",
        version="1",
        digest="",
        manifest=Manifest(fit.recipe, facts("progression")),
        card="",
        profile=None,
        fitted=fit,
    )


def imputed(of: Model, **values: float) -> list[str]:
    given: dict[str, float | str] = {
        {"age": AGE, "ct": CT, "pt": PT, "axis": CT_AXIS}[key]: values[key] for key in values
    }
    return [one.message for one in of.predict(given).predictions[0].notices if one.reason == "IMPUTED"]


def test_a_scan_that_every_training_patient_had_is_needed_even_where_each_column_of_it_was_missing_in_some() -> None:
    one = model(AGE, CT, CT_AXIS, lacking={CT: slice(0, 3), CT_AXIS: slice(3, 6)})
    assert not any(spec.required for spec in one.columns if spec.name != AGE)
    with pytest.raises(MissingColumn, match="needs a ct scan, which the case does not have") as caught:
        one.predict({AGE: 60.0})
    assert caught.value.place == "case.scans"
    assert imputed(one, age=60.0, ct=40.0) == [f"Missing, so the training cohort's typical value stands in: {CT_AXIS}."]


def test_a_scan_that_some_training_patients_lacked_may_be_missing_and_is_named() -> None:
    one = model(AGE, CT, PT, lacking={PT: slice(0, 9)})
    (message,) = imputed(one, age=60.0, ct=40.0)
    assert message.startswith(
        "The case does not have a pt scan: the training cohort's typical values stand in for all 1"
    )
    assert imputed(one, age=60.0, ct=40.0, pt=12.0) == []


def test_where_each_patient_had_one_scan_or_another_a_case_needs_one_of_them() -> None:
    one = model(AGE, CT, PT, lacking={CT: slice(0, 9), PT: slice(9, 18)})
    with pytest.raises(MissingColumn, match="needs a ct scan or a pt scan"):
        one.predict({AGE: 60.0})
    assert len(imputed(one, age=60.0, pt=12.0)) == 1


def test_a_case_without_any_value_is_refused_though_all_may_be_imputed() -> None:
    one = model(AGE, PT, lacking={AGE: slice(0, 9), PT: slice(5, 14)})
    assert one.manifest.recipe.needed_scans == ()
    with pytest.raises(MissingColumn, match=AGE):
        one.predict({})
    assert len(imputed(one, age=60.0)) == 1


def test_why_a_scan_brings_nothing_is_told() -> None:
    with pytest.raises(MissingColumn, match="the lesion is flat"):
        model(AGE, CT).predict({AGE: 60.0}, missing={CT: "the lesion is flat"})


def test_a_change_between_dates_is_a_scan_of_its_own() -> None:
    columns = [ColumnSpec(CT), ColumnSpec(CHANGE)]
    rows: Floats = np.ones((4, 3))
    rows[0, 1] = np.nan
    assert needed_scans(columns, rows) == (("ct.baseline",),)
    assert needed_scans(columns, rows[1:]) == (("ct.baseline",), ("ct.delta",))
    assert needed_scans([ColumnSpec(AGE)], rows[:, :2]) == ()


def test_a_version_cannot_need_a_scan_that_no_column_comes_from() -> None:
    recipe = model(AGE, CT).manifest.recipe
    with pytest.raises(BrokenFile, match="needs a scan"):
        type(recipe)(
            **{name: getattr(recipe, name) for name in recipe.__slots__} | {"needed_scans": (("pt.baseline",),)}
        )
