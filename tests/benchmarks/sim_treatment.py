"""DeepSurv's treatment simulation, whose truth is known: average effect, each patient's effect, advice.

`RADRESPONSE_SIM_TREATMENT_DRAWS` draws (default 40) of `_PATIENTS` (1,000, half of them on either therapy): how often
90 % intervals of the doubly robust difference hold the truth. `_ADVISED` draws (default 3), and the authors' file where
RADRESPONSE_DATA has it: who learned from `_TRAIN` patients (4,000) tells 1,000 others what the new therapy would gain
them. Those who were given what is advised are compared with those who were not. Nothing was set on these seeds.
The law is told in `builders.sim_treatment`.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import lifelines
import numpy as np
import pandas as pd
from builders.sim_treatment import (
    COLUMNS,
    HORIZON,
    PAIR,
    YEAR,
    Treatment,
    published_treatment,
    sim_treatment,
    true_gains,
)
from lifelines.statistics import logrank_test
from sksurv.ensemble import RandomSurvivalForest

from features.types import Floats
from models.effects.compare import Comparing, compare
from models.effects.estimate import dr_learner, influence
from models.effects.nuisance import cross_fit
from models.effects.pseudo import restricted_mean, restricted_mean_pseudo_values
from models.families.all import FAMILIES
from models.families.columns import THERAPY
from models.families.family import Family, ProgressionScores
from models.families.target import ProgressionTarget

Say = Callable[[str], None]

DRAWS = int(os.environ.get("RADRESPONSE_SIM_TREATMENT_DRAWS", "40"))
PATIENTS = int(os.environ.get("RADRESPONSE_SIM_TREATMENT_PATIENTS", "1000"))
ADVISED = int(os.environ.get("RADRESPONSE_SIM_TREATMENT_ADVISED", "3"))
TRAIN = int(os.environ.get("RADRESPONSE_SIM_TREATMENT_TRAIN", "4000"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_SIM_TREATMENT_SEED", "30000"))
_TEST = 1000
_APART = 5_000
"""Between seeds of the intervals and of the advice."""
_OURS = ("xgboost_cox_by_therapy", "cox_by_therapy", "xgboost_cox", "cox", "fusion")
_GRID = np.linspace(0.0, HORIZON, 61)


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    figures: dict[str, Any] = {"seed": FIRST_SEED, "draws": DRAWS, "patients": PATIENTS, "train": TRAIN}
    figures["average"] = _average(say)
    draws = []
    for seed in range(FIRST_SEED + _APART, FIRST_SEED + _APART + ADVISED):
        draws.append(_advice(sim_treatment(TRAIN + _TEST, seed), seed))
    figures["advice"] = _told(draws, f"{ADVISED} draws, {TRAIN} patients learned from", say) if draws else {}
    parts = published_treatment("train"), published_treatment("test")
    if parts[0] is None or parts[1] is None:
        say("the authors' file: skipped, RADRESPONSE_DATA has no such file")
        return figures
    figures["file"] = _told([_advice(_joined(parts[0], parts[1]), 0)], "the authors' file, 4000 learned from", say)
    return figures


def _average(say: Say) -> dict[str, Any]:
    truth = dict(zip(("survival", "restricted_mean"), true_gains(), strict=True))
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in truth}
    for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
        known = sim_treatment(PATIENTS, seed)
        how = Comparing("randomised", (HORIZON,), learners=False, seed=seed)
        for effect in compare(known.frame, COLUMNS, known.target, PAIR, how).effects:
            one = effect.difference
            found[effect.quantity].append((one.value, one.lower, one.upper))
    figures: dict[str, Any] = {}
    for name, each in found.items():
        if not each:
            continue
        value, lower, upper = np.transpose(each)
        held = (lower <= truth[name]) & (truth[name] <= upper)
        error = float(held.std() / np.sqrt(held.size))
        figures[name] = {
            "held": [float(held.mean()), error],
            "truth": truth[name],
            "bias": float(value.mean() - truth[name]),
            "rmse": float(np.sqrt(np.mean((value - truth[name]) ** 2))),
            "width": float((upper - lower).mean()),
        }
        say(
            f"average {name}: 90 % intervals held the truth in {held.mean():.1%} ± {error:.1%} of {held.size} draws of "
            f"{PATIENTS} patients; truth {truth[name]:.4g}, bias {figures[name]['bias']:+.3g}, "
            f"RMSE {figures[name]['rmse']:.3g}, mean width {figures[name]['width']:.3g}"
        )
    return figures


Line = dict[str, float]


def _advice(known: Treatment, seed: int) -> dict[str, Line]:
    """Figures of each adviser, over the last `_TEST` patients."""
    size = known.target.event.size
    test = np.arange(size - _TEST, size)
    given = (known.frame[THERAPY] == PAIR[0]).to_numpy()[test]
    target, truth = known.target.take(test), known.restricted_mean_gain[test]
    lines = {}
    for name, gain in _advisers(known, seed):
        follows = (gain > 0) == given
        followed, not_followed = target.take(np.flatnonzero(follows)), target.take(np.flatnonzero(~follows))
        medians = [
            float(lifelines.KaplanMeierFitter().fit(one.time_days, one.event).median_survival_time_) / YEAR
            for one in (followed, not_followed)
        ]
        tested = logrank_test(followed.time_days, not_followed.time_days, followed.event, not_followed.event)
        lines[name] = {
            "error_days": float(np.sqrt(np.mean((gain - truth) ** 2))),
            "gained_days": float(np.mean(np.where(gain > 0, truth, 0.0))),
            "right": float(np.mean((gain > 0) == (truth > 0))),
            "followed_days": restricted_mean(followed, HORIZON)[0],
            "not_followed_days": restricted_mean(not_followed, HORIZON)[0],
            "followed_median_years": medians[0],
            "not_followed_median_years": medians[1],
            "log_rank_p": float(tested.p_value),
        }
    return lines


def _advisers(known: Treatment, seed: int) -> Iterator[tuple[str, Floats]]:
    """What each says the last `_TEST` patients gain within `HORIZON`, having learned from others."""
    size = known.target.event.size
    train, test = np.arange(size - _TEST), np.arange(size - _TEST, size)
    given = (known.frame[THERAPY] == PAIR[0]).to_numpy()
    yield "truth", known.restricted_mean_gain[test]
    values = np.empty(size)
    for arm in (False, True):
        rows = np.flatnonzero(given == arm)
        values[rows] = restricted_mean_pseudo_values(known.target.take(rows), HORIZON)
    fit = cross_fit(known.frame, COLUMNS, known.target, given, {"mean": (values, "number")}, seed)
    each = influence(values, given, fit, "mean")
    yield "one for all (DR average)", np.full(_TEST, each.difference.mean())
    yield "T-learner", (fit.under["mean"][1] - fit.under["mean"][0])[test]
    yield "S-learner", (fit.single["mean"][1] - fit.single["mean"][0])[test]
    yield "DR-learner", dr_learner(each, fit, seed)[test]
    frame, target = known.frame.iloc[train].reset_index(drop=True), known.target.take(train)
    asked = [known.frame.iloc[test].reset_index(drop=True).assign(**{THERAPY: name}) for name in PAIR]
    for name in _OURS:
        fitted = _fit(FAMILIES["progression", name], frame, target)
        yield f"our {name}", fitted(asked[0]) - fitted(asked[1])
    yield "Cox with interactions (lifelines)", np.subtract(*_cox(frame, target, asked))
    yield "random survival forest", np.subtract(*_forest(frame, target, asked))


def _fit(family: Family, frame: pd.DataFrame, target: ProgressionTarget) -> Callable[[pd.DataFrame], Floats]:
    fitted = family.fit(frame, target, COLUMNS, seed=0, replicates=0)
    days = np.asarray(fitted.recipe.time_days, dtype=np.float64)

    def area(table: pd.DataFrame) -> Floats:
        scores = fitted.predict(table)
        assert isinstance(scores, ProgressionScores)
        return _area(np.array([np.interp(_GRID, days, curve) for curve in scores.survival]))

    return area


def _area(curves: Floats) -> Floats:
    """Under curves on `_GRID`, (n, days) to (n,)."""
    area: Floats = np.asarray(np.trapezoid(curves, _GRID, axis=1))
    return area


def _numbers(frame: pd.DataFrame, *, products: bool) -> pd.DataFrame:
    new = (frame[THERAPY] == PAIR[0]).astype(float)
    X = frame[[spec.name for spec in COLUMNS]]
    beside = [X.mul(new, axis=0).add_suffix(":new")] if products else []
    return pd.concat([X, new.rename("new"), *beside], axis=1)


def _cox(frame: pd.DataFrame, target: ProgressionTarget, asked: list[pd.DataFrame]) -> list[Floats]:
    table = _numbers(frame, products=True).assign(time=target.time_days, event=target.event)
    fitted = lifelines.CoxPHFitter().fit(table, "time", "event")
    return [_area(fitted.predict_survival_function(_numbers(one, products=True), _GRID).to_numpy().T) for one in asked]


def _forest(frame: pd.DataFrame, target: ProgressionTarget, asked: list[pd.DataFrame]) -> list[Floats]:
    pairs = list(zip(target.event, target.time_days, strict=True))
    label = np.array(pairs, dtype=[("event", bool), ("time", float)])
    forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, n_jobs=1, random_state=0)
    forest.fit(_numbers(frame, products=False).to_numpy(), label)
    areas = []
    for one in asked:
        curves = forest.predict_survival_function(_numbers(one, products=False).to_numpy())
        days = np.clip(_GRID, *curves[0].domain)
        areas.append(_area(np.array([curve(days) for curve in curves])))
    return areas


def _joined(first: Treatment, second: Treatment) -> Treatment:
    def both(one: Floats, other: Floats) -> Floats:
        return np.concatenate([one, other])

    return Treatment(
        pd.concat([first.frame, second.frame], ignore_index=True),
        ProgressionTarget(
            both(first.target.time_days, second.target.time_days),
            np.concatenate([first.target.event, second.target.event]),
        ),
        both(first.survival_gain, second.survival_gain),
        both(first.restricted_mean_gain, second.restricted_mean_gain),
    )


def _told(draws: list[dict[str, Line]], title: str, say: Say) -> dict[str, Any]:
    """Means over draws, of medians and p values the median."""
    say(f"\n{title}, {_TEST} advised; years for medians, days within {HORIZON / YEAR:g} years else")
    figures: dict[str, Any] = {}
    for name in draws[0]:
        each: dict[str, list[float]] = defaultdict(list)
        for draw in draws:
            for key, value in draw[name].items():
                each[key].append(value)
        line = {
            key: float(np.median(values) if "median" in key or key == "log_rank_p" else np.mean(values))
            for key, values in each.items()
        }
        line["gained_days_error"] = float(np.std(each["gained_days"]) / np.sqrt(max(1, len(draws) - 1)))
        figures[name] = line
        say(
            f"{name:34} error {line['error_days']:5.1f}  right {line['right']:6.1%}  "
            f"gained {line['gained_days']:+6.1f} ± {line['gained_days_error']:.1f}  "
            f"followed {line['followed_days']:5.0f}, not {line['not_followed_days']:5.0f}  "
            f"median {line['followed_median_years']:.2f}, {line['not_followed_median_years']:.2f}  "
            f"p {line['log_rank_p']:.1g}"
        )
    return figures
