"""A column that knows the answer is refused; an honest strong one is not."""

import numpy as np
import pandas as pd
import pytest

from features.types import Floats
from models.errors import LeakingColumn, LeakingFold
from models.families.columns import ColumnSpec
from models.families.screening import strengths
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.leakage.columns import refuse_leaks
from models.leakage.patients import identifies, refuse_identifiers, refuse_twice
from models.leakage.plausibility import implausible
from models.leakage.score import implausibly_high
from models.leakage.selection import dealt_anew, refuse_chosen, refuse_outside

RANDOM = np.random.default_rng(0)
RESPONSE = (RANDOM.random(60) < 0.4).astype(float)
TIME = RANDOM.exponential(300, 60) + 1
OUTCOME = OutcomeTarget(RESPONSE)
PROGRESSION = ProgressionTarget(TIME, RANDOM.random(60) < 0.7)
GROUPS = np.where(RESPONSE > 0, np.where(np.arange(60) % 2, "complete", "partial"), "progressive")


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (RESPONSE, OUTCOME),
        (1 - RESPONSE, OUTCOME),
        (RESPONSE * 10 + RANDOM.random(60), OUTCOME),
        (np.where(np.arange(60) % 3, RESPONSE, np.nan), OUTCOME),
        (GROUPS, OUTCOME),
        (TIME, PROGRESSION),
        (-2 * TIME + 5, PROGRESSION),
        (PROGRESSION.event.astype(float), PROGRESSION),
    ],
)
def test_a_column_that_tells_the_label_is_refused_by_name(values: np.ndarray, target: Target) -> None:
    kind = "category" if values.dtype.kind == "U" else "number"
    frame = pd.DataFrame({"clinical.honest": RANDOM.normal(size=60), "clinical.later": values})
    columns = [
        ColumnSpec("clinical.honest"),
        ColumnSpec("clinical.later", "category" if kind == "category" else "number"),
    ]
    with pytest.raises(LeakingColumn, match=r"clinical\.later alone tells"):
        refuse_leaks(frame, columns, target)


def test_a_strong_honest_column_is_taken() -> None:
    strong = RESPONSE * 3 + RANDOM.normal(size=60)
    words = np.where(RANDOM.random(60) < 0.05, "complete", GROUPS)
    frame = pd.DataFrame({"strong": strong, "words": words, "subject": [str(number) for number in range(60)]})
    columns = [ColumnSpec("strong"), ColumnSpec("words", "category"), ColumnSpec("subject", "category")]
    refuse_leaks(frame, columns, OUTCOME)
    refuse_leaks(pd.DataFrame({"strong": TIME * RANDOM.uniform(0.5, 1.5, 60)}), [ColumnSpec("strong")], PROGRESSION)


@pytest.mark.parametrize("answer", [RESPONSE, 1 - RESPONSE])
def test_a_value_that_is_there_for_some_of_one_class_alone_is_refused(answer: np.ndarray) -> None:
    """A relapse's date, of most who relapsed: neither the label nor its code, but that it is there tells."""
    target = OutcomeTarget(answer)
    known = (RESPONSE > 0) & (np.cumsum(RESPONSE) <= 20)
    frame = pd.DataFrame(
        {"honest": RANDOM.normal(size=60), "relapsed_on": np.where(known, RANDOM.normal(size=60), np.nan)}
    )
    columns = [ColumnSpec("honest"), ColumnSpec("relapsed_on")]
    with pytest.raises(LeakingColumn, match="relapsed_on: whether there is a value tells outcome"):
        refuse_leaks(frame, columns, target)
    few = frame.assign(relapsed_on=frame["relapsed_on"].where(np.cumsum(RESPONSE) <= 15))
    refuse_leaks(few, columns, target)
    mixed = frame.assign(relapsed_on=frame["relapsed_on"].where(np.arange(60) % 10 > 0, 1.0))
    refuse_leaks(mixed, columns, target)


