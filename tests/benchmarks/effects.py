"""How often intervals of a difference between therapies hold the truth: simulated patients whose choice is confounded.

Two therapies: `RADRESPONSE_EFFECT_DRAWS` draws (default 200) of `_PATIENTS` (290) from `_SEED`. Three therapies, each
other one against the reference as an evaluation compares them: `RADRESPONSE_EFFECT_SEVERAL_DRAWS` draws (default 120)
of `_SEVERAL_PATIENTS` (1,800, some 600 on each) from `_SEVERAL_SEED`. 90 % intervals of the doubly robust difference in
probability and in restricted mean, over the patients who were given either. Nothing was set on these seeds.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from builders.treated import (
    COLUMNS,
    HORIZON,
    PAIR,
    THERAPIES,
    several,
    treated,
    true_gains,
    true_probability_gain,
    true_restricted_mean_gain,
)

from models.effects.answers import Comparison, Estimated
from models.effects.compare import Comparing, compare, compare_therapies
from models.families.columns import THERAPY

DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_DRAWS", "200"))
PATIENTS = int(os.environ.get("RADRESPONSE_EFFECT_PATIENTS", "290"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_EFFECT_SEED", "7000"))
SEVERAL_DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_DRAWS", "120"))
SEVERAL_PATIENTS = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_PATIENTS", "1800"))
SEVERAL_FIRST_SEED = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_SEED", "40000"))
Say = Callable[[str], None]
Key = tuple[str, str]
"""Therapy and quantity."""


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    return {"two": _two(say), "several": _several(say)}


def _two(say: Say) -> dict[str, Any]:
    truth = {
        (PAIR[0], "probability"): true_probability_gain(),
        (PAIR[0], "restricted_mean"): true_restricted_mean_gain(),
    }
    draws = []
    for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
        known = treated(PATIENTS, seed)
        draws.append(
            _differences(
                compare(known.frame, COLUMNS, target, PAIR, _comparing(seed))
                for target in (known.outcome, known.progression)
            )
        )
    return {"patients": PATIENTS, "seed": FIRST_SEED, **told(draws, truth, f"two therapies, {PATIENTS} patients", say)}


def _several(say: Say) -> dict[str, Any]:
    seeds = range(SEVERAL_FIRST_SEED, SEVERAL_FIRST_SEED + SEVERAL_DRAWS)
    draws, fewest = [], SEVERAL_PATIENTS
    for seed in seeds:
        found, least = draw_of_several(seed)
        draws.append(found)
        fewest = min(fewest, least)
    title = f"three therapies, {SEVERAL_PATIENTS} patients, at least {fewest} on each"
    figures = {"patients": SEVERAL_PATIENTS, "seed": SEVERAL_FIRST_SEED, "fewest": fewest}
    return {**figures, **told(draws, truth_of_several(), title, say)}


def draw_of_several(seed: int) -> tuple[dict[Key, Estimated], int]:
    """Differences from the reference, and how many patients the least given therapy has."""
    known = several(SEVERAL_PATIENTS, seed)
    found = _differences(
        comparison
        for target in (known.outcome, known.progression)
        for comparison in compare_therapies(known.frame, COLUMNS, target, THERAPIES[0], _comparing(seed))
    )
    return found, int(known.frame[THERAPY].value_counts().min())


def truth_of_several() -> dict[Key, float]:
    """Over the patients who were given either."""
    return {
        (therapy, quantity): value
        for therapy, gain in true_gains().items()
        for quantity, value in (("probability", gain.probability), ("restricted_mean", gain.restricted_mean))
    }


def told(draws: list[dict[Key, Estimated]], truth: dict[Key, float], title: str, say: Say) -> dict[str, Any]:
    """A line for each therapy and quantity; refused comparisons are counted apart."""
    each: dict[Key, list[Estimated]] = defaultdict(list)
    for draw in draws:
        for key, one in draw.items():
            each[key].append(one)
    figures: dict[str, Any] = {"draws": len(draws)}
    for key, found in each.items():
        value, lower, upper = np.transpose([(one.value, one.lower, one.upper) for one in found])
        held = (lower <= truth[key]) & (truth[key] <= upper)
        line = {
            "held": [float(held.mean()), float(held.std() / np.sqrt(held.size))],
            "truth": truth[key],
            "bias": float(value.mean() - truth[key]),
            "spread": float(value.std(ddof=1)) if held.size > 1 else float("nan"),
            "width": float((upper - lower).mean()),
            "refused": len(draws) - held.size,
        }
        figures[" ".join(key)] = line
        say(
            f"{title}: {key[0]}, {key[1]}: 90 % intervals held the truth in {held.mean():.1%} ± {line['held'][1]:.1%} "
            f"of {held.size} draws; truth {truth[key]:.4g}, bias {line['bias']:+.3g}, mean width {line['width']:.3g}, "
            f"spread {line['spread']:.3g}; refused {line['refused']}"
        )
    return figures


def _comparing(seed: int) -> Comparing:
    return Comparing("observational", (HORIZON,), learners=False, seed=seed)


def _differences(comparisons: Iterable[Comparison]) -> dict[Key, Estimated]:
    """The first quantity of each; none where it was refused."""
    return {(one.therapy, effect.quantity): effect.difference for one in comparisons for effect in one.effects[:1]}
