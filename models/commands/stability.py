"""`stability`: measures perturbed scans and writes how well each feature agreed."""

import argparse
import sys
from pathlib import Path

from features.embedding.encoder import DEFAULT
from features.profile import DEFAULT_PROFILE, Profile
from models.cohort import read_cohort
from models.errors import BadCohort
from models.stability.agreement_table import write_agreements
from models.stability.repeats import measure_repeats
from models.stability.screen import agreements_of
from models.stability.stable import Stability, StabilityCheck, in_words
from models.table import Measuring


def check_of(chosen: argparse.Namespace) -> StabilityCheck | None:
    """What was asked; None where nothing was."""
    text = str(chosen.stability)
    if not text.isdigit():
        return StabilityCheck(table=Path(text), least=chosen.min_icc)
    if int(text) == 0:
        return None
    if chosen.table is not None:
        raise BadCohort(
            "a table has no images to perturb: --stability wants a .csv of feature, icc, lower with --table"
        )
    return StabilityCheck(perturbations=int(text), least=chosen.min_icc)


def run(chosen: argparse.Namespace) -> None:
    """Measures, and writes the table."""
    check = StabilityCheck(perturbations=chosen.perturbations, least=chosen.min_icc, patients=chosen.patients)
    profile = DEFAULT_PROFILE
    if chosen.profile is not None:
        if not chosen.profile.is_file():
            raise BadCohort("there is no profile at the given path; wanted a pyradiomics YAML file")
        profile = Profile.parse(chosen.profile.read_text(encoding="utf-8"))
    chosen.data.mkdir(parents=True, exist_ok=True)
    encoder = DEFAULT if chosen.embeddings else None
    repeats = measure_repeats(
        read_cohort(chosen.cohort),
        Measuring(profile.text, encoder, chosen.data / "features.db"),
        repeats=check.perturbations,
        patients=check.patients,
        seed=chosen.seed,
        workers=max(1, chosen.workers),
    )
    agreements = agreements_of(repeats)
    if chosen.out is None:
        write_agreements(agreements, sys.stdout)
    else:
        with chosen.out.open("w", newline="", encoding="utf-8") as file:
            write_agreements(agreements, file)
    print(in_words(Stability(check.least, check.perturbations, len(repeats.values), agreements)), file=sys.stderr)
