"""Every family, by task and by its name on the command line, and which of them are tried unasked."""

from collections.abc import Mapping
from types import MappingProxyType

from models.errors import BadSignature
from models.families.aft_progression import AcceleratedProgression
from models.families.blend import Blend
from models.families.by_therapy import ByTherapy
from models.families.combat import Unseen
from models.families.competing_progression import CompetingProgression
from models.families.cox_net import CoxNet
from models.families.cox_progression import CoxProgression
from models.families.family import Family, Searchable
from models.families.fusion import Fusion
from models.families.harmonised import Harmonised
from models.families.ordinal_outcome import OrdinalOutcome
from models.families.recalibrated import Recalibrated
from models.families.search import Searching
from models.families.target import Task
from models.families.xgboost_outcome import XGBoostOutcome
from models.families.xgboost_progression import XGBoostProgression

_WEIBULL = AcceleratedProgression("weibull", "extreme")
_XGBOOST_COX = XGBoostProgression("xgboost_cox", "survival:cox")
_XGBOOST_AFT = XGBoostProgression("xgboost_aft", "survival:aft")
_TRIED: tuple[Family, ...] = (
    XGBoostOutcome(),
    CoxProgression(),
    Fusion("outcome"),
    Fusion("progression"),
    OrdinalOutcome(),
    Blend("outcome", (XGBoostOutcome(), OrdinalOutcome())),
    Blend("progression", (CoxProgression(), _WEIBULL, _XGBOOST_COX, _XGBOOST_AFT)),
)
_NAMED: tuple[Family, ...] = (
    _WEIBULL,
    AcceleratedProgression("log_normal", "normal"),
    CoxNet(),
    _XGBOOST_COX,
    _XGBOOST_AFT,
    CompetingProgression(),
    ByTherapy("ordinal_by_therapy", OrdinalOutcome()),
    ByTherapy("xgboost_by_therapy", XGBoostOutcome()),
    ByTherapy("cox_by_therapy", CoxProgression()),
    ByTherapy("xgboost_cox_by_therapy", _XGBOOST_COX),
)
FAMILIES: Mapping[tuple[Task, str], Family] = MappingProxyType({(one.task, one.name): one for one in _TRIED + _NAMED})
TRIED: Mapping[tuple[Task, str], Family] = MappingProxyType({(one.task, one.name): one for one in _TRIED})
"""What an evaluation tries where no family is named; the others cost time, and are for those who ask for them."""


def stratified(family: Family, column: str | None) -> Family:
    """The same family, with a baseline for each value of a column; as it is for None.

    Raises:
        BadSignature: The family knows no strata.
    """
    if column is None:
        return family
    if not isinstance(family, CoxNet):
        raise BadSignature(f"{family.name} knows no strata; {CoxNet.name} does")
    return CoxNet(column)


def searched(family: Family, searching: Searching | None) -> Family:
    """The same family, its settings searched inside each fit; as it is for None.

    Raises:
        BadSignature: The family has no settings that can be searched.
    """
    if searching is None:
        return family
    if not isinstance(family, Searchable):
        able = ", ".join(sorted({one.name for one in FAMILIES.values() if isinstance(one, Searchable)}))
        raise BadSignature(f"{family.name} has no settings to search; {able} have")
    return family.searched(searching)


def recalibrated(family: Family, *, wanted: bool = True, inner: Family | None = None) -> Family:
    """The same family, its hazards recalibrated by inner folds; as it is where that is not wanted.

    Raises:
        BadSignature: It is a family of an outcome.
    """
    if not wanted:
        return family
    if family.task != "progression":
        raise BadSignature("recalibration is of a time to progression; models of an outcome are calibrated as they are")
    return Recalibrated(family, inner)


def harmonised(family: Family, column: str | None, unseen: Unseen = "refuse") -> Family:
    """The same family on features that ComBat maps by the sites of a column; as it is for None."""
    return family if column is None else Harmonised(family, column, unseen)


def family_of(task: Task, name: str) -> Family:
    """The family of that name for that task.

    Raises:
        BadSignature: There is none.
    """
    if (task, name) not in FAMILIES:
        known = sorted(known for of, known in FAMILIES if of == task)
        raise BadSignature(f"no family {name[:64]!r} for {task}; known: {', '.join(known)}")
    return FAMILIES[task, name]
