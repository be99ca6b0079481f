"""Curves of plain models where patients entered late or another end may come first: a hazard for each end, joined.

lifelines' own baseline takes no account of late entry, so that the baseline is Breslow's with risk sets from entry on.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from features.types import Floats
from models.families.cumulative_incidence import incidence
from models.families.target import FEWEST_EVENTS, ProgressionTarget
from models.under_watch import days_of_ends, risk_sets

STEEPEST = 30.0
LogRatios = Callable[[ProgressionTarget], tuple[Floats, Floats]]
"""Learns one end's hazard: log-hazard ratios of those learned from, (n,), and of those held out, (n_test,)."""


def joined_survival(target: ProgressionTarget, learn: LogRatios, days: Floats, held_out: int) -> Floats:
    """Probability of no progression until each day, (held_out, days), be it for life without it or death before it.

    Args:
        target: Of those learned from.
        learn: Asked once for each end, which is the event of the target that it is given, all else being censored.
        days: Where the curves are read.
        held_out: How many are spoken of.
    """
    ends = [target.event] if target.competing is None else [target.event, target.competing]
    seen = [target.time_days[end] for end in ends]
    grid = np.unique(np.concatenate([[0.0], *seen, days]))
    hazards = []
    for end in ends:
        one = ProgressionTarget(target.time_days, end, target.entry_days)
        # With so few the hazard is the same for all, as in the family `competing`.
        enough = int(end.sum()) >= FEWEST_EVENTS
        own, others = learn(one) if enough else (np.zeros(end.size), np.zeros(held_out))
        middle = float(own.mean())
        ratio = np.exp(np.clip(others - middle, -STEEPEST, STEEPEST))
        hazards.append(ratio[:, None] * baseline(one, own - middle, grid)[None, :])
    survival: Floats = np.exp(-hazards[0]) if len(hazards) == 1 else 1 - incidence(hazards[0], hazards[1]).value
    return survival[:, np.searchsorted(grid, days)]


def baseline(target: ProgressionTarget, log_ratio: Floats, days: Floats) -> Floats:
    """Cumulative hazard of who has log-hazard ratio 0 by each day, (days,), with risk sets from entry on.

    Source: Breslow, J R Stat Soc B 34 (1972) 216.
    """
    times = days_of_ends(target)
    now = (target.time_days[:, None] == times[None, :]) & target.event[:, None]
    ratio = np.exp(np.clip(log_ratio, -STEEPEST, STEEPEST))
    steps = now.sum(axis=0) / (ratio @ risk_sets(target, times))
    hazard: Floats = np.concatenate([[0.0], np.cumsum(steps)])[np.searchsorted(times, days, side="right")]
    return hazard


def cox_ratios(X: Floats, X_test: Floats, *, penalty: float) -> LogRatios:
    """By lifelines' Cox model, which is told of each patient's entry."""
    import lifelines  # noqa: PLC0415 - a second to import

    def learn(target: ProgressionTarget) -> tuple[Floats, Floats]:
        frame = pd.DataFrame(X).assign(time=target.time_days, event=target.event)
        late = {} if target.entry_days is None else {"entry_col": "entry"}
        frame = frame.assign(entry=target.entry_days) if late else frame
        fitted = lifelines.CoxPHFitter(penalizer=penalty).fit(frame, "time", "event", **late)
        coefficients = np.asarray(fitted.params_, dtype=np.float64)
        return X @ coefficients, X_test @ coefficients

    return learn
