"""How often 90 % intervals of average effects hold the truth of the simulated cohort, therapy by therapy.

The cohort is `models.simulation`'s, with columns such as an image would show (`builders.imageless`): three therapies,
dealt by age, performance, PD-L1 and size. Each is compared with chemotherapy through the `compare_therapies` of
`evaluate` and of the served evidence, over the patients who were given either, and so is the truth.
`RADRESPONSE_SIMULATED_EFFECTS_PATIENTS`, `_DRAWS` and `_SEED` choose others; nothing was set on these seeds.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from builders.imageless import imageless
from scipy.special import gamma, gammainc

from features.types import Floats
from models.effects.compare import Comparing, compare_therapies
from models.simulation.mechanism import WEIBULL_SHAPE, Fate, fates
from models.simulation.patient import THERAPIES, draw_patient, propensities

from .coverage import REFERENCE

Say = Callable[[str], None]

PATIENTS = int(os.environ.get("RADRESPONSE_SIMULATED_EFFECTS_PATIENTS", "1900"))
DRAWS = int(os.environ.get("RADRESPONSE_SIMULATED_EFFECTS_DRAWS", "100"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_SIMULATED_EFFECTS_SEED", "60000"))
DAY = 365.0
"""Until when time to progression is compared."""
_POPULATION = 100_000
"""Patients whose mean is the truth: its own error is a hundredth of an interval's width."""


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    truth = true_effects()
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    treated: dict[str, list[int]] = defaultdict(list)
    for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
        known = imageless(PATIENTS, seed)
        for therapy, patients in known.table["therapy"].value_counts().items():
            treated[str(therapy)].append(int(patients))
        for target, horizons in ((known.outcome, ()), (known.progression, (DAY,))):
            how = Comparing("simulated", horizons, learners=False, seed=seed)
            for one in compare_therapies(known.table, known.columns, target, REFERENCE, how):
                for effect in one.effects:
                    told = effect.difference
                    found[effect.quantity, one.therapy].append((told.value, told.lower, told.upper))
    least = {therapy: min(each) for therapy, each in treated.items()}
    say(f"\n{DRAWS} draws of {PATIENTS} patients; fewest on a therapy: {least}")
    return {"patients": PATIENTS, "draws": DRAWS, "fewest": least, "effects": dict(_figures(found, truth, say))}


def _figures(
    found: Mapping[tuple[str, str], Sequence[tuple[float, float, float]]],
    truth: Mapping[tuple[str, str], float],
    say: Say,
) -> Iterator[tuple[str, dict[str, float]]]:
    for key in sorted(found):
        value, lower, upper = np.transpose(found[key])
        held = (lower <= truth[key]) & (truth[key] <= upper)
        error = float(held.std() / np.sqrt(max(1, held.size - 1)))
        figures = {
            "truth": truth[key], "held": float(held.mean()), "error": error, "draws": held.size,
            "bias": float(value.mean() - truth[key]), "spread": float(value.std(ddof=1)),
            "width": float((upper - lower).mean()),
        }  # fmt: skip
        say(
            f"{key[0]:16} {key[1]:20} truth {truth[key]:8.3f}  held {held.mean():6.1%} ± {error:.1%} of {held.size}  "
            f"bias {figures['bias']:+.3f}  spread {figures['spread']:.3f}  mean width {figures['width']:.3f}"
        )
        yield ", ".join(key), figures


def true_effects() -> dict[tuple[str, str], float]:
    """By quantity and therapy: the mean difference from the reference over those who are given either."""
    generator = np.random.default_rng([13, 1])
    people = [draw_patient(generator) for _ in range(_POPULATION)]
    fate = [fates(one.covariates, one.tumours[0]) for one in people]
    chance = [propensities(one.covariates, one.tumours[0]) for one in people]
    found = {}
    for therapy in THERAPIES:
        if therapy == REFERENCE:
            continue
        either = np.array([one[therapy] + one[REFERENCE] for one in chance])
        own, other = ([each[name] for each in fate] for name in (therapy, REFERENCE))
        for quantity, of in _QUANTITIES.items():
            found[quantity, therapy] = float(np.average(of(own) - of(other), weights=either))
    return found


def _probability(each: Sequence[Fate]) -> Floats:
    return np.array([one.response_probability for one in each])


def _survival(each: Sequence[Fate]) -> Floats:
    return np.array([one.survival(DAY) for one in each])


def _restricted_mean(each: Sequence[Fate]) -> Floats:
    """Area under a Weibull survival until the day, by the incomplete gamma function."""
    scale = np.array([one.scale_days for one in each])
    power = 1 / WEIBULL_SHAPE
    area: Floats = scale * gamma(1 + power) * gammainc(power, (DAY / scale) ** WEIBULL_SHAPE)
    return area


_QUANTITIES: Mapping[str, Callable[[Sequence[Fate]], Floats]] = {
    "probability": _probability,
    "survival": _survival,
    "restricted_mean": _restricted_mean,
}
