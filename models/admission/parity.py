"""Whether the native path answers as the version's own engine does, asked as its maker would ask it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from features.types import Floats
from models.admission.golden import Values
from models.brought.model import BroughtModel
from models.errors import BrokenFile
from models.inputs import encode_case
from models.model import Model
from models.version import TrainedModel

TOLERANCE = 1e-5
"""Of float32 engines, relative."""
SHARES_TOLERANCE = 1e-3
"""Of contributions, which XGBoost adds up in single precision over all leaves."""
LIFELINES_TOLERANCE = 1e-12


def compare(model: Model, cases: Sequence[Values], files: Mapping[str, bytes]) -> str:
    """What was compared and how near it came.

    Raises:
        BrokenFile: The native path answers otherwise.
    """
    if isinstance(model, TrainedModel):
        return _trained(model, cases)
    assert isinstance(model, BroughtModel)  # noqa: S101 - there is no third kind
    encoded = np.array([encode_case(model.columns, case, {}) for case in cases])
    levels = max(1, len(model.therapies))
    rows = np.vstack([np.column_stack([encoded, np.full(len(cases), level)]) for level in range(levels)])
    return _BY_FAMILY[model.manifest.family](model, model.rows(rows), files)


def _trained(model: TrainedModel, cases: Sequence[Values]) -> str:
    from models.families.blend_engine import BlendEngine  # noqa: PLC0415
    from models.families.by_therapy_engine import ByTherapyEngine  # noqa: PLC0415

    engine = model.fitted.engine
    encoded = np.array([encode_case(model.columns, case, {}) for case in cases])
    X = model.fitted._matrix.apply(np.column_stack([encoded, np.zeros(len(cases))]))
    if isinstance(engine, BlendEngine | ByTherapyEngine):
        parts = [(f"{name}: ", one, engine.seen(X, index)) for index, (name, one) in enumerate(engine.members)]
    else:
        parts = [("", engine, X)]
    told = [(name, _trees(one, rows)) for name, one, rows in parts]
    said = "; ".join(name + compared for name, compared in told if compared)
    return said or "its engine is ours: there is no second one to compare with"


def _trees(engine: object, X: Floats) -> str:
    """The margin of an engine's trees on design rows, (n, terms); empty where XGBoost does not stand behind it."""
    import xgboost  # noqa: PLC0415

    from models.families.tree_hazards import TreeHazards, TreeTimes  # noqa: PLC0415
    from models.families.xgboost_outcome import TreeEngine  # noqa: PLC0415

    if not isinstance(engine, TreeEngine | TreeHazards | TreeTimes):
        return ""
    if isinstance(engine, TreeEngine):
        native, booster = engine.score(X).log_odds, engine.booster
    else:
        native, booster = engine.boosters.margins(X)[0], engine.boosters.estimate
    own = booster.predict(xgboost.DMatrix(X.astype(np.float32), nthread=1), output_margin=True)
    return _near(native, np.asarray(own, dtype=np.float64), "XGBoost's own margins", TOLERANCE)


def _xgboost(model: BroughtModel, rows: Floats, files: Mapping[str, bytes]) -> str:
    """By a booster, or scikit-learn's class, on a table with names."""
    import xgboost  # noqa: PLC0415

    from models.brought.boosted import BoostedTrees  # noqa: PLC0415

    engine = model.engine
    assert isinstance(engine, BoostedTrees)  # noqa: S101 - of this flavour
    content = bytearray(files.get("model.ubj") or files["model.json"])
    table = pd.DataFrame(rows, columns=list(engine.forest.names or model.manifest.order))
    if engine.rounds == (0, 0):
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(content)
        own = booster.predict(xgboost.DMatrix(table, nthread=1))
    else:
        kind = xgboost.XGBClassifier if engine.forest.objective == "binary:logistic" else xgboost.XGBRegressor
        learner = kind(n_jobs=1)
        learner.load_model(content)
        own = learner.predict_proba(table)[:, 1] if kind is xgboost.XGBClassifier else learner.predict(table)
    margin = engine.margin(rows)
    logistic = engine.forest.objective == "binary:logistic"
    native = 1.0 / (1.0 + np.exp(-margin)) if logistic else np.exp(margin)
    shares = engine.contributions(rows)
    if shares is not None:
        matrix = xgboost.DMatrix(rows.astype(np.float32), nthread=1)
        whole = engine.booster.predict(
            matrix, pred_contribs=True, iteration_range=engine.rounds, validate_features=False
        )
        _near(shares, np.asarray(whole, dtype=np.float64)[:, :-1], "XGBoost's own contributions", SHARES_TOLERANCE)
    return _near(native, np.asarray(own, dtype=np.float64), "XGBoost's own predictions", TOLERANCE)


def _onnx(model: BroughtModel, rows: Floats, files: Mapping[str, bytes]) -> str:
    """By ONNX's reference implementation, which shares no code with the runtime."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415

    from models.brought.network import Network, inlined  # noqa: PLC0415

    engine = model.engine
    assert isinstance(engine, Network)  # noqa: S101 - of this flavour
    try:
        evaluator = ReferenceEvaluator(inlined(files))
        (given,) = evaluator.run([engine.output], engine.fed(rows))
    except Exception as error:  # it lacks some operators, and raises whatever NumPy does
        return f"ONNX's reference implementation cannot run it ({type(error).__name__}); not compared"
    (own,) = engine.session.run([engine.output], engine.fed(rows))
    return _near(np.asarray(own), np.asarray(given), "ONNX's reference implementation", 1e-4)


def _lifelines(model: BroughtModel, rows: Floats, files: Mapping[str, bytes]) -> str:
    """By the survival that lifelines itself gave when the model was written."""
    from models.brought.hazards import Hazards, replayed  # noqa: PLC0415

    engine = model.engine
    assert isinstance(engine, Hazards)  # noqa: S101 - of this flavour
    worst = replayed(engine)
    if not engine.content.golden or not worst <= LIFELINES_TOLERANCE:
        raise BrokenFile(f"it reproduces lifelines' survival to {worst:.1e}; wanted {LIFELINES_TOLERANCE:.0e}")
    return f"lifelines' own survival of {len(engine.content.golden)} rows, to {worst:.0e}"


_BY_FAMILY: Mapping[str, Callable[[BroughtModel, Floats, Mapping[str, bytes]], str]] = {
    "xgboost": _xgboost,
    "onnx": _onnx,
    "lifelines": _lifelines,
}


def _near(native: Floats, own: Floats, what: str, tolerance: float) -> str:
    if native.shape != own.shape:
        own = own.reshape(native.shape)
    worst = float((np.abs(native - own) / np.maximum(1.0, np.abs(own))).max())
    if not worst <= tolerance:
        raise BrokenFile(f"the native path answers {worst:.1e} away from {what}; wanted at most {tolerance:.0e}")
    return f"{what} on {native.shape[0]} rows, to {worst:.0e}"
