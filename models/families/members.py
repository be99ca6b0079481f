"""What families that are made of others share: each member's own terms of one design, and its files beside others'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.types import Floats
from models.applicability import Cohort
from models.calibration import Calibration
from models.errors import BrokenFile
from models.families.columns import THERAPY
from models.families.design import Design, DesignMatrix, Term
from models.families.family import Engine, OutcomeScores
from models.families.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Member:
    """What is plain of one member, beside its own files."""

    family: str
    terms: tuple[int, ...]
    """Which terms of the whole design it takes, in its own order."""
    centre: tuple[float, ...]
    """Mean share of each of its terms over the training patients, before calibration."""
    calibration: Calibration
    """Of its log-odds; hazards are taken as they come."""

    def __post_init__(self) -> None:
        if not self.terms or len(set(self.terms)) != len(self.terms) or len(self.centre) != len(self.terms):
            raise BrokenFile(f"{self.family}, a member, takes no term, or one twice, or has another number of centres")


def union(recipes: Sequence[Recipe], columns: Sequence[str]) -> tuple[Design, list[tuple[int, ...]]]:
    """All terms that any member takes, each once, and which of them each takes, in its own order.

    The same column, centre and fill make the same term: members that screened alike share them.
    """
    at = {name: index for index, name in enumerate((*columns, THERAPY))}
    terms: dict[Term, int] = {}
    taken = []
    for recipe in recipes:
        names = (*(spec.name for spec in recipe.columns), THERAPY)
        own: list[int] = []
        for term in recipe.design.terms:
            of = own[term.of] if term.of >= 0 else -1
            own.append(terms.setdefault(replace(term, column=at[names[term.column]], of=of), len(terms)))
        taken.append(tuple(own))
    return Design(tuple(terms)), taken


def unjudged(design: Design) -> Cohort:
    """A member's cohort, of which nobody asks how far a patient lies from it: the whole model's is asked."""
    width = DesignMatrix(design).number_columns().size
    return Cohort((0.0,) * width, ((0.0,) * width,) * width, (0.0, 1.0), 0)


def named(family: str, file: str) -> str:
    """The name of a member's data file beside those of other members."""
    return f"{family}.{file}"


def files_of(family: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A member's own files under their own names."""
    before = named(family, "")
    return {name.removeprefix(before): content for name, content in files.items() if name.startswith(before)}


def recipe_of(member: Member, whole: Recipe) -> Recipe:
    """The recipe that a member is loaded by: its terms of the whole design, over all columns.

    Raises:
        BrokenFile: It takes a term that the design lacks, or an interaction without what interacts.
    """
    taken = whole.design.terms
    at = {term: own for own, term in enumerate(member.terms)}
    if not all(0 <= term < len(taken) and (taken[term].of < 0 or taken[term].of in at) for term in member.terms):
        raise BrokenFile(f"{member.family}, a member, takes terms that do not fit the design")
    own = [replace(taken[term], of=at[taken[term].of]) if taken[term].of >= 0 else taken[term] for term in member.terms]
    centre = (0.0,) * len(whole.centre)
    return Recipe(
        family=member.family,
        task=whole.task,
        columns=whole.columns,
        therapies=whole.therapies,
        design=Design(tuple(own)),
        calibration=member.calibration,
        time_days=whole.time_days,
        replicates=whole.replicates,
        centre=centre,
        architecture=None,
        method="",
    )


def steepness(calibration: Calibration, own: Floats, engine: Engine, rows: Floats) -> Floats:
    """How much calibrated log-odds differ for each unit of raw ones, (n, 1)."""
    if calibration.kind == "platt":
        return np.full((rows.shape[0], 1), calibration.slope)
    scores = engine.score(rows)
    assert isinstance(scores, OutcomeScores)  # noqa: S101 - only an outcome is calibrated by a curve
    return calibration.steepness(scores.log_odds, scores.log_odds - own.sum(axis=1))[:, None]
