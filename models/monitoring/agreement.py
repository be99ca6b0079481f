"""How a challenger's answers lie beside the champion's, over patients whom both answered for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from features.types import Floats
from models.evaluation import Estimate, patient_draws
from models.live import Live
from models.monitoring.shadowed import Beside, Said
from models.monitoring.store import Pair, Predicted
from models.monitoring.summary import live_of

FEWEST_PATIENTS = 5
"""Below, only their number is told: figures of so few would tell what single patients were told."""
_SEED, _DRAWS = 0, 500


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two versions of one model, for one therapy."""

    name: str
    task: str
    therapy: str
    champion: str
    """Version."""
    champion_digest: str
    challenger: str
    challenger_digest: str
    patients: int
    """Each with the newest answers."""
    day: int
    """At which survival is compared: the last that both curves reach; 0 for an outcome."""
    figures: tuple[tuple[str, Estimate], ...]
    """Of probabilities, of response or of no progression until that day, challenger less champion: mean difference,
    mean absolute difference, share on another side of a half, rank correlation; 95 % intervals over patients."""
    champion_live: Live | None
    """On the outcomes reported of these patients; None while there are none."""
    challenger_live: Live | None


def agreements(beside: Sequence[Beside]) -> tuple[Agreement, ...]:
    """One for each model, pair of versions and therapy, in the order of names.

    Args:
        beside: Oldest first.
    """
    groups: dict[tuple[str, str, str, str], list[Beside]] = {}
    for one in beside:
        both = one.both
        key = (both.name, both.champion.digest, both.challenger.digest, both.therapy)
        groups.setdefault(key, []).append(one)
    return tuple(_agreement(groups[key]) for key in sorted(groups))


def _agreement(rows: Sequence[Beside]) -> Agreement:
    newest = list({one.holder: one for one in rows}.values())
    first = newest[0].both
    day = 0
    if first.task == "progression":
        day = min(min(one.both.champion.curve[-1][0], one.both.challenger.curve[-1][0]) for one in newest)
    ours, theirs = (np.array([_probability(said, day) for said in of]) for of in _both(newest))
    return Agreement(
        first.name, first.task, first.therapy,
        first.champion.version, first.champion.digest, first.challenger.version, first.challenger.digest,
        len(newest), day, _figures(ours, theirs) if len(newest) >= FEWEST_PATIENTS else (),
        *(_live(rows, which) for which in ("champion", "challenger")),
    )  # fmt: skip


def _both(rows: Sequence[Beside]) -> tuple[list[Said], list[Said]]:
    return [one.both.champion for one in rows], [one.both.challenger for one in rows]


def _figures(champion: Floats, challenger: Floats) -> tuple[tuple[str, Estimate], ...]:
    weights = patient_draws(champion.size, _SEED, _DRAWS)
    total = weights.sum(axis=1)
    apart = challenger - champion
    crossed = ((champion >= 0.5) != (challenger >= 0.5)).astype(np.float64)
    return (
        ("mean_difference", Estimate.of(weights @ apart / total)),
        ("mean_absolute_difference", Estimate.of(weights @ np.abs(apart) / total)),
        ("other_side_of_half", Estimate.of(weights @ crossed / total)),
        ("rank_correlation", Estimate.of(_rank_correlations(champion, challenger, weights))),
    )


def _rank_correlations(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Spearman's over draws, (draws,); NaN where one of them is the same for all patients of a draw."""
    found = []
    for drawn in weights.astype(np.int64):
        a, b = (rankdata(np.repeat(values, drawn)) for values in (one, other))
        a, b = a - a.mean(), b - b.mean()
        scale = float(np.sqrt((a @ a) * (b @ b)))
        found.append(float(a @ b) / scale if scale > 0 else np.nan)
    return np.array(found)


def _probability(said: Said, day: int) -> float:
    if said.probability is not None:
        return said.probability
    days, survival = zip(*said.curve, strict=True)
    return float(np.interp(day, days, survival))


def _live(rows: Sequence[Beside], which: str) -> Live | None:
    pairs = {}
    for one in rows:
        if one.outcome is not None:
            said: Said = getattr(one.both, which)
            predicted = Predicted(
                one.both.name, said.version, said.digest, one.both.task, one.both.therapy, said.probability, said.curve
            )
            pairs[one.holder] = Pair(predicted, one.outcome)
    return live_of(list(pairs.values()))
