"""How often intervals of a difference between therapies hold the truth: simulated patients whose choice is confounded.

`RADRESPONSE_EFFECT_DRAWS` draws (default 200) of 400 patients; 90 % intervals of the doubly robust difference in
probability and in restricted mean, over the population and for patients drawn. Nothing was set on these seeds.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from builders.treated import COLUMNS, HORIZON, PAIR, treated, true_probability_gain, true_restricted_mean_gain

from models.effects.compare import Comparing, compare

DRAWS = int(os.environ.get("RADRESPONSE_EFFECT_DRAWS", "200"))
PATIENTS = int(os.environ.get("RADRESPONSE_EFFECT_PATIENTS", "290"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_EFFECT_SEED", "7000"))
Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    truth = {"probability": true_probability_gain(), "restricted_mean": true_restricted_mean_gain()}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in truth}
    refused = 0
    for seed in range(FIRST_SEED, FIRST_SEED + DRAWS):
        known = treated(PATIENTS, seed)
        for target, how in (
            (known.outcome, Comparing("observational", learners=False, seed=seed)),
            (known.progression, Comparing("observational", (HORIZON,), learners=False, seed=seed)),
        ):
            comparison = compare(known.frame, COLUMNS, target, PAIR, how)
            refused += not comparison.effects
            for effect in comparison.effects[:1]:
                one = effect.difference
                found[effect.quantity].append((one.value, one.lower, one.upper))
    figures: dict[str, Any] = {"draws": DRAWS, "patients": PATIENTS, "refused": refused}
    for name, each in found.items():
        value, lower, upper = np.transpose(each)
        held = (lower <= truth[name]) & (truth[name] <= upper)
        figures[name] = {
            "held": [float(held.mean()), float(held.std() / np.sqrt(held.size))],
            "truth": truth[name],
            "bias": float(value.mean() - truth[name]),
            "spread": float(value.std(ddof=1)),
            "width": float((upper - lower).mean()),
        }
        say(
            f"{name}: 90 % intervals held the truth in {held.mean():.1%} of {held.size} draws of {PATIENTS} patients "
            f"(standard error {held.std() / np.sqrt(held.size):.1%}); truth {truth[name]:.3f}, bias "
            f"{figures[name]['bias']:+.3f}, mean width {figures[name]['width']:.3f}; refused {refused}"
        )
    return figures
