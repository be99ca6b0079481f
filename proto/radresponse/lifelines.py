"""Logs a fitted Cox or accelerated failure time model of lifelines to MLflow, as data that RadResponse serves.

```python
import radresponse.lifelines

radresponse.lifelines.log_model(fitted, "model", example=table, registered_model_name="progression-mine")
```

Wants the wheel's extra: `pip install radresponse[lifelines]`. What is written is plain JSON, no pickle: coefficients,
baseline, and a few rows with lifelines' own answers, which RadResponse must reproduce before it serves the model.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lifelines
import numpy as np
import pandas as pd

FILE = "lifelines.json"
FLAVOUR = "radresponse.lifelines"
_FORMAT = "radresponse-lifelines-1"
_KINDS = {
    "CoxPHFitter": ("cox", None, None),
    "WeibullAFTFitter": ("weibull_aft", "lambda_", "rho_"),
    "LogNormalAFTFitter": ("lognormal_aft", "mu_", "sigma_"),
    "LogLogisticAFTFitter": ("loglogistic_aft", "alpha_", "beta_"),
}
_INTERCEPT = "Intercept"
_MOST_GOLDEN = 20
_POINTS = 60
_FOLLOWED = 0.9
"""Beyond the time until which all but this share of patients were followed, too few tell of the curve."""


class CannotBeWritten(ValueError):
    """A fit that this form cannot hold."""


def log_model(  # as MLflow's own flavours have it
    fitted: Any,  # noqa: ANN401 - a fitter of lifelines
    name: str = "model",
    *,
    example: pd.DataFrame,
    levels: Mapping[str, Sequence[str]] | None = None,
    time_unit: str = "days",
    times: Sequence[float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    registered_model_name: str | None = None,
    **of_mlflow: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401 - MLflow's ModelInfo
    """Logs a fitted model, and registers it where a name is given.

    Args:
        fitted: A fitted CoxPHFitter (Breslow's baseline, no strata), WeibullAFTFitter, LogNormalAFTFitter or
            LogLogisticAFTFitter, on columns that are numbers. A category stands as columns `<column>=<level>` of
            0 and 1, without one for its reference, as `pandas.get_dummies(table, prefix_sep="=", drop_first=True)`
            makes them; the therapy too: `therapy=immunotherapy`.
        name: Of the logged model.
        example: Some rows (20 are kept) of the table that it was fitted on.
        levels: Of each category, its reference first: `{"therapy": ["chemotherapy", "immunotherapy"]}`.
        time_unit: Of the times that it was fitted on: days, weeks, months or years.
        times: When the survival curve is given, ascending, the last the horizon; 60 up to the time until which a
            tenth of the patients was followed, where None.
        metadata: Further `radresponse.*` keys: `radresponse.endpoint`, `radresponse.profile`, `radresponse.units`.
        registered_model_name: Registers the model under this name.
        of_mlflow: More arguments of `mlflow.models.Model.log`.

    Raises:
        CannotBeWritten: Strata, a spline, a formula, or a column that is no number.
    """
    from mlflow.models import Model  # noqa: PLC0415 - seconds to import

    return Model.log(
        artifact_path=None,
        name=name,
        flavor=sys.modules[__name__],
        registered_model_name=registered_model_name,
        fitted=fitted,
        example=example,
        levels=levels,
        time_unit=time_unit,
        times=times,
        metadata=dict(metadata or {}),
        **of_mlflow,
    )


def save_model(
    path: str | Path,
    fitted: Any,  # noqa: ANN401
    *,
    example: pd.DataFrame,
    levels: Mapping[str, Sequence[str]] | None = None,
    time_unit: str = "days",
    times: Sequence[float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    mlflow_model: Any = None,  # noqa: ANN401
    **ignored: Any,  # noqa: ANN401 - what Model.log hands to every flavour
) -> None:
    """Writes the model's folder; arguments as for `log_model`."""
    from mlflow.models import Model  # noqa: PLC0415
    from mlflow.models.signature import ModelSignature  # noqa: PLC0415
    from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec  # noqa: PLC0415

    del ignored
    content = content_of(fitted, example, levels or {})
    columns: list[str] = content["columns"]
    known: dict[str, list[str]] = content["levels"]
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
    model = mlflow_model or Model()
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string if column in known else DataType.double, column) for column in columns
    ]
    model.signature = ModelSignature(Schema(inputs), Schema([ColSpec(DataType.double, "survival")]))
    told: dict[str, Any] = {
        "radresponse.task": "progression",
        "radresponse.time_unit": time_unit,
        "radresponse.times": [float(time) for time in (_times(fitted) if times is None else times)],
    }
    if "therapy" in known:
        told["radresponse.therapies"] = known["therapy"]
    categories = {column: known[column] for column in columns if column in known and column != "therapy"}
    if categories:
        told["radresponse.categories"] = categories
    model.metadata = {**told, **(metadata or {})}
    model.add_flavor(FLAVOUR, data=FILE, lifelines_version=lifelines.__version__)
    model.save(str(folder / "MLmodel"))


