"""An engine for each therapy over one design: each scores its own terms of the patients who are given its therapy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.errors import BadCohort, BrokenFile
from models.families.design import Design
from models.families.family import Engine, OutcomeScores, ProgressionScores, Scores
from models.families.members import Member, named, recipe_of, steepness
from models.families.recipe import Recipe
from models.plain import dumps

FILE = "by_therapy.json"


@dataclass(frozen=True, slots=True)
class Arm:
    """What is plain of one therapy's own model, beside its files; therapies are in the recipe's order."""

    model: Member
    time_days: tuple[int, ...]
    """Where its own curve is given; empty for an outcome."""

    def __post_init__(self) -> None:
        days = self.time_days
        if days and (days[0] != 0 or len(days) < 2 or any(a >= b for a, b in pairwise(days))):
            raise BrokenFile(f"{FILE}: an arm's days do not start at 0 and rise")


@dataclass(frozen=True, slots=True)
class ByTherapyFile:
    """What `by_therapy.json` holds."""

    arms: tuple[Arm, ...]


class ByTherapyEngine:
    """A model for each therapy, ready to score; one for all where no therapy is known.

    Hazards of an arm must be proportional, so that a column's share does not depend on the day.
    """

    def __init__(self, content: ByTherapyFile, engines: Sequence[Engine], whole: Design, days: Sequence[int]) -> None:
        """Takes the parts.

        Args:
            content: Of the arms.
            engines: Theirs.
            whole: The design of all arms together.
            days: Where the whole model's curve is given; empty for an outcome.

        Raises:
            BrokenFile: An arm ends before the whole model's curve.
        """
        if any(days and (not arm.time_days or arm.time_days[-1] < days[-1]) for arm in content.arms):
            raise BrokenFile(f"{FILE}: an arm is known for less long than the whole curve")
        self._content = content
        self._engines = tuple(engines)
        self._terms: list[NDArray[np.intp]] = [np.array(arm.model.terms, dtype=np.intp) for arm in content.arms]
        chosen = [index for index, term in enumerate(whole.terms) if term.kind == "therapy"]
        self._chosen = np.array(sorted(chosen, key=lambda index: whole.terms[index].level), dtype=np.intp)
        self._days = np.array(days, dtype=np.float64)

    @property
    def members(self) -> list[tuple[str, Engine]]:
        """Each arm's engine, by the name before its files."""
        return [(arm_name(index), engine) for index, engine in enumerate(self._engines)]

    def seen(self, X: Floats, member: int) -> Floats:
        """Design rows as one arm sees them, (n, its terms), of those of the whole, (n, terms)."""
        return X[:, self._terms[member]]

    def score(self, X: Floats) -> Scores:
        """Each row by the arm of its therapy; replicates by their index, for arms share no patient."""
        said = [(rows, self._said(X[rows], arm)) for arm, rows in self._rows(X)]
        outcome = [(rows, one) for rows, one in said if isinstance(one, OutcomeScores)]
        if outcome:
            log_odds = np.empty(X.shape[0])
            replicates = np.empty((outcome[0][1].replicates.shape[0], X.shape[0]))
            for rows, odds in outcome:
                log_odds[rows], replicates[:, rows] = odds.log_odds, odds.replicates
            return OutcomeScores(log_odds, replicates)
        progression = [(rows, one) for rows, one in said if isinstance(one, ProgressionScores)]
        hazard = np.empty((X.shape[0], self._days.size))
        spread = np.empty((progression[0][1].replicates.shape[0], *hazard.shape))
        for rows, one in progression:
            hazard[rows], spread[:, rows] = one.cumulative_hazard, one.replicates
        return ProgressionScores(hazard, spread)

    def contributions(self, X: Floats) -> Floats:
        """Shares of each arm's own columns; the rest, the same for all of an arm, is the therapy's."""
        shares = np.zeros(X.shape)
        for index, rows in self._rows(X):
            arm, engine, own_X = self._content.arms[index], self._engines[index], self.seen(X[rows], index)
            own = engine.contributions(own_X) - np.array(arm.model.centre)
            own = steepness(arm.model.calibration, own, engine, own_X) * own
            shares[np.ix_(rows, self._terms[index])] += own
            if self._chosen.size:
                scores = self._said(X[rows], index)
                whole = scores.log_odds if isinstance(scores, OutcomeScores) else scores.risk
                shares[rows, self._chosen[index]] = (whole - own.sum(axis=1)).mean()
        return shares

    def files(self) -> dict[str, bytes]:
        """`by_therapy.json`, and each arm's files behind its number."""
        found = {FILE: dumps(self._content)}
        for index, engine in enumerate(self._engines):
            found |= {named(arm_name(index), name): content for name, content in engine.files().items()}
        return found

    def _rows(self, X: Floats) -> list[tuple[int, NDArray[np.intp]]]:
        """Arms that are asked, each with the rows of its therapy.

        Raises:
            BadCohort: A row is of no therapy.
        """
        if not self._chosen.size:
            return [(0, np.arange(X.shape[0]))]
        asked = X[:, self._chosen] > 0
        if without := int(np.count_nonzero(~asked.any(axis=1))):
            raise BadCohort(f"{without} rows have no therapy that the model knows; wanted one for each")
        return [(arm, np.flatnonzero(asked[:, arm])) for arm in np.flatnonzero(asked.any(axis=0)).tolist()]

    def _said(self, X: Floats, index: int) -> Scores:
        """Calibrated scores by one arm, on the whole model's days."""
        arm = self._content.arms[index]
        scores = self._engines[index].score(self.seen(X, index))
        if isinstance(scores, OutcomeScores):
            by = arm.model.calibration
            return OutcomeScores(by.apply(scores.log_odds), by.apply(scores.replicates))
        return ProgressionScores(self._on_days(scores.cumulative_hazard, arm), self._on_days(scores.replicates, arm))

    def _on_days(self, hazard: Floats, arm: Arm) -> Floats:
        """Linear between an arm's days, as its baseline is, (..., its days) to (..., days)."""
        own = np.array(arm.time_days, dtype=np.float64)
        after = np.clip(np.searchsorted(own, self._days), 1, own.size - 1)
        part = (self._days - own[after - 1]) / (own[after] - own[after - 1])
        result: Floats = hazard[..., after - 1] * (1 - part) + hazard[..., after] * part
        return result


def arm_name(index: int) -> str:
    """Before the names of an arm's files."""
    return f"therapy{index}"


def recipe_of_arm(arm: Arm, whole: Recipe) -> Recipe:
    """The recipe that an arm is loaded by: it knows no therapy.

    Raises:
        BrokenFile: It takes a term that the design lacks.
    """
    own = recipe_of(arm.model, replace(whole, time_days=arm.time_days))
    if any(term.kind in ("therapy", "interaction") for term in own.design.terms):
        raise BrokenFile(f"{FILE}: an arm takes the therapy, which is its own")
    return replace(own, therapies=())
