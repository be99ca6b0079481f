"""Every family by task and name, and which are tried unasked: what can be said before an engine is loaded."""

from models.families.target import Task

TASKS: tuple[Task, ...] = ("outcome", "progression")
TRIED: tuple[tuple[Task, str], ...] = (
    ("outcome", "xgboost"),
    ("progression", "cox"),
    ("outcome", "fusion"),
    ("progression", "fusion"),
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
    ("outcome", "ordinal"),
    ("outcome", "blend"),
    ("progression", "blend"),
    ("outcome", "ordinal_by_therapy"),
    ("outcome", "xgboost_by_therapy"),
    ("progression", "cox_by_therapy"),
    ("progression", "xgboost_cox_by_therapy"),
)
