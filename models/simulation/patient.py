"""A simulated patient: covariates, tumours, scanner and the therapy that was given."""

import math
from dataclasses import dataclass

import numpy as np

from models.simulation.scanner import Scanner, draw_scanner
from models.simulation.tumour import MEDIAN_VOLUME_MM3, SPREAD_LOG_VOLUME, Tumour, draw_tumour

THERAPIES = ("chemoimmunotherapy", "chemotherapy", "immunotherapy")
STAGES = ("II", "III", "IV")
_SECOND_TUMOUR = 0.3
_NO_PACK_YEARS = 0.08
_NO_PDL1 = 0.05


@dataclass(frozen=True, slots=True)
class Covariates:
    """What the clinic knows beside the image."""

    age_years: int
    sex: str
    ecog: int
    """Performance status, 0 (well) to 3."""
    stage: str
    smoking_pack_years: int
    pdl1_percent: int
    """Tumour cells that stain for PD-L1, 0 to 100."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One simulated patient, before anything is given."""

    covariates: Covariates
    unrecorded: frozenset[str]
    """Covariates that the cohort's table lacks for this patient."""
    tumours: tuple[Tumour, ...]
    """The largest first; the fate depends on it."""
    scanner: Scanner


def size_score(tumour: Tumour) -> float:
    """Log volume in standard deviations from the simulated cohort's middle."""
    return math.log(tumour.volume_mm3 / MEDIAN_VOLUME_MM3) / SPREAD_LOG_VOLUME


def draw_patient(rng: np.random.Generator) -> Patient:
    """One patient; stage goes with size, PD-L1 and smoking with nothing that the image shows."""
    tumour = draw_tumour(rng)
    second = draw_tumour(rng)
    tumours: tuple[Tumour, ...] = (tumour,)
    if rng.random() < _SECOND_TUMOUR and second.volume_mm3 < 0.8 * tumour.volume_mm3:
        tumours = (tumour, second)
    scanner = draw_scanner(rng)
    covariates = _draw_covariates(tumour, rng)
    lacks_pack_years, lacks_pdl1 = rng.random(2) < (_NO_PACK_YEARS, _NO_PDL1)
    unrecorded = {
        *(("smoking_pack_years",) if lacks_pack_years else ()),
        *(("pdl1_percent",) if lacks_pdl1 else ()),
    }
    return Patient(covariates, frozenset(unrecorded), tumours, scanner)


def propensities(covariates: Covariates, tumour: Tumour) -> dict[str, float]:
    """Probability of being given each therapy: by age, performance, PD-L1 and size, hence confounded."""
    pdl1 = (covariates.pdl1_percent - 30) / 30
    age = (covariates.age_years - 65) / 10
    unwell = covariates.ecog - 1
    utility = {
        "chemoimmunotherapy": 0.2 - 0.45 * age - 0.5 * unwell + 0.4 * size_score(tumour),
        "chemotherapy": 0.1 - 0.5 * pdl1 - 0.15 * age + 0.2 * size_score(tumour),
        "immunotherapy": 0.0 + 0.5 * pdl1 + 0.3 * age + 0.2 * unwell - 0.35 * size_score(tumour),
    }
    total = sum(math.exp(utility[therapy]) for therapy in THERAPIES)
    return {therapy: math.exp(utility[therapy]) / total for therapy in THERAPIES}


def _draw_covariates(tumour: Tumour, rng: np.random.Generator) -> Covariates:
    z_age, z_smoking, z_pdl1, z_stage = rng.standard_normal(4)
    u_sex, u_ecog = rng.random(2)
    male = u_sex < 0.58
    advanced = 0.7 * size_score(tumour) + z_stage
    return Covariates(
        age_years=round(float(np.clip(65 + 9 * z_age, 35, 90))),
        sex="male" if male else "female",
        ecog=int(np.searchsorted((0.35, 0.78, 0.95), u_ecog)),
        stage=STAGES[int(np.searchsorted((-0.8, 0.5), advanced))],
        smoking_pack_years=round(float(np.clip((32 if male else 22) + 18 * z_smoking, 0, 120))),
        pdl1_percent=round(float(100.0 / (1.0 + math.exp(-(1.6 * z_pdl1 - 1.1))))),
    )
