"""Several families' engines over one design: each scores its own terms, and the answer is the mean of their answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.types import Floats
from models.families.family import Engine, OutcomeScores, ProgressionScores, Scores
from models.families.members import Member, named, steepness
from models.plain import dumps

FILE = "blend.json"


@dataclass(frozen=True, slots=True)
class BlendFile:
    """What `blend.json` holds."""

    members: tuple[Member, ...]


class BlendEngine:
    """Members that are ready to score, each as much as any other."""

    def __init__(self, content: BlendFile, engines: Sequence[Engine]) -> None:
        self._content = content
        self.engines = tuple(engines)
        self._at: list[NDArray[np.intp]] = [np.array(one.terms, dtype=np.intp) for one in content.members]

    @property
    def members(self) -> list[tuple[str, Engine]]:
        """Family and engine of each."""
        return [(one.family, engine) for one, engine in zip(self._content.members, self.engines, strict=True)]

    def seen(self, X: Floats, member: int) -> Floats:
        """Design rows as one member sees them, (n, its terms), of those of the whole, (n, terms)."""
        return X[:, self._at[member]]

    def score(self, X: Floats) -> Scores:
        """Means of the members' log-odds, or of their log cumulative hazards on each day.

        A replicate is the mean of the members' of that index, moved by how far one member, each in turn, lies from the
        mean of all: members that disagree tell that the answer hangs on which were taken.
        """
        said = [engine.score(self.seen(X, index)) for index, engine in enumerate(self.engines)]
        odds = [one for one in said if isinstance(one, OutcomeScores)]
        if odds:
            by = [one.calibration for one in self._content.members]
            each = np.stack([how.apply(one.log_odds) for how, one in zip(by, odds, strict=True)])
            spread = np.stack([how.apply(one.replicates) for how, one in zip(by, odds, strict=True)]).mean(axis=0)
            mean: Floats = each.mean(axis=0)
            return OutcomeScores(mean, spread + _in_turn(each - mean, len(spread)))
        hazards = [one for one in said if isinstance(one, ProgressionScores)]
        each = np.stack([one.cumulative_hazard for one in hazards])
        spread, mean = _geometric_mean(np.stack([one.replicates for one in hazards])), _geometric_mean(each)
        moves = np.divide(each, mean, out=np.ones_like(each), where=mean > 0)
        moved: Floats = np.maximum.accumulate(spread * _in_turn(moves, len(spread)), axis=-1)  # else it may fall
        return ProgressionScores(mean, moved)

    def contributions(self, X: Floats) -> Floats:
        """Means of the members' shares of each term; a term that a member does not take has none of it there."""
        shares = np.zeros(X.shape)
        for index, (member, engine) in enumerate(zip(self._content.members, self.engines, strict=True)):
            rows = self.seen(X, index)
            own = engine.contributions(rows) - np.array(member.centre)
            shares[:, self._at[index]] += steepness(member.calibration, own, engine, rows) * own
        return shares / len(self.engines)

    def files(self) -> dict[str, bytes]:
        """`blend.json`, and each member's files behind its name."""
        found = {FILE: dumps(self._content)}
        for member, engine in zip(self._content.members, self.engines, strict=True):
            found |= {named(member.family, name): content for name, content in engine.files().items()}
        return found


def _in_turn(moves: Floats, count: int) -> Floats:
    """One member's, (members, ...), for each of so many replicates."""
    return moves[np.arange(count) % len(moves)]


def _geometric_mean(parts: Floats) -> Floats:
    """The mean of (parts, ...) on the scale of logarithms; 0 where one of them is 0, as all are on day 0."""
    logs = np.log(parts, out=np.full(parts.shape, -np.inf), where=parts > 0)
    mean: Floats = np.exp(logs.mean(axis=0))
    return mean
