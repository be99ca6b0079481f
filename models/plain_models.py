"""What anybody would try first, on the same folds: logistic regression, lifelines' Cox, and XGBoost as it comes."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.types import Floats
from models.baselines import known_only
from models.families.columns import ColumnSpec, encode
from models.families.design import Design, DesignMatrix
from models.families.preparation import prepare, screen
from models.families.screening import MOST_COLUMNS
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.plain_hazards import STEEPEST, cox_ratios, joined_survival
from models.splits import Predictor, Split

LOGISTIC, COX, XGBOOST = "plain logistic regression", "plain Cox", "plain XGBoost"
_ROUNDS = 100
"""XGBoost's own default."""
_PENALTY = 0.1


def plain_models(task: Task, columns: tuple[ColumnSpec, ...], *, late_entry: bool = False) -> dict[str, Predictor]:
    """By name; without XGBoost where patients entered late, of which it cannot be told."""
    linear: dict[str, Predictor] = {LOGISTIC: PlainLogistic(columns)} if task == "outcome" else {COX: PlainCox(columns)}
    return linear if late_entry else linear | {XGBOOST: PlainXGBoost(columns)}


@dataclass(frozen=True, slots=True)
class PlainLogistic:
    """scikit-learn's logistic regression as it comes, on at most 64 columns screened in the training fold."""

    columns: tuple[ColumnSpec, ...]

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import

        assert isinstance(split.target, OutcomeTarget)  # noqa: S101 - of an outcome only
        X, X_test = _screened(split, self.columns)
        fitted = LogisticRegression(max_iter=2000).fit(X, split.target.response)
        log_odds: Floats = np.asarray(fitted.decision_function(X_test), dtype=np.float64)
        return log_odds


@dataclass(frozen=True, slots=True)
class PlainCox:
    """lifelines' Cox as it comes, on at most 64 columns screened in the training fold; penalised where it fails.

    Where another end may come first, one model for each end.
    """

    columns: tuple[ColumnSpec, ...]

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        import lifelines  # noqa: PLC0415 - a second to import

        assert isinstance(split.target, ProgressionTarget) and split.days is not None  # noqa: S101 - of progression only
        X, X_test = _screened(split, self.columns)
        varies = X.std(axis=0) > 1e-9
        if not split.target.plain:
            return _joined(split.target, X[:, varies], X_test[:, varies], split.days)
        frame = pd.DataFrame(X[:, varies]).assign(time=split.target.time_days, event=split.target.event)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                cox = lifelines.CoxPHFitter().fit(frame, "time", "event")
            except Exception:  # its own errors have no common base but Exception
                cox = lifelines.CoxPHFitter(penalizer=_PENALTY).fit(frame, "time", "event")
            survival = cox.predict_survival_function(pd.DataFrame(X_test[:, varies]), times=split.days)
        return np.asarray(survival, dtype=np.float64).T


@dataclass(frozen=True, slots=True)
class PlainXGBoost:
    """XGBoost with its own defaults, on all columns; for progression `survival:cox` with Breslow's baseline.

    Where another end may come first, one model for each end.
    """

    columns: tuple[ColumnSpec, ...]

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        X, X_test = one_hot(split, self.columns)
        if isinstance(split.target, ProgressionTarget) and split.target.competing is not None:
            assert split.days is not None  # noqa: S101 - progression has days
            return joined_survival(split.target, lambda one: _margins(one, X, X_test), split.days, len(X_test))
        there, margin = _margins(split.target, X, X_test)
        if isinstance(split.target, OutcomeTarget):
            return margin
        assert split.days is not None  # noqa: S101 - progression has days
        baseline = breslow(split.target, there, split.days)
        ratio = np.exp(np.clip(margin - float(there.mean()), -STEEPEST, STEEPEST))
        survival: Floats = np.exp(-ratio[:, None] * baseline[None, :])
        return survival


def one_hot(split: Split, columns: tuple[ColumnSpec, ...]) -> tuple[Floats, Floats]:
    """Numbers as they are, NaN where missing, and 0 or 1 for each category seen in training: both parts of a split."""
    names = [spec.name for spec in columns] + (["therapy"] if "therapy" in split.train.columns else [])
    train, test = split.train[names], split.test[names]
    words = [name for name in names if name == "therapy" or train[name].dtype == object]
    numbers = [name for name in names if name not in words]
    parts = [[part[numbers].to_numpy(dtype=np.float64)] for part in (train, test)]
    for name in words:
        for word in sorted({str(one) for one in train[name].dropna()}):
            for part, columns_of in ((train, parts[0]), (test, parts[1])):
                columns_of.append((part[name].astype(str) == word).to_numpy(dtype=np.float64)[:, None])
    return np.hstack(parts[0]), np.hstack(parts[1])


def signed_label(target: Target) -> Floats:
    """As XGBoost takes it: response, or the time, below 0 where censored."""
    if isinstance(target, OutcomeTarget):
        return target.response
    signed: Floats = np.where(target.event, target.time_days, -target.time_days)
    return signed


def breslow(target: ProgressionTarget, log_ratio: Floats, days: Floats) -> Floats:
    """Cumulative baseline hazard on some days, of a patient with the mean log-hazard ratio, (days,).

    Source: Breslow, JRSS B 34 (1972) 216.
    """
    ratio = np.exp(np.clip(log_ratio - float(log_ratio.mean()), -STEEPEST, STEEPEST))
    order = np.argsort(-target.time_days, kind="stable")
    at_risk = np.cumsum(ratio[order])
    times = target.time_days[order]
    last = np.searchsorted(-times, -times, side="right") - 1
    step = np.where(target.event[order], 1.0 / at_risk[last], 0.0)
    rising, cumulative = times[::-1], np.cumsum(step[::-1])
    hazard: Floats = np.concatenate([[0.0], cumulative])[np.searchsorted(rising, days, side="right")]
    return hazard


def _margins(target: Target, X: Floats, X_test: Floats) -> tuple[Floats, Floats]:
    """Of those learned from, and of those held out."""
    import xgboost  # noqa: PLC0415 - a second to import

    outcome = isinstance(target, OutcomeTarget)
    settings = {"objective": "binary:logistic" if outcome else "survival:cox", "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(X, signed_label(target), nthread=1), _ROUNDS)
    margin, there = (booster.inplace_predict(part, predict_type="margin").astype(np.float64) for part in (X_test, X))
    return np.asarray(there), np.asarray(margin)


def _joined(target: ProgressionTarget, X: Floats, X_test: Floats, days: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return joined_survival(target, cox_ratios(X, X_test, penalty=0.0), days, len(X_test))
        except Exception:  # its own errors have no common base but Exception
            return joined_survival(target, cox_ratios(X, X_test, penalty=_PENALTY), days, len(X_test))


def _screened(split: Split, columns: tuple[ColumnSpec, ...]) -> tuple[Floats, Floats]:
    """Design matrices of both parts, of at most 64 columns."""
    prepared = screen(prepare(split.train, split.target, columns), split.target, MOST_COLUMNS)
    rows = encode(prepared.columns, prepared.therapies, known_only(split.test, prepared.columns))
    return prepared.X, DesignMatrix(Design(prepared.terms)).apply(rows)
