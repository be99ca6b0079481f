"""Every family by task and name, and which are tried unasked: what can be said before an engine is loaded."""

from collections.abc import Iterable

from models.families.target import Task

TASKS: tuple[Task, ...] = ("outcome", "progression")
TRIED: tuple[tuple[Task, str], ...] = (
    ("outcome", "xgboost"),
    ("progression", "cox"),
    ("outcome", "fusion"),
    ("progression", "fusion"),
    ("outcome", "ordinal"),
    ("outcome", "blend"),
    ("progression", "blend"),
)
"""What an evaluation tries where no family is named; the others cost time, and are for those who ask for them."""
FAMILIES: tuple[tuple[Task, str], ...] = (
    *TRIED,
    ("progression", "weibull"),
    ("progression", "log_normal"),
    ("progression", "cox_net"),
    ("progression", "xgboost_cox"),
    ("progression", "xgboost_aft"),
    ("progression", "competing"),
    ("outcome", "ordinal_by_therapy"),
    ("outcome", "xgboost_by_therapy"),
    ("progression", "cox_by_therapy"),
    ("progression", "xgboost_cox_by_therapy"),
)
STANDING = "blend"
"""The family that stands among several that are tried, unless another beats it beyond chance."""


def standing(names: Iterable[str]) -> str | None:
    """The one of these families that stands unless it is beaten; None where all are judged alike."""
    return STANDING if STANDING in names else None
