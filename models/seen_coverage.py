"""How often each family's 90 % intervals were seen to hold the truth, where the truth is known.

`python -m tests.benchmarks coverage`, on six simulated cohorts of 200 patients that nothing was chosen on (seeds 9401
to 9406), each model judged on another cohort's patients under every therapy; standard errors of 1 to 4 points. To be
renewed whenever a family changes. Those of fusion were seen with the encoder before the present one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.families.target import Task

_LEVEL = 90
_SHORT = 3
"""Points below the level from which an interval is called too narrow."""


@dataclass(frozen=True, slots=True)
class SeenCoverage:
    """Shares of patients, in percent."""

    estimate: int
    """Of the probability of response, or of the restricted mean."""
    difference: int
    """Of its difference between two therapies."""


SEEN: Mapping[tuple[Task, str], SeenCoverage] = MappingProxyType(
    {
        ("outcome", "xgboost"): SeenCoverage(87, 82),
        ("outcome", "ordinal"): SeenCoverage(88, 86),
        ("outcome", "fusion"): SeenCoverage(90, 87),
        ("outcome", "blend"): SeenCoverage(88, 84),
        ("outcome", "ordinal_by_therapy"): SeenCoverage(87, 84),
        ("outcome", "xgboost_by_therapy"): SeenCoverage(90, 83),
        ("progression", "cox"): SeenCoverage(82, 77),
        ("progression", "fusion"): SeenCoverage(87, 82),
        ("progression", "blend"): SeenCoverage(80, 78),
        ("progression", "cox_by_therapy"): SeenCoverage(83, 82),
        ("progression", "xgboost_cox_by_therapy"): SeenCoverage(81, 85),
    }
)


def in_words(task: Task, family: str) -> str:
    """A sentence or two for a card."""
    means = (
        "Its 90 % intervals are as wide as its errors on held-out patients may be, with what all columns might tell "
        "beyond what was learned: "
    )
    if (task, family) not in SEEN:
        return means + "how often they hold the truth was not measured."
    seen = SEEN[task, family]
    what = "true probability" if task == "outcome" else "true restricted mean"
    each = {"estimates": seen.estimate, "differences": seen.difference}
    short = [name for name, held in each.items() if held < _LEVEL - _SHORT]
    warning = f"; **those of {' and of '.join(short)} are too narrow**" if short else ""
    return (
        f"{means}on simulated cohorts of 200 patients, where the truth is known, they held a patient's {what} in "
        f"{seen.estimate} % and the difference between two therapies in {seen.difference} %{warning} "
        "(`tests/benchmarks/README.md`)."
    )
