"""How often intervals, conformal sets and lower bounds hold the truth, on many simulated draws without images.

Columns are such as an image would show (`builders.imageless`), so that a draw costs seconds and hundreds can be had.
`RADRESPONSE_PROMISES_PATIENTS`, `_DRAWS`, `_SEED` and `_FAMILIES` (outcome-xgboost,progression-cox) choose others.
`_REPLICATES=0` leaves out intervals, so that sets and bounds alone cost seconds a draw with many patients a therapy.
Sets and bounds promise for patients like those who were given that therapy: these are judged apart, beside all.
"""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from builders.imageless import Imageless, imageless

from models.answers import Answer
from models.assure import LEVEL, assure
from models.families.all import FAMILIES
from models.families.family import Family
from models.manifest import Facts, Manifest
from models.simulation.mechanism import WEIBULL_SHAPE, Fate
from models.simulation.patient import THERAPIES
from models.version import TrainedModel as Model

from .coverage import REFERENCE, Judged, judged

Say = Callable[[str], None]

PATIENTS = int(os.environ.get("RADRESPONSE_PROMISES_PATIENTS", "200"))
DRAWS = int(os.environ.get("RADRESPONSE_PROMISES_DRAWS", "20"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_PROMISES_SEED", "20"))
CHOSEN = os.environ.get("RADRESPONSE_PROMISES_FAMILIES", "outcome-xgboost,progression-cox").split(",")
REPLICATES = int(os.environ.get("RADRESPONSE_PROMISES_REPLICATES", "20"))
_FRESH = 150
_APART = 5_000
"""Between the seed of a draw and that of its fresh patients."""

Shares = dict[tuple[str, str], list[tuple[float, float]]]
"""By quantity and therapy: for each patient whether it held, and how wide it was."""


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    figures: dict[str, Any] = {"patients": PATIENTS, "draws": DRAWS, "models": {}}
    for (task, name), family in FAMILIES.items():
        if f"{task}-{name}" in CHOSEN:
            figures["models"][f"{task}-{name}"] = _figures(family, say)
    return figures


def _figures(family: Family, say: Say) -> dict[str, tuple[float, float, float]]:
    """Mean over draws of the share that held, its standard error over draws, and the mean width."""
    draws: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
        for key, each in _judge(family, imageless(PATIENTS, seed), imageless(_FRESH, _APART + seed)).items():
            share = np.nanmean(np.array(each, dtype=np.float64), axis=0)
            draws[key].append((float(share[0]), float(share[1])))
    figures = {}
    say(f"\n{family.task}-{family.name}, {PATIENTS} patients, {DRAWS} draws")
    for key in sorted(draws):
        held = np.array(draws[key])
        error = float(held[:, 0].std() / np.sqrt(max(1, len(held) - 1)))
        figures[", ".join(key)] = (float(held[:, 0].mean()), error, float(held[:, 1].mean()))
        say(f"{key[0]:30} {key[1]:20} {held[:, 0].mean():6.1%} ± {error:5.1%}  width {held[:, 1].mean():.3g}")
    return figures


def _judge(family: Family, known: Imageless, fresh: Imageless) -> Shares:
    target = known.target(family.task)
    fitted = family.fit(known.table, target, known.columns, seed=0, replicates=REPLICATES)
    fitted = assure(family, fitted, known.table, target, known.columns, seed=0)
    facts = Facts("simulated", PATIENTS, simulated=True, evidence="simulated", profile="as if")
    model = Model(
        name="", version="", digest="", manifest=Manifest(fitted.recipe, facts), card="", profile=None, fitted=fitted
    )
    shares: Shares = defaultdict(list)
    for row, record in enumerate(fresh.table.to_dict("records")):
        values = {spec.name: record[spec.name] for spec in model.columns if record[spec.name] == record[spec.name]}
        answer = model.predict(values, THERAPIES, reference=REFERENCE)
        one: Judged
        for one in judged(family.task, answer, fresh.truth[row]):
            if one.interval is not None:
                shares[one.quantity, one.therapy].append((one.held, one.width))
        _promised(answer, fresh.truth[row], str(record["therapy"]), shares)
    return shares


def _promised(answer: Answer, fates: Mapping[str, Fate], given: str, shares: Shares) -> None:
    """By the truth's probability of lying inside: less noisy than a drawn course, and the same on average."""
    for one in answer.predictions:
        fate = fates[one.therapy]
        promises = []
        if one.outcome is not None and one.outcome.likely is not None:
            likely, chance = one.outcome.likely, fate.response_probability
            inside = likely.response * chance + likely.no_response * (1 - chance)
            promises.append(("conformal set", inside, float(likely.response + likely.no_response)))
        if one.progression is not None and one.progression.lower_bound is not None:
            days = one.progression.lower_bound.days
            promises.append(("conformal lower bound", fate.survival(days), days))
            promises.append(
                ("the truth's own bound", LEVEL, fate.scale_days * (-math.log(LEVEL)) ** (1 / WEIBULL_SHAPE))
            )
        for name, held, width in promises:
            shares[name, one.therapy].append((held, width))
            if one.therapy == given:
                shares[f"{name}, on it", one.therapy].append((held, width))
