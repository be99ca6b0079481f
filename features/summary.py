"""One number from several lesions: of the largest, or over all of them."""

import math
from collections.abc import Callable, Mapping, Sequence

from features.cache import Found


def _spread(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


SUMMARIES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "mean": lambda values: math.fsum(values) / len(values),
    "max": max,
    "spread": _spread,
}
"""By the grammar's word; spread is the population standard deviation, 0 for one lesion."""


def summarise(word: str, item: str, by_lesion: Mapping[str, Found]) -> float | str:
    """A value, or why there is none.

    Lesions without the feature are left out; with none left there is no value.
    """
    found = [by_lesion[lesion][item] for lesion in by_lesion]
    values = [one for one in found if not isinstance(one, str)]
    if not values:
        reason = next(one for one in found if isinstance(one, str))
        return reason if len(found) == 1 else f"none of {len(found)} lesions has it: {reason}"
    try:
        summary = SUMMARIES[word](values)
    except OverflowError:
        summary = math.inf
    return summary if math.isfinite(summary) else f"the {word} over {len(values)} lesions is no finite number"


def change(baseline: float | str, latest: float | str) -> float | str:
    """Relative change, (latest - baseline) / |baseline|, or why there is none."""
    if isinstance(baseline, str):
        return f"at baseline: {baseline}"
    if isinstance(latest, str):
        return f"at the latest date: {latest}"
    if baseline == 0.0:
        return "a relative change needs a baseline that is not 0"
    relative = (latest - baseline) / abs(baseline)
    return relative if math.isfinite(relative) else "the relative change is no finite number"
