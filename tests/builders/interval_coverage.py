"""How often intervals hold the truth, on cohorts whose truth is known: `python -m builders.interval_coverage`.

Run from the project's root with `PYTHONPATH=.:tests`. One JSON line for each family and number of patients: the share
of new patients whose true value lies in the 90 % interval of the estimate, and of the difference between two therapies.
Replicates were set on these tables: what intervals hold elsewhere, `python -m tests.benchmarks coverage` tells.
"""

import json
import sys

import numpy as np
from builders.tables import EMBEDDED, TEXTURE, THERAPIES, Known, known

from features.types import Floats
from models.calibration import probability
from models.families.all import TRIED
from models.families.family import Fitted, OutcomeScores, ProgressionScores
from models.intervals import restricted_mean, spread

LEVEL = 0.9
COHORTS = 3
SCALE_DAYS = 300.0


def coverage(fit: Fitted, fresh: Known) -> tuple[float, float]:
    """Share of patients whose interval holds the true estimate, and the true difference of two therapies."""
    scores = fit.predict(fresh.table)
    first, second = (fit.predict(fresh.table.assign(therapy=therapy)) for therapy in THERAPIES[:2])
    if isinstance(scores, OutcomeScores):
        assert isinstance(first, OutcomeScores)
        assert isinstance(second, OutcomeScores)
        held = np.abs(scores.log_odds - fresh.log_odds) < spread(scores.replicates, LEVEL)
        difference = second.probability - first.probability
        each = probability(second.replicates) - probability(first.replicates)
        truth = probability(true_log_odds(fresh, 1)) - probability(true_log_odds(fresh, 0))
    else:
        assert isinstance(first, ProgressionScores)
        assert isinstance(second, ProgressionScores)
        days = np.array(fit.recipe.time_days)
        half = spread(np.log(np.maximum(scores.replicates[:, :, -1], 1e-4)), LEVEL)
        held = np.abs(scores.risk - fresh.log_hazard - np.log(days[-1] / SCALE_DAYS)) < half
        difference = _mean(fit, second.survival) - _mean(fit, first.survival)
        each = _mean(fit, np.exp(-second.replicates)) - _mean(fit, np.exp(-first.replicates))
        curves = [np.exp(-np.exp(true_log_hazard(fresh, one))[:, None] * days / SCALE_DAYS) for one in (1, 0)]
        truth = _mean(fit, curves[0]) - _mean(fit, curves[1])
    return float(held.mean()), float((np.abs(difference - truth) < spread(each, LEVEL)).mean())


def true_log_odds(fresh: Known, therapy: int) -> Floats:
    """As `builders.tables` made it, for chemotherapy (0) or immunotherapy (1)."""
    table = fresh.table
    texture, age = (table[TEXTURE] - 40) / 12, table["clinical.age_years"] - 62
    value = -0.3 + (0.9, 1.8)[therapy] * texture - 0.05 * age + 0.6 * table[EMBEDDED] + (0.0, 0.8)[therapy]
    return value.to_numpy(dtype=np.float64)


def true_log_hazard(fresh: Known, therapy: int) -> Floats:
    """The same for progression."""
    table = fresh.table
    texture, age = (table[TEXTURE] - 40) / 12, table["clinical.age_years"] - 62
    value = -0.7 * (0.9, 1.8)[therapy] * texture + 0.03 * age - 0.4 * table[EMBEDDED] - (0.0, 0.8)[therapy]
    return value.to_numpy(dtype=np.float64)


def _mean(fit: Fitted, survival: Floats) -> Floats:
    return restricted_mean(fit.recipe.time_days, survival)


def main() -> None:
    """Prints the figures."""
    for patients in (150, 400):
        data = [known(patients, seed=seed, noise_columns=60) for seed in range(COHORTS)]
        fresh = [known(300, seed=50 + seed, noise_columns=60) for seed in range(COHORTS)]
        for (task, name), family in TRIED.items():
            fits = [family.fit(one.table, one.target(task), one.columns, seed=1) for one in data]
            shares = np.mean([coverage(fit, new) for fit, new in zip(fits, fresh, strict=True)], axis=0)
            line = {"task": task, "family": name, "patients": patients, "estimate": round(float(shares[0]), 2)}
            sys.stdout.write(json.dumps(line | {"difference": round(float(shares[1]), 2)}) + "\n")


if __name__ == "__main__":
    main()
