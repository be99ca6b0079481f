"""How often intervals of a difference between therapies hold the truth: simulated patients whose choice is confounded.

Two therapies: `RADRESPONSE_EFFECT_DRAWS` draws (default 200) of `_PATIENTS` (290) from `_SEED`. Three therapies, each
other one against the reference as an evaluation compares them: `RADRESPONSE_EFFECT_SEVERAL_DRAWS` draws (default 120)
of `_SEVERAL_PATIENTS` (1,800, some 600 on each) from `_SEVERAL_SEED`. 90 % intervals of the doubly robust difference in
probability and in restricted mean, over the patients who were given either. Nothing was set on these seeds.

So few draws tell a coverage to two or three in a hundred, most of which is the luck of the patients drawn. Beside
stands therefore *ideal*: the same estimate on the same patients by the law's own propensities and expectations.
`RADRESPONSE_EFFECT_IDEAL_DRAWS` (default 2,000) other draws tell how often the ideal holds; how much less often ours
does on the same patients tells the rest.
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

from features.types import Floats
from models.effects.answers import Comparison, Estimated
from models.effects.compare import LEVEL, Comparing, compare, compare_therapies
from models.effects.estimate import influence, mean_with_interval
from models.effects.nuisance import Nuisances
from models.effects.pseudo import restricted_mean_pseudo_values
from models.families.columns import THERAPY
from models.families.target import Bools, ProgressionTarget

DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_DRAWS", "200"))
PATIENTS = int(os.environ.get("RADRESPONSE_EFFECT_PATIENTS", "290"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_EFFECT_SEED", "7000"))
SEVERAL_DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_DRAWS", "120"))
SEVERAL_PATIENTS = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_PATIENTS", "1800"))
SEVERAL_FIRST_SEED = int(os.environ.get("RADRESPONSE_EFFECT_SEVERAL_SEED", "40000"))
IDEAL_DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_IDEAL_DRAWS", "2000"))
_APART = 10_000
"""Between seeds of the draws and of the other draws of the ideal."""
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
    if not seeds:
        return {}
    return told_of_several([draw_of_several(seed) for seed in seeds], seeds, say)


def told_of_several(drawn: list[tuple[dict[Key, Estimated], int]], seeds: range, say: Say) -> dict[str, Any]:
    """Lines of our estimates, of the ideal on the same patients and on many others, and of ours less their luck."""
    truth, fewest = truth_of_several(), min(least for _, least in drawn)
    ours, same = [found for found, _ in drawn], [ideal_of_several(seed) for seed in seeds]
    many = [ideal_of_several(seed + _APART) for seed in range(seeds.start, seeds.start + IDEAL_DRAWS)]
    title = f"three therapies, {SEVERAL_PATIENTS} patients, at least {fewest} on each"
    figures: dict[str, Any] = {"patients": SEVERAL_PATIENTS, "seed": seeds.start, "fewest": fewest}
    figures |= told(ours, truth, title, say)
    figures["ideal_same"] = told(same, truth, "ideal, the same patients", say)
    figures["ideal_many"] = told(many, truth, "ideal, other patients", say)
    figures["less_luck"] = {}
    for key in truth if many else ():
        pairs = [(one[key], other[key]) for one, other in zip(ours, same, strict=True) if key in one]
        apart = [float(_holds(one, truth[key])) - float(_holds(other, truth[key])) for one, other in pairs]
        ideal, ideal_error = figures["ideal_many"][" ".join(key)]["held"]
        held, error = ideal + float(np.mean(apart)), float(np.hypot(ideal_error, np.std(apart) / np.sqrt(len(apart))))
        figures["less_luck"][" ".join(key)] = [held, error]
        say(f"less the luck of these patients: {key[0]}, {key[1]}: held in {held:.1%} ± {error:.1%}")
    return figures


def draw_of_several(seed: int) -> tuple[dict[Key, Estimated], int]:
    """Differences from the reference, and how many patients the least given therapy has."""
    known = several(SEVERAL_PATIENTS, seed)
    found = _differences(
        comparison
        for target in (known.outcome, known.progression)
        for comparison in compare_therapies(known.frame, COLUMNS, target, THERAPIES[0], _comparing(seed))
    )
    return found, int(known.frame[THERAPY].value_counts().min())


def ideal_of_several(seed: int) -> dict[Key, Estimated]:
    """The same differences where propensities and expectations are those of the law."""
    known = several(SEVERAL_PATIENTS, seed)
    given = known.frame[THERAPY].to_numpy(dtype=str)
    found: dict[Key, Estimated] = {}
    for arm, therapy in enumerate(THERAPIES[1:], start=1):
        rows = np.flatnonzero((given == therapy) | (given == THERAPIES[0]))
        option, fold = given[rows] == therapy, np.zeros(rows.size, dtype=np.intp)
        chance = known.share[arm, rows] / (known.share[0, rows] + known.share[arm, rows])
        expected = {"probability": known.probability, "restricted_mean": known.restricted_mean}
        under = {name: (each[0, rows], each[arm, rows]) for name, each in expected.items()}
        nuisances = Nuisances(chance, under, {}, fold, ())
        times = _restricted_means(known.progression.take(rows), option)
        for name, values in (("probability", known.outcome.response[rows]), ("restricted_mean", times)):
            found[therapy, name] = mean_with_interval(influence(values, option, nuisances, name).difference, LEVEL)
    return found


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
        held = np.array([_holds(one, truth[key]) for one in found])
        error = float(held.std() / np.sqrt(held.size))
        line = {
            "held": [float(held.mean()), error],
            "truth": truth[key],
            "bias": float(value.mean() - truth[key]),
            "spread": float(value.std(ddof=1)) if held.size > 1 else float("nan"),
            "width": float((upper - lower).mean()),
            "refused": len(draws) - held.size,
        }
        figures[" ".join(key)] = line
        say(
            f"{title}: {key[0]}, {key[1]}: 90 % intervals held the truth in {held.mean():.1%} ± {error:.1%} "
            f"of {held.size} draws; truth {truth[key]:.4g}, bias {line['bias']:+.3g}, mean width {line['width']:.3g}, "
            f"spread {line['spread']:.3g}; refused {line['refused']}"
        )
    return figures


def _holds(one: Estimated, truth: float) -> bool:
    return one.lower <= truth <= one.upper


def _restricted_means(progression: ProgressionTarget, option: Bools) -> Floats:
    values = np.empty(option.size)
    for arm in (False, True):
        rows = np.flatnonzero(option == arm)
        values[rows] = restricted_mean_pseudo_values(progression.take(rows), HORIZON)
    return values


def _comparing(seed: int) -> Comparing:
    return Comparing("observational", (HORIZON,), learners=False, seed=seed)


def _differences(comparisons: Iterable[Comparison]) -> dict[Key, Estimated]:
    """The first quantity of each; none where it was refused."""
    return {(one.therapy, effect.quantity): effect.difference for one in comparisons for effect in one.effects[:1]}
