"""What a model answers: predictions for each therapy, with interval, reasons and applicability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from models.effects.answers import Comparison


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval; an end that is not bounded is None."""

    lower: float | None
    upper: float | None
    level: float
    """How often it is meant to hold, e.g. 0.9."""


@dataclass(frozen=True, slots=True)
class OutcomeSet:
    """Which of response and no response the patient's truth is among, as often as the level says."""

    response: bool
    no_response: bool
    level: float
    patients: int
    """Held-out patients on the same therapy that the promise rests on."""


@dataclass(frozen=True, slots=True)
class LowerBound:
    """A day that the time to progression reaches or passes as often as the level says."""

    days: float
    level: float
    patients: int
    """Held-out patients on the same therapy that the promise rests on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Response to a therapy."""

    probability: float
    """Calibrated, in (0, 1)."""
    interval: Interval | None
    likely: OutcomeSet | None = None
    """None where the model brings none."""


@dataclass(frozen=True, slots=True)
class Progression:
    """Time to progression: a curve that starts at day 0 with 1 and never rises."""

    time_days: tuple[int, ...]
    survival: tuple[float, ...]
    lower: tuple[float, ...] | None
    upper: tuple[float, ...] | None
    median_days: float | None
    """None when the curve does not reach one half within the horizon."""
    median_interval: Interval | None
    restricted_mean_days: float
    """Area under the curve up to the horizon."""
    restricted_mean_interval: Interval | None
    horizon_days: float
    at_risk: tuple[int, ...] | None = None
    """Training patients given this therapy who were still followed without the event, at each of `time_days`."""
    lower_bound: LowerBound | None = None
    """None where the model brings none."""


@dataclass(frozen=True, slots=True)
class Risk:
    """Risk of progression without a time: of a version that brings no baseline hazard."""

    log_hazard_ratio: float
    """Higher is worse; its zero is the version's own, so only differences within one version mean something."""


class Contribution(NamedTuple):
    """How far one column moved the prediction from the average training patient."""

    column: str
    value: float | str | None
    unit: str
    contribution: float
    scale: str
    """`log-odds of response` or `log-hazard of progression`; above 0 raises it."""
    percentile: float | None = None
    """Share of training patients with a lower value, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """What all columns of one kind contribute together."""

    group: str
    """One of `models.reasons.GROUPS`."""
    contribution: float
    """On the scale of the contributions."""


@dataclass(frozen=True, slots=True)
class SimilarPatient:
    """One patient of the training cohort, and what came of the therapy that was given."""

    distance: float
    """1 is the typical distance between two patients of the cohort."""
    therapy: str
    responded: bool | None
    """None for a model of progression."""
    time_days: int | None
    """To the event or to censoring, in whole weeks; None for a model of an outcome."""
    event: bool | None


@dataclass(frozen=True, slots=True)
class Applicability:
    """How far the patient is from those that the model learned from."""

    status: Literal["inside", "outside", "unknown"]
    distance_percentile: float
    """Share of training patients nearer to the cohort's centre, 0 to 1."""
    outside_range: tuple[str, ...]
    imputed: tuple[str, ...]
    embedding_percentile: float | None = None
    """The same share over the image embedding alone; None where the version, or the case, has none."""
    feature_percentile: float | None = None
    """Over all other number columns; None for a model without an image embedding."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know before relying on an answer."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model says of one therapy; `outcome`, `progression` or `risk` is there, or none where it is withheld."""

    therapy: str
    outcome: Outcome | None
    progression: Progression | None
    contributions: Sequence[Contribution]
    """All columns, largest magnitude first."""
    applicability: Applicability
    notices: tuple[Notice, ...]
    groups: tuple[ReasonGroup, ...] = ()
    """All contributions, summed by kind."""
    risk: Risk | None = None

    @property
    def told(self) -> bool:
        """Whether anything is predicted, and not withheld."""
        return self.outcome is not None or self.progression is not None or self.risk is not None


@dataclass(frozen=True, slots=True)
class Difference:
    """One option minus the reference, by one model."""

    therapy: str
    reference_therapy: str
    probability: float | None
    probability_interval: Interval | None
    restricted_mean_days: float | None
    restricted_mean_interval: Interval | None
    median_days: float | None
    """None unless both medians are known."""
    log_hazard_ratio: float | None = None
    """Where the model gives risk alone."""
    population: Comparison | None = None
    """What the training cohort as a whole says of the two; None where the version brings no comparison."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model says of one case."""

    predictions: tuple[Prediction, ...]
    """In the order of the therapies asked."""
    differences: tuple[Difference, ...]
    """Against the reference therapy; none where no reference was asked."""