def frame_of(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (np.where(RESPONSE > 0, 1.0, np.nan), OUTCOME),  # told only of responders
        (np.where(RESPONSE > 0, np.arange(60) % 3 * 2 + 1, np.arange(60) % 3 * 2 + 2.0), OUTCOME),  # another code
        (np.exp(5 * RESPONSE + RANDOM.random(60)), OUTCOME),  # a monotone form
        (np.log(TIME), PROGRESSION),
        (np.round(TIME / 30.4), PROGRESSION),  # in months
        (TIME + RANDOM.normal(size=60), PROGRESSION),  # measured again
        (np.where(PROGRESSION.event, TIME, np.nan), PROGRESSION),  # the day of death, of those who died
        ((np.median(TIME) < TIME).astype(float), PROGRESSION),  # alive at some day
        (np.where(TIME > 500, "late", np.where(TIME > 150, "middle", "early")), PROGRESSION),
    ],
)
def test_a_hidden_label_is_refused_by_name(values: np.ndarray, target: Target) -> None:
    kind = "category" if values.dtype.kind == "U" else "number"
    frame = frame_of(honest=RANDOM.normal(size=60), grade=values)
    columns = [ColumnSpec("honest"), ColumnSpec("grade", "category" if kind == "category" else "number")]
    with pytest.raises(LeakingColumn, match="grade alone tells"):
        refuse_leaks(frame, columns, target)


@pytest.mark.parametrize(
    ("header", "values", "names"),
    [
        ("subject", [f"P{index:03}" for index in range(60)], True),
        ("anything", [f"{index:x}-{index * 7}" for index in range(60)], True),
        ("count", list(RANDOM.permutation(60)), True),
        ("Patient ID", list(RANDOM.choice(100_000, 60, replace=False)), True),
        ("PatientID", list(RANDOM.choice(100_000, 60, replace=False)), True),
        ("Unnamed: 0", list(RANDOM.choice(100_000, 60, replace=False)), True),
        ("volume", list(RANDOM.choice(100_000, 60, replace=False)), False),
        ("original_shape_MeshVolume", list(RANDOM.lognormal(8, 1, 60)), False),
        ("patient_size", list(RANDOM.normal(1.7, 0.1, 60)), False),
        ("rapid", list(RANDOM.choice(100_000, 60, replace=False)), False),
        ("age", list(RANDOM.integers(40, 80, 60)), False),
        ("stage", ["I", "II", "III"] * 20, False),
    ],
)
def test_a_column_that_names_patients_is_known(header: str, values: list[object], names: bool) -> None:
    words = isinstance(values[0], str)
    assert identifies(header, pd.Series(values, dtype=object if words else np.float64)) is names


def test_an_identifier_is_refused_by_its_header() -> None:
    frame = frame_of(**{"clinical.code": pd.Series([f"X{index}" for index in range(60)], dtype=object), "b": TIME})
    with pytest.raises(LeakingColumn, match="the column code names each patient"):
        refuse_identifiers({"clinical.code": "code", "b": "b"}, frame)


def test_a_patient_who_stands_twice_is_refused_with_both_folds() -> None:
    frame = frame_of(a=RANDOM.normal(size=60), b=RANDOM.normal(size=60), c=RANDOM.normal(size=60))
    fold, rows = np.arange(60) % 5, list(range(2, 62))
    refuse_twice(None, rows, frame, fold)
    refuse_twice([str(index) for index in range(60)], rows, frame, fold)
    with pytest.raises(LeakingFold, match="rows 4 and 53 have one subject: one patient would be in fold 3 and fold 2"):
        refuse_twice([str(2 if index == 51 else index) for index in range(60)], rows, frame, fold)
    twice = pd.concat([frame.iloc[:59], frame.iloc[[10]]], ignore_index=True)
    with pytest.raises(LeakingFold, match="rows 12 and 61 agree in all 3 columns"):
        refuse_twice(None, rows, twice, fold)


def test_patients_who_agree_in_a_short_record_are_two_patients() -> None:
    frame = frame_of(age=np.repeat(np.arange(30.0), 2), stage=np.ones(60), sex=np.zeros(60))
    refuse_twice(None, list(range(60)), frame, np.arange(60) % 5)


