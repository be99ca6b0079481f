"""The stated mechanism: how covariates, tumour and therapy make response and time to progression.

Response to therapy a has log-odds
    baseline_a + age + ecog + stage + pdl1_a + sum over image factors of weight_a x factor
and time to progression is Weibull with proportional hazards, whose log-hazard has the same
terms with weights of its own. Image factors act differently by therapy: fine, strongly
heterogeneous tumours do well under immunotherapy and badly under chemotherapy, and so on.
Nothing here is a claim about real tumours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import integrate

from models.simulation.patient import THERAPIES, Covariates, size_score
from models.simulation.tumour import Tumour

HORIZON_DAYS = 730.0
"""Up to which `truth.csv` gives the restricted mean."""
WEIBULL_SHAPE = 1.25
_SCALE_DAYS = 330.0
_KINSHIP = 0.5
"""Correlation, on the normal scale, of what chance does to response and to time."""


@dataclass(frozen=True, slots=True)
class _Weights:
    """Effects on the log-odds of response, or on the log-hazard of progression, of one therapy."""

    baseline: float
    heterogeneity: float
    texture_scale: float
    necrosis: float
    spiculation: float
    size: float
    pdl1: float


_RESPONSE: Mapping[str, _Weights] = MappingProxyType(
    {
        "chemotherapy": _Weights(-0.1, -1.1, 0.6, -0.4, -0.5, -0.35, 0.0),
        "immunotherapy": _Weights(-0.3, 1.1, -0.6, -0.9, 0.5, -0.25, 0.8),
        "chemoimmunotherapy": _Weights(0.4, 0.2, 0.5, -0.6, 0.0, -0.35, 0.4),
    }
)
_HAZARD: Mapping[str, _Weights] = MappingProxyType(
    {
        "chemotherapy": _Weights(0.15, 0.55, -0.35, 0.3, 0.3, 0.3, 0.0),
        "immunotherapy": _Weights(0.05, -0.55, 0.35, 0.5, -0.25, 0.25, -0.4),
        "chemoimmunotherapy": _Weights(-0.25, -0.1, -0.25, 0.35, 0.05, 0.3, -0.2),
    }
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What would happen under one therapy: the truth that a model estimates."""

    response_probability: float
    scale_days: float
    """Of the Weibull distribution with `WEIBULL_SHAPE`."""

    def survival(self, time_days: float) -> float:
        """Probability of no progression until then."""
        return math.exp(-((time_days / self.scale_days) ** WEIBULL_SHAPE))

    @property
    def median_days(self) -> float:
        """Where the survival is one half."""
        return float(self.scale_days * math.log(2.0) ** (1.0 / WEIBULL_SHAPE))

    def restricted_mean_days(self, horizon_days: float = HORIZON_DAYS) -> float:
        """Area under the survival up to the horizon."""
        return float(integrate.quad(self.survival, 0.0, horizon_days)[0])


def fate(covariates: Covariates, tumour: Tumour, therapy: str) -> Fate:
    """What the mechanism says of one patient under one therapy."""
    log_odds = _sum(_RESPONSE[therapy], covariates, tumour)
    log_odds -= 0.15 * (covariates.age_years - 65) / 10 + 0.4 * (covariates.ecog - 1)
    log_odds -= 0.35 * (covariates.stage == "IV")
    log_hazard = _sum(_HAZARD[therapy], covariates, tumour)
    log_hazard += 0.1 * (covariates.age_years - 65) / 10 + 0.3 * (covariates.ecog - 1)
    log_hazard += 0.3 * (covariates.stage == "IV") + 0.05 * (covariates.smoking_pack_years - 28) / 18
    return Fate(1.0 / (1.0 + math.exp(-log_odds)), _SCALE_DAYS * math.exp(-log_hazard / WEIBULL_SHAPE))


def fates(covariates: Covariates, tumour: Tumour) -> dict[str, Fate]:
    """What would happen under each therapy."""
    return {therapy: fate(covariates, tumour, therapy) for therapy in THERAPIES}


@dataclass(frozen=True, slots=True)
class Course:
    """What was seen under the therapy that was given."""

    response: int
    time_days: int
    event: int
    """1 where progression was seen, 0 where follow-up ended before."""


def draw_course(truth: Fate, rng: np.random.Generator) -> Course:
    """Chance on top of the mechanism, and the end of follow-up.

    Responders tend to progress later than the mechanism alone says (a Gaussian copula), while
    both keep the distribution of their fate. Follow-up ends with the study (300 to 1300 days)
    or when a patient is lost (about one in six within two years), whatever the disease does.
    """
    shared, own = rng.standard_normal(2)
    kin = _KINSHIP * shared + math.sqrt(1.0 - _KINSHIP**2) * own
    response = int(_below(shared) > 1.0 - truth.response_probability)
    lasting = _below(kin)
    progression = truth.scale_days * (-math.log1p(-lasting)) ** (1.0 / WEIBULL_SHAPE)
    follow_up = min(float(rng.uniform(300.0, 1_300.0)), float(rng.exponential(4_000.0)))
    event = int(progression <= follow_up)
    return Course(response, max(1, math.ceil(min(progression, follow_up))), event)


def _below(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _sum(weights: _Weights, covariates: Covariates, tumour: Tumour) -> float:
    """Each factor is centred and divided by its spread in the simulated cohort."""
    return (
        weights.baseline
        + weights.heterogeneity * (tumour.heterogeneity_hu - 35.5) / 17.0
        + weights.texture_scale * (math.log(tumour.texture_scale_mm) - 0.80) / 0.46
        + weights.necrosis * (tumour.necrosis - 0.23) / 0.15
        + weights.spiculation * (tumour.spiculation - 0.5) / 0.29
        + weights.size * size_score(tumour)
        + weights.pdl1 * (covariates.pdl1_percent - 30) / 26
    )
