"""Versions as people bring them: saved with plain MLflow, ONNX's own builder, or our flavour of lifelines."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper

from features.profile import DEFAULT_PROFILE
from models.registry import quiet

THERAPIES = ("chemotherapy", "immunotherapy")
AGE, VOLUME = "clinical.age_years", "measure.ct.baseline.largest.volume_mm3"
CONTRAST = "radiomics.ct.baseline.largest.original_glcm_Contrast"
COLUMNS = (AGE, VOLUME, CONTRAST, "therapy")
CASE: dict[str, float | str] = {AGE: 61.0, VOLUME: 500.0, CONTRAST: 5.0}
TOLD: dict[str, Any] = {"radresponse.profile": DEFAULT_PROFILE.text, "radresponse.therapies": list(THERAPIES)}


@cache
def table(patients: int = 200, seed: int = 0) -> pd.DataFrame:
    """Patients with an outcome and a time; the therapy as its number."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            AGE: draw.normal(62, 9, patients).round(),
            VOLUME: np.exp(draw.normal(6.2, 0.6, patients)),
            CONTRAST: draw.gamma(4.0, 1.3, patients),
            "therapy": draw.integers(2, size=patients).astype(float),
        }
    )
    risk = 1.2 * (np.log(frame[VOLUME]) - 6.2) + 0.04 * (frame[AGE] - 62) - 1.5 * frame["therapy"]
    frame["outcome"] = (draw.random(patients) < 1 / (1 + np.exp(1.5 * risk))).astype(float)
    times = draw.exponential(300 * np.exp(-0.7 * risk)).clip(1, None).round()
    censored = draw.uniform(100, 1500, patients).round()
    frame["time_days"], frame["event"] = np.minimum(times, censored), (times <= censored).astype(float)
    return frame


def inputs() -> pd.DataFrame:
    """The columns alone."""
    return table()[list(COLUMNS)]


def classifier(*, seed: int = 0, rounds: int = 20) -> xgboost.XGBClassifier:
    """As scikit-learn's users train one, stopped early."""
    learner = xgboost.XGBClassifier(
        n_estimators=rounds,
        max_depth=3,
        seed=seed,
        n_jobs=1,
        early_stopping_rounds=3,
        eval_metric="logloss",
        subsample=0.8,
    )
    return learner.fit(inputs(), table()["outcome"], eval_set=[(inputs(), table()["outcome"])], verbose=False)


def booster(objective: str, **settings: object) -> xgboost.Booster:
    """Of survival:cox or survival:aft."""
    matrix = xgboost.DMatrix(inputs())
    time, event = table()["time_days"], table()["event"]
    if objective == "survival:aft":
        matrix.set_float_info("label_lower_bound", time)
        matrix.set_float_info("label_upper_bound", np.where(event > 0, time, np.inf))
    else:
        matrix.set_label(np.where(event > 0, time, -time))
    return xgboost.train({"objective": objective, "max_depth": 2, "nthread": 1, **settings}, matrix, 15)


def save_xgboost(
    folder: Path,
    model: object,
    task: str,
    *,
    model_format: str = "ubj",
    example: pd.DataFrame | None = None,
    told: Mapping[str, object] | None = None,
) -> Path:
    """By mlflow.xgboost."""
    with _quiet():
        import mlflow.xgboost  # noqa: PLC0415 - seconds to import
        from mlflow.models import infer_signature  # noqa: PLC0415

        example = inputs().head(5) if example is None else example
        mlflow.xgboost.save_model(
            model,
            str(folder),
            model_format=model_format,
            signature=infer_signature(example),
            input_example=example,
            metadata=metadata(task, **(told or {})),
            pip_requirements=["xgboost"],
        )
    return folder


def metadata(task: str, **told: object) -> dict[str, Any]:
    """The keys `radresponse.*`; None leaves one out."""
    changed = {f"radresponse.{key}": value for key, value in told.items()}
    return {key: value for key, value in ({"radresponse.task": task} | TOLD | changed).items() if value is not None}


def network(
    *, columns: int = len(COLUMNS), outputs: int = 1, end: str = "Sigmoid", seed: int = 0, nodes: Sequence[Any] = ()
) -> onnx.ModelProto:
    """One linear layer and what stands at its end, with weights small enough for raw covariates."""
    draw = np.random.default_rng(seed)
    weights = numpy_helper.from_array((draw.normal(size=(columns, outputs)) / 500).astype(np.float32), "weights")
    bias = numpy_helper.from_array(draw.normal(size=outputs).astype(np.float32), "bias")
    last = "linear" if end else "p"
    made = [helper.make_node("Gemm", ["x", "weights", "bias"], [last])]
    if end:
        made.append(helper.make_node(end, ["linear"], ["p"]))
    return graph_of([*made, *nodes], [weights, bias], columns, outputs)


def graph_of(
    nodes: Sequence[Any], tensors: Sequence[Any], columns: int = len(COLUMNS), outputs: int = 1
) -> onnx.ModelProto:
    """A network from `x` to `p`."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", outputs])],
        list(tensors),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def save_onnx(folder: Path, model: onnx.ModelProto, task: str, *, outputs: int = 1, **told: object) -> Path:
    """By mlflow.onnx, with one tensor for all columns."""
    width = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    with _quiet():
        import mlflow.onnx  # noqa: PLC0415
        from mlflow.models import ModelSignature  # noqa: PLC0415
        from mlflow.types import Schema, TensorSpec  # noqa: PLC0415

        mlflow.onnx.save_model(
            model,
            str(folder),
            signature=ModelSignature(
                Schema([TensorSpec(np.dtype("float32"), (-1, width), "x")]),
                Schema([TensorSpec(np.dtype("float32"), (-1, outputs), "p")]),
            ),
            input_example=inputs().head(5).to_numpy(np.float32)[:, :width],
            metadata=metadata(task, **({"columns": list(COLUMNS)} | told)),
            pip_requirements=["onnxruntime"],
        )
    return folder


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow warns of its own type hints, of whole numbers and of much else that is none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        quiet.after_import()


def fit_lifelines(kind: str = "CoxPHFitter", **changes: object) -> tuple[Any, pd.DataFrame]:
    """A fitted model, and the table that it was fitted on."""
    import lifelines  # noqa: PLC0415

    frame = table()[[AGE, VOLUME, "time_days", "event"]].copy()
    frame[f"therapy={THERAPIES[1]}"] = table()["therapy"]
    with _quiet():
        return getattr(lifelines, kind)(penalizer=0.01).fit(frame, "time_days", "event", **changes), frame


def save_lifelines(folder: Path, kind: str = "CoxPHFitter", **told: object) -> Path:
    """By our flavour."""
    from radresponse.lifelines import save_model  # noqa: PLC0415

    fitted, frame = fit_lifelines(kind)
    more: Mapping[str, Any] = {f"radresponse.{key}": value for key, value in told.items()}
    with _quiet():
        save_model(folder, fitted, example=frame, levels={"therapy": THERAPIES}, metadata=more)
    return folder
