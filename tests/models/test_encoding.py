"""The quick way from a case's values to a row is the careful one, value for value and error for error."""

from collections.abc import Mapping

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.encoding import Encoding
from models.errors import ModelError
from models.families.columns import ColumnSpec
from models.inputs import encode_case

COLUMNS = (
    ColumnSpec("clinical.age_years", lower=18.0, upper=100.0, required=True),
    ColumnSpec("clinical.stage", "category", categories=("I", "II"), required=True),
    ColumnSpec("measure.ct.baseline.all.count", lower=1.0),
    ColumnSpec("clinical.sex", "category", categories=("female", "male")),
    ColumnSpec("feature_1"),
)
NUMBERS = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.none(), st.just(np.float64(40.0)),
    st.just(np.float32(40.0)), st.just(10**400), st.floats(18, 100), st.integers(1, 60),
)  # fmt: skip
WORDS = st.one_of(st.sampled_from(["I", "II", "female", "male"]), NUMBERS)
VALUES = st.fixed_dictionaries(
    {},
    optional={spec.name: WORDS if spec.kind == "category" else NUMBERS for spec in COLUMNS} | {"other": st.floats()},
)


def told(row: object) -> object:
    try:
        return np.asarray(row()).tolist() if callable(row) else None  # NaN by its text
    except ModelError as error:
        return type(error), str(error), error.place


FIRST_TEXT = settings(suppress_health_check=[HealthCheck.too_slow])
"""The first text of a fresh clone makes Hypothesis's table of characters, which takes over a second."""


@FIRST_TEXT
@given(values=VALUES)
def test_any_values_give_the_same_row_or_the_same_error(values: Mapping[str, float | str]) -> None:
    missing = {"measure.ct.baseline.all.count": "there is no ct scan"}
    quick = told(lambda: Encoding(COLUMNS).row(values, missing))
    assert str(quick) == str(told(lambda: encode_case(COLUMNS, values, missing)))


@FIRST_TEXT
@given(values=VALUES)
def test_values_that_are_not_all_there_are_checked_as_far_as_they_are(values: Mapping[str, float | str]) -> None:
    some = [spec for spec in COLUMNS if spec.name in values]
    quick = told(lambda: Encoding(COLUMNS).require_taken(values))
    careful = told(lambda: (encode_case(some, values, {}), None)[1])
    assert str(quick) == str(careful)


def test_it_knows_which_columns_an_image_gives() -> None:
    encoding = Encoding(COLUMNS)
    assert encoding.measured == ("measure.ct.baseline.all.count",)
    assert [spec.name for spec in encoding.required] == ["clinical.age_years", "clinical.stage"]
    assert encoding.known == {spec.name for spec in COLUMNS}
