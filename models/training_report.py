"""All that is told of one training: who was learned from, how, and what came of it."""

from dataclasses import dataclass

from models.cohort_facts import CohortFacts
from models.effects.answers import Comparison
from models.families.columns import ColumnSpec
from models.families.search import Searched
from models.families.target import Task
from models.figures import LEADING, Figure, Subgroup
from models.grades import GradeFigure
from models.leakage.score import implausibly_high
from models.recalibration import Mended
from models.redundancy import Redundancy
from models.selective import Answered
from models.stability.stable import Stability
from models.table import LeftOut

FEWEST_FOR_A_CLAIM = 100


@dataclass(frozen=True, slots=True)
class Lacking:
    """A column that some training patients have no value of."""

    column: str
    share: float
    """Of the training patients, without a value."""
    counted: bool
    """Whether it counts in the model that the value is missing; else something typical stands in, and no more."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a card and a terminal show of one training."""

    name: str
    task: Task
    family: str
    facts: CohortFacts
    patients: int
    positives: int
    """With response, or with the event seen."""
    left_out: tuple[LeftOut, ...]
    """Patients who could not be measured."""
    notices: tuple[str, ...]
    folds: int
    seed: int
    figures: tuple[Figure, ...]
    subgroups: tuple[Subgroup, ...]
    offered: int
    """Columns that could have been learned from."""
    columns: tuple[ColumnSpec, ...]
    """Columns that the final model takes."""
    lacking: tuple[Lacking, ...]
    """Of these columns, those that some patients have no value of; the most often missing first."""
    needed_scans: tuple[tuple[str, ...], ...]
    """As in the recipe."""
    therapies: tuple[str, ...]
    by_therapy: tuple[tuple[str, int, int], ...]
    """Therapy, patients, positives."""
    method: str
    harmonised: str
    """By what image features were brought onto one scale, a sentence; empty where they were not."""
    profile_digest: str
    encoder_identity: str
    """Empty where none is used."""
    search: Searched | None = None
    """How the settings were found; None where they are the family's fixed ones."""
    recalibration: Mended | None = None
    """How the hazards stood before and after; None where they were not recalibrated."""
    comparisons: tuple[Comparison, ...] = ()
    """Each pair of therapies, over the cohort."""
    grades: tuple[GradeFigure, ...] = ()
    """Each class of response; none but of an ordinal model on recorded grades."""
    coverage: tuple[Answered, ...] = ()
    """What is gained by not answering those furthest from the cohort."""
    redundancy: Redundancy | None = None
    """Which image features stand for volume; None where there are none."""
    stability: Stability | None = None
    """Which image features were stable enough to learn from; None where nothing was asked."""
    accepted_score: str = ""
    """Why a score that is too high for the cohort's size is believed; empty where nobody said."""

    @property
    def positive_word(self) -> str:
        """What a positive is."""
        return "with response" if self.task == "outcome" else "with the event seen"

    @property
    def protocol(self) -> str:
        """How the figures came to be, in a line."""
        return f"{self.folds}-fold cross-validation by patient; 95 % intervals by bootstrap over patients"

    @property
    def claims_accuracy(self) -> bool:
        """Whether there are enough real patients to say anything of accuracy."""
        return self.patients >= FEWEST_FOR_A_CLAIM and not self.facts.simulated

    @property
    def leading(self) -> Figure | None:
        """The figure that a list shows."""
        return self.figure(LEADING[self.task], "model")

    @property
    def suspicious(self) -> bool:
        """Better than honest models on few patients are: probably a leak. Simulated patients may be that easy."""
        leading = self.leading
        if leading is None or self.facts.simulated:
            return False
        return implausibly_high(leading.estimate.value, self.patients)

    def figure(self, name: str, of: str) -> Figure | None:
        """One figure, where there is one."""
        return next((figure for figure in self.figures if (figure.name, figure.of) == (name, of)), None)