def content_of(
    fitted: Any,  # noqa: ANN401
    example: pd.DataFrame,
    levels: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """What the file holds: coefficients, baseline, and a few rows with lifelines' own answers."""
    kind, location, shape = _kind(fitted)
    terms = _terms(fitted, location)
    known = {column: [str(level) for level in of] for column, of in levels.items()}
    told = [_term(term, known) for term in terms]
    columns = list(dict.fromkeys(str(term["column"]) for term in told))
    for column in known:
        if column not in columns:
            raise CannotBeWritten(f"levels of {column}, of which the model has no column {column}=<level>")
    missing = [term for term in terms if term not in example.columns]
    if missing or not len(example):
        raise CannotBeWritten(f"the example lacks the columns {missing}; wanted rows of the table that was fitted")
    rows = example[terms].head(_MOST_GOLDEN).astype(float)
    if not np.isfinite(rows.to_numpy()).all():
        raise CannotBeWritten("the example holds a value that is missing or not finite; wanted whole rows")
    return {
        "kind": kind,
        "columns": columns,
        "levels": known,
        "terms": told,
        "location": _line(fitted, location, terms),
        "shape": None if shape is None else _line(fitted, shape, terms),
        "baseline": _baseline(fitted) if kind == "cox" else None,
        "golden": _golden(fitted, rows, told, columns, known),
        "lifelines": lifelines.__version__,
        "format": _FORMAT,
    }


def _kind(fitted: Any) -> tuple[str, str | None, str | None]:  # noqa: ANN401
    word = type(fitted).__name__
    if word not in _KINDS:
        raise CannotBeWritten(f"a {word}; wanted a fitted {', '.join(_KINDS)}")
    if not hasattr(fitted, "params_"):
        raise CannotBeWritten(f"the {word} is not fitted")
    if word == "CoxPHFitter" and (fitted.strata is not None or fitted.baseline_estimation_method != "breslow"):
        raise CannotBeWritten("a CoxPHFitter with strata or a spline; wanted Breslow's one baseline")
    return _KINDS[word]


def _terms(fitted: Any, location: str | None) -> list[str]:  # noqa: ANN401
    index = fitted.params_.index if location is None else fitted.params_[location].index
    terms = [str(term) for term in index if term != _INTERCEPT]
    formula = getattr(fitted, "formula", None)
    if formula is not None:
        raise CannotBeWritten("the model was fitted with a formula; wanted columns that are numbers as they stand")
    if not terms:
        raise CannotBeWritten("the model has no columns")
    return terms


def _term(term: str, levels: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
    column, equals, level = term.partition("=")
    if not equals:
        return {"column": term, "level": None}
    if level not in levels.get(column, ())[1:]:
        raise CannotBeWritten(
            f"{term} is a level of {column} that is not told; wanted levels={{{column!r}: [reference, {level!r}, ...]}}"
        )
    return {"column": column, "level": level}


def _line(fitted: Any, parameter: str | None, terms: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401
    if parameter is None:
        centre = [float(fitted._norm_mean[term]) for term in terms]
        return {"intercept": 0.0, "coefficients": [float(fitted.params_[term]) for term in terms], "centre": centre}
    told = fitted.params_[parameter]
    return {
        "intercept": float(told.get(_INTERCEPT, 0.0)),
        "coefficients": [float(told.get(term, 0.0)) for term in terms],
        "centre": [0.0] * len(terms),
    }


def _baseline(fitted: Any) -> dict[str, list[float]]:  # noqa: ANN401
    hazard = fitted.baseline_cumulative_hazard_
    return {
        "times": [float(time) for time in hazard.index],
        "cumulative_hazard": [float(value) for value in hazard.iloc[:, 0]],
    }


def _times(fitted: Any) -> list[float]:  # noqa: ANN401
    """Evenly spaced, up to the time until which a tenth of the patients was followed."""
    followed = float(np.quantile(np.asarray(fitted.durations, dtype=float), _FOLLOWED))
    return [followed * step / _POINTS for step in range(1, _POINTS + 1)]


def _golden(
    fitted: Any,  # noqa: ANN401
    rows: pd.DataFrame,
    told: Sequence[Mapping[str, str | None]],
    columns: Sequence[str],
    levels: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    times = _times(fitted)
    survival = fitted.predict_survival_function(rows, times=times)
    golden = []
    for number in range(len(rows)):
        given = dict(zip(rows.columns, rows.iloc[number], strict=True))
        values: list[float | str] = []
        for column in columns:
            if column not in levels:
                values.append(float(given[column]))
                continue
            chosen = [
                str(term["level"])
                for term, name in zip(told, rows.columns, strict=True)
                if term["column"] == column and given[name] == 1
            ]
            if len(chosen) > 1:
                raise CannotBeWritten(f"a row of the example has {len(chosen)} levels of {column} at once")
            values.append(chosen[0] if chosen else levels[column][0])
        golden.append({"values": values, "times": times, "survival": [float(p) for p in survival.iloc[:, number]]})
    return golden
