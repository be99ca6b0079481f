"""Which features may be learned from, for they are stable: what a version tells of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import BadCohort, BrokenFile

if TYPE_CHECKING:
    from models.families.columns import ColumnSpec

LEAST = 0.75
"""The lower limit of a feature that is kept: good agreement or better, by Koo and Li, J Chiropr Med 15 (2016) 155.

Zwanenburg et al. ask for 0.90. With about thirty patients the lower limit itself lies well below the ICC, and the limit
is what is asked of here; 0.90 can be asked for.
"""
PATIENTS = 30
"""Drawn from a cohort where it has more."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well repeated measurements of one feature agreed."""

    feature: str
    icc: float | None
    """ICC(1,1); None where it could not be told: too few patients had it each time, or it never varied."""
    lower: float | None
    """Of its 95 % confidence interval."""

    def __post_init__(self) -> None:
        right = (self.icc is None) == (self.lower is None)
        if right and self.icc is not None and self.lower is not None:
            right = self.lower <= self.icc <= 1.0
        if not self.feature or not right:
            raise BrokenFile(f"the agreement of {self.feature or 'a feature'} is none; wanted lower <= icc <= 1")

    def reaches(self, least: float) -> bool:
        """Whether the lower limit is as high as wanted."""
        return self.lower is not None and self.lower >= least


@dataclass(frozen=True, slots=True)
class StabilityCheck:
    """What is asked of features before any is learned from."""

    perturbations: int = 5
    """Of each patient's scans; not used where a table is given."""
    table: Path | None = None
    """Agreements that were measured before, CSV."""
    least: float = LEAST
    patients: int = PATIENTS

    def __post_init__(self) -> None:
        if self.table is None and (self.perturbations < 2 or self.patients < 3):
            raise BadCohort(
                f"{self.perturbations} perturbations of {self.patients} patients; wanted 2 or more of 3 or more",
                perturbations=self.perturbations,
                patients=self.patients,
            )
        if not 0.0 <= self.least <= 1.0:
            raise BadCohort(f"a least ICC of {self.least:g}; wanted 0 to 1", least=self.least)


@dataclass(frozen=True, slots=True)
class Stability:
    """What was seen of all image features of a cohort, and what of it was asked."""

    least: float
    """Lower limit of the ICC from which a feature was kept."""
    perturbations: int
    """0 where the agreements came in a table."""
    patients: int
    """Whose scans were perturbed; 0 where the agreements came in a table."""
    agreements: tuple[Agreement, ...]
    """Of every image feature that was offered, kept or dropped."""

    def __post_init__(self) -> None:
        if len({one.feature for one in self.agreements}) != len(self.agreements):
            raise BrokenFile("an agreement of the same feature stands twice")

    @property
    def kept(self) -> tuple[Agreement, ...]:
        """Of those that were learned from."""
        return tuple(one for one in self.agreements if one.reaches(self.least))

    @property
    def dropped(self) -> tuple[Agreement, ...]:
        """Of the others, those that could not be judged among them."""
        return tuple(one for one in self.agreements if not one.reaches(self.least))

    def of(self, features: Iterable[str]) -> tuple[Agreement, ...]:
        """Of these features, the least stable first."""
        wanted = set(features)
        return tuple(sorted((one for one in self.kept if one.feature in wanted), key=lambda one: one.lower or 0.0))


def judged(columns: Sequence["ColumnSpec"]) -> list[str]:
    """Columns that are measured in images; of the others nothing is asked."""
    return [spec.name for spec in columns if spec.kind == "number" and not spec.name.startswith("clinical.")]


def in_words(of: Stability) -> str:
    """How it was found and what came of it, two sentences for a card and a terminal."""
    how = (
        f"{of.perturbations} perturbations (noise, position, volume and outline) of the scans of {of.patients} patients"
        if of.perturbations
        else "a table that was given"
    )
    unknown = sum(one.icc is None for one in of.dropped)
    said = f", {unknown} of which could not be judged" if unknown else ""
    verb = "is" if len(of.dropped) == 1 else "are"
    return (
        f"{len(of.kept)} of {len(of.agreements)} image features are stable: the lower 95 % limit of ICC(1,1) is "
        f"{of.least:g} or more, by {how}. The other {len(of.dropped)} {verb} not learned from{said}; "
        "no outcome was looked at."
    )
