"""Golden cases: inputs with a version's own answers, recorded at its admission, replayed wherever it is loaded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from models.answers import Prediction
from models.errors import BadSignature, BrokenFile, ModelError, NotReleased
from models.families.columns import THERAPY, ColumnSpec
from models.model import Model
from models.releases.release import Golden

MOST = 20
TOLERANCE = 1e-5
"""How far an answer may be from the recorded one: another processor rounds otherwise."""

Values = Mapping[str, float | str]


def record(model: Model, cases: Sequence[Values]) -> tuple[Golden, ...]:
    """Answers of now, for every therapy.

    Raises:
        BadSignature: No case, or one that the model refuses.
    """
    if not cases:
        raise BadSignature("there is no case to try the version on; wanted input_example=... when it is logged")
    golden = []
    for values in cases[:MOST]:
        try:
            answer = model.predict(values)
        except ModelError as error:
            raise BadSignature(f"the version refuses its own input example: {error}") from error
        expected = tuple(numbers_of(prediction) for prediction in answer.predictions)
        golden.append(Golden(dict(values), model.therapies, expected))
    return tuple(golden)


def replay(model: Model, golden: Sequence[Golden]) -> float:
    """Asks again; gives the largest distance from a recorded answer.

    Raises:
        NotReleased: It is farther than rounding goes.
    """
    worst = 0.0
    for case in golden:
        answered = model.predict(case.values, case.therapies).predictions
        given = [numbers_of(prediction) for prediction in answered]
        if [len(one) for one in given] != [len(one) for one in case.expected]:
            raise NotReleased("a golden case is answered with other numbers than when the version was admitted")
        for now, before in zip(given, case.expected, strict=True):
            worst = max(worst, float(np.abs(np.array(now) - np.array(before)).max(initial=0.0)))
    if not worst <= TOLERANCE:
        raise NotReleased(
            f"a golden case is answered {worst:g} away from what was answered when the version was admitted; "
            f"wanted at most {TOLERANCE:g}",
            seen=worst,
        )
    return worst


def numbers_of(prediction: Prediction) -> tuple[float, ...]:
    """The probability, the survival on each day, or the log-hazard ratio; nothing where it is withheld."""
    if prediction.outcome is not None:
        return (prediction.outcome.probability,)
    if prediction.progression is not None:
        return prediction.progression.survival
    return () if prediction.risk is None else (prediction.risk.log_hazard_ratio,)


def typical_cases(columns: Sequence[ColumnSpec]) -> list[Values]:
    """Of a version that says what its training patients were like: the typical one, and the ends of their ranges."""
    cases: list[Values] = []
    for number in ("impute", "training_lower", "training_upper"):
        values: dict[str, float | str] = {}
        for spec in columns:
            value = spec.impute if spec.kind == "category" else getattr(spec, number)
            if value is not None:
                values[spec.name] = value
        cases.append(values)
    return cases


def example_cases(content: bytes, kind: str, order: Sequence[str], columns: Sequence[ColumnSpec]) -> list[Values]:
    """From MLflow's `input_example.json`, read as data.

    Args:
        content: The file.
        kind: `dataframe` or `ndarray`, as `MLmodel` says.
        order: Names of the columns of an array without names.
        columns: Of the model; they say what a number of a category means.

    Raises:
        BrokenFile: It is not what MLflow writes.
    """
    try:
        told = json.loads(content)
        names, rows = (told["columns"], told["data"]) if kind == "dataframe" else _array(told, order)
        specs = {spec.name: spec for spec in columns}
        return [
            {
                name: _value(specs[name], value)
                for name, value in zip(names, row, strict=True)
                if name != THERAPY and value is not None
            }
            for row in rows[:MOST]
        ]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise BrokenFile("input_example.json does not hold rows of the model's columns") from error


def _array(told: Any, order: Sequence[str]) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:  # noqa: ANN401 - JSON
    """Rows of an array, or of one array for each column."""
    if isinstance(told, dict) and set(told) == {"inputs"}:
        told = told["inputs"]
    if isinstance(told, dict):
        if len(told) == 1 and len(order) != 1:
            return order, next(iter(told.values()))
        flat = [np.asarray(told[name], dtype=np.float64).reshape(-1).tolist() for name in order]
        return order, list(zip(*flat, strict=True))
    return order, told


def _value(spec: ColumnSpec, value: object) -> float | str:
    if spec.kind == "category" and not isinstance(value, str):
        return spec.categories[int(cast(float, value))]
    if isinstance(value, str):
        return value
    return float(cast(float, value))