def noise_table(chosen: bool, target: Target, seed: int = 0) -> tuple[pd.DataFrame, list[ColumnSpec]]:
    """20 of 1,000 columns of noise: the first, or those that go best with everybody's outcome."""
    noise = np.random.default_rng(seed).normal(size=(60, 1000))
    best = np.argsort(-strengths((noise - noise.mean(0)) / noise.std(0), target))[:20] if chosen else np.arange(20)
    names = [f"original_glcm_N{index}" for index in range(20)]
    return pd.DataFrame(noise[:, best], columns=names), [ColumnSpec(name) for name in names]


@pytest.mark.parametrize("target", [OUTCOME, PROGRESSION])
def test_columns_that_were_chosen_by_everybodys_outcome_are_refused(target: Target) -> None:
    with pytest.raises(LeakingColumn, match="choosing must happen inside the folds"):
        refuse_chosen(*noise_table(True, target), target)
    for seed in range(20):
        refuse_chosen(*noise_table(False, target, seed), target)


@pytest.mark.parametrize("target", [OUTCOME, PROGRESSION])
def test_a_fit_that_looks_at_held_out_outcomes_is_refused_with_its_fold(target: Target) -> None:
    fold = np.arange(60) % 3
    values = RANDOM.normal(size=60)

    def label(whole: Target) -> Floats:
        return whole.response if isinstance(whole, OutcomeTarget) else whole.time_days

    def honest(whole: Target) -> Floats:
        return np.asarray(values[fold == 1] * float(label(whole)[fold != 1].mean()))

    def peeking(whole: Target) -> Floats:
        return np.asarray(values[fold == 1] * float(np.corrcoef(values, label(whole))[0, 1]))

    dealt = dealt_anew(target, fold == 1)
    assert (label(dealt)[fold != 1] == label(target)[fold != 1]).all()
    refuse_outside(honest(target), honest(dealt), fold=1)
    with pytest.raises(LeakingFold, match="fold 2: what is learned changes"):
        refuse_outside(peeking(target), peeking(dealt), fold=1)


def test_values_that_no_lesion_has_are_told_with_how_many_patients_have_them() -> None:
    names = {"volume": "original_shape_MeshVolume", "surface": "original_shape_SurfaceArea"}
    ball, spheric = "original_shape_Sphericity", np.full(60, 1.0)
    volume = RANDOM.lognormal(8, 1, 60)
    surface = (36 * np.pi * volume**2) ** (1 / 3)
    frame = frame_of(**{names["volume"]: volume, names["surface"]: surface, ball: spheric, "clinical.age": TIME % 90})
    columns = [ColumnSpec(name) for name in frame.columns]
    assert implausible(frame, columns) == ()
    odd = frame.assign(**{ball: np.where(np.arange(60) < 3, 0.06, 1.0), "clinical.age": np.full(60, 130.0)})
    odd.loc[7, names["volume"]] = -4.0
    found = {one.column: one.patients for one in implausible(odd, columns)}
    assert found == {names["volume"]: 1, ball: 3, "clinical.age": 60}
    wrong = frame.assign(**{ball: 0.5})
    (only,) = implausible(wrong, columns)
    assert (
        str(only)
        == f"{ball}: 60 patients have an impossible value; wanted the sphericity of the volume and surface beside it"
    )
    assert (
        implausible(
            frame_of(**{"measure.ct.delta.all.volume_mm3": -TIME}), [ColumnSpec("measure.ct.delta.all.volume_mm3")]
        )
        == ()
    )


@pytest.mark.parametrize(
    ("value", "patients", "high"),
    [
        (0.79, 100, False),
        (0.80, 499, True),
        (0.80, 500, False),
        (0.91, 1500, True),
        (0.95, 5000, False),
        (0.99, 9000, True),
    ],
)
def test_a_score_is_too_high_for_a_cohorts_size(value: float, patients: int, high: bool) -> None:
    assert implausibly_high(value, patients) is high
