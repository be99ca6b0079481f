"""What a comparison of two therapies over a population says; plain data, which travels inside a model version."""

from dataclasses import dataclass
from typing import Literal

Quantity = Literal["probability", "restricted_mean", "survival"]
Verdict = Literal["sufficient", "weak", "refused"]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A value with its interval at the comparison's level."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """As people read it."""
        digits = 3 if abs(self.value) < 10 else 1
        return f"{self.value:.{digits}f} ({self.lower:.{digits}f} to {self.upper:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why overlap is weak, or a comparison is refused."""

    name: str
    """For machines: FEW_PATIENTS, NOBODY_TREATED, NO_OVERLAP, FEW_EFFECTIVE, IMBALANCE."""
    message: str


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How unlike the two groups are in one column: difference of means in pooled standard deviations."""

    column: str
    before: float
    after: float
    """Once each patient is weighted by the inverse of the propensity."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Whether patients like each other were given both therapies."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    option_patients: int
    reference_patients: int
    option_effective: float
    """Effective sample size once weighted: (sum of weights)^2 / sum of squared weights."""
    reference_effective: float
    least_propensity: float
    """Of getting the option, over all patients."""
    largest_propensity: float
    imbalance: tuple[Imbalance, ...]
    """The columns most unlike, worst first."""


@dataclass(frozen=True, slots=True)
class Learner:
    """Another way to the same difference, and to a policy: who should be given the option."""

    name: Literal["unadjusted", "T", "S", "DR"]
    difference: Estimated | None
    """Mean difference over the population; None where there is no interval for it."""
    policy_value: Estimated | None
    """What would be reached if each got what the learner advises, judged on patients it had not learned from."""
    policy_share: float | None
    """Of patients whom the learner advises the option."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One quantity under both therapies, over the patients who were given either."""

    quantity: Quantity
    day: float | None
    """Horizon, in the table's unit of time; None for a probability."""
    option: Estimated
    reference: Estimated
    difference: Estimated
    """Doubly robust: cross-fitted augmented inverse propensity weighting."""
    e_value: float
    """How strongly, as a risk ratio, an unmeasured confounder would have to go with both therapy and result to explain
    the difference away; 1 for no strength at all."""
    e_value_of_limit: float
    """The same for the end of the interval nearer to no difference."""
    learners: tuple[Learner, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One therapy against the reference."""

    therapy: str
    reference: str
    group: str
    """Which patients, e.g. `her2: 0`; empty for all."""
    evidence: str
    """`randomised`, `observational` or `simulated`: how therapies were given."""
    level: float
    """Of the intervals."""
    overlap: Overlap
    effects: tuple[Effect, ...]
    """None where the comparison is refused."""
