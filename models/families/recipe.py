"""All that is plain of a fitted model: columns, design, calibration; checked once, at birth."""

from dataclasses import dataclass

from models.assurance import UNASSURED, Assurance
from models.calibration import Calibration
from models.errors import BrokenFile
from models.families.columns import THERAPY, ColumnSpec
from models.families.combat import Harmonisation
from models.families.design import Design, Term
from models.families.scans import scan_of
from models.families.search import Searched
from models.families.target import Task
from models.recalibration import HazardCalibration

MOST_REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Architecture:
    """The fusion network, as far as its weights do not say."""

    members: int
    """Networks in the ensemble, each trained on its own draw of patients."""
    radiomics: tuple[int, ...]
    """Design columns that enter the radiomics branch."""
    embedding: tuple[int, ...]
    clinical: tuple[int, ...]
    therapies: int
    """Number of therapy columns, the last of the design; 0 where the model knows none."""
    hidden: int
    """Width of each branch."""
    outputs: int
    """1 for an outcome; for progression, the intervals of time."""
    breaks_days: tuple[float, ...]
    """Ends of these intervals, ascending; empty for an outcome."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is plain of a fitted model; with its data files, all of it."""

    family: str
    task: Task
    columns: tuple[ColumnSpec, ...]
    """Raw columns, in order; `therapy` is not among them."""
    therapies: tuple[str, ...]
    """What it can be asked about; none where it knows no therapy."""
    design: Design
    calibration: Calibration
    """Of the log-odds; for progression of the log cumulative hazard at the horizon (`models.recalibration`)."""
    time_days: tuple[int, ...]
    """Where the survival curve is given, starting at 0; empty for an outcome."""
    replicates: int
    centre: tuple[float, ...]
    """Mean share of each raw column, and of the therapy last, over the training patients."""
    architecture: Architecture | None
    method: str
    """How it was fitted, in a sentence or two, for the card."""
    needed_scans: tuple[tuple[str, ...], ...] = ()
    """`<scan>.<when>`: a case without any value of one scan of each group is refused (`models.families.scans`)."""
    assurance: Assurance = UNASSURED
    """What held-out patients told of its errors (`models.assure`)."""
    harmonisation: Harmonisation | None = None
    """How features of each site are mapped before all else; None where they are taken as they come."""
    search: Searched | None = None
    """How its settings were found; None where they are the family's fixed ones."""
    recalibration: HazardCalibration | None = None
    """What held-out patients told of its hazards, by which they are recalibrated; None where they are not."""

    def __post_init__(self) -> None:
        for spec in self.columns:
            _check_column(spec)
        names = [spec.name for spec in self.columns]
        if len(set(names)) != len(names) or len(set(self.therapies)) != len(self.therapies):
            raise BrokenFile("the recipe names a column or a therapy twice")
        for index, term in enumerate(self.design.terms):
            self._check_term(index, term)
        if self.harmonisation is not None:
            self._check_harmonisation(self.harmonisation)
        if len(self.centre) != len(self.columns) + 1:
            raise BrokenFile(f"the recipe has {len(self.centre)} centres for {len(self.columns)} columns")
        scans = {scan_of(spec.name) for spec in self.columns}
        if any(not group or not scans.issuperset(group) for group in self.needed_scans):
            raise BrokenFile("the recipe needs a scan that none of its columns comes from")
        rising = all(a < b for a, b in zip(self.time_days, self.time_days[1:], strict=False))
        curve = len(self.time_days) >= 2 and self.time_days[0] == 0 and rising
        if not (curve if self.task == "progression" else self.time_days == ()):
            raise BrokenFile("the recipe's days do not start at 0 and rise, or an outcome has days")
        if self.recalibration is not None and self.task != "progression":
            raise BrokenFile("the recipe recalibrates the hazard of an outcome")
        if self.task == "progression" and self.calibration.kind != "platt":
            raise BrokenFile("the recipe calibrates a time to progression by a curve of probabilities")
        promised = (self.assurance.sets, self.assurance.bounds)
        foreign = promised[self.task == "outcome"] is not None
        if foreign or not self.assurance.covers(len(self.therapies)):
            raise BrokenFile("the recipe's assurance is for another task, or for another number of therapies")
        if not 0 <= self.replicates <= MOST_REPLICATES or self.replicates == 1:
            raise BrokenFile(f"the recipe has {self.replicates} replicates; wanted 0, or 2 to {MOST_REPLICATES}")

    def _check_harmonisation(self, of: Harmonisation) -> None:
        right = 0 <= of.site < len(self.columns) and len(set(of.columns)) == len(of.columns)
        right = right and all(0 <= at < len(self.columns) and self.columns[at].kind == "number" for at in of.columns)
        if not right or len(self.columns[of.site].categories) != len(of.patients):
            raise BrokenFile("the recipe's harmonisation does not fit its columns")

    def _check_term(self, index: int, term: Term) -> None:
        terms, columns = self.design.terms, self.columns
        levels = len(self.therapies)
        if term.kind in ("number", "category"):
            right = 0 <= term.column < len(columns) and columns[term.column].kind == term.kind
            if right and term.kind == "category":
                categories = len(columns[term.column].categories)
                right = 0 <= term.level < categories and term.fill in range(categories)
            right = right and (not term.log or (term.floor > 0 and term.fill > 0))
        elif term.kind == "missing":
            right = 0 <= term.column < len(columns) and not columns[term.column].required
        elif term.kind == "therapy":
            right = term.column == len(columns) and 0 <= term.level < levels
        else:
            right = 0 <= term.of < index and terms[term.of].kind in ("number", "category")
            right = right and 0 <= term.level < levels and term.column == terms[term.of].column
        if not right or term.scale <= 0 or term.lower > term.upper:
            raise BrokenFile(f"term {index} of the recipe's design does not fit its columns", term=index)


def _check_column(spec: ColumnSpec) -> None:
    if spec.name == THERAPY or not spec.name:
        raise BrokenFile("the recipe has a column without a name, or takes the therapy for one")
    if spec.kind == "category":
        right = len(set(spec.categories)) == len(spec.categories) >= 2 and spec.impute in spec.categories
    else:
        right = isinstance(spec.impute, float) and not spec.categories
        right = right and spec.training_lower is not None and spec.training_upper is not None
    if not right:
        raise BrokenFile(f"column {spec.name} of the recipe is incomplete", column=spec.name)
