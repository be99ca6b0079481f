"""The honest report of a table: who was in it, and how good each predictor is on patients that it had not seen."""

from dataclasses import dataclass

from models.effects.answers import Comparison
from models.families.target import Task
from models.figures import LEADING, Figure, Subgroup
from models.leakage.score import implausibly_high
from models.measures.net_benefit import NetBenefit
from models.redundancy import Redundancy
from models.selective import Answered
from models.stability.stable import Stability


@dataclass(frozen=True, slots=True)
class Choice:
    """Which family the inner folds of one outer fold chose."""

    fold: int
    """From 1."""
    family: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much was looked at."""

    patients: int
    positives: int
    """With response, or with the event seen."""
    clinical_columns: int
    image_columns: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """All that `evaluate` tells."""

    task: Task
    label: str
    """Header of the outcome or of the event."""
    sizes: Sizes
    folds: int
    seed: int
    protocol: str
    choices: tuple[Choice, ...]
    figures: tuple[Figure, ...]
    decision_curve: tuple[NetBenefit, ...]
    decision_day: int | None
    """The day by which the decision curve counts events; None for an outcome."""
    subgroups: tuple[Subgroup, ...]
    comparisons: tuple[Comparison, ...]
    """Every other therapy against the reference; none where no reference was asked."""
    notices: tuple[str, ...]
    redundancy: Redundancy | None = None
    """Which image features stand for volume; None where there are none."""
    coverage: tuple[Answered, ...] = ()
    """What is gained by not answering those furthest from the patients whom a fold's model learned from."""
    stability: Stability | None = None
    """Which image features were stable enough to learn from; None where nothing was asked."""

    @property
    def suspicious(self) -> bool:
        """Whether the chosen model is better than honest models on so few patients are."""
        found = next((one for one in self.figures if (one.name, one.of) == (LEADING[self.task], "model")), None)
        return found is not None and implausibly_high(found.estimate.value, self.sizes.patients)
