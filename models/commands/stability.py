"""`stability`: how stable each image feature of a cohort is when its scans are a little different.

Each patient's images and masks are perturbed (noise, position, volume, outline) and measured again; the table that is
printed holds ICC(1,1) of each feature and the lower limit of its 95 % interval. `train --stability FILE.csv` takes it.
No outcome is looked at.
"""

import argparse
import sys
from pathlib import Path

from features.embedding.encoder import DEFAULT
from features.profile import DEFAULT_PROFILE, Profile
from models.cohort import read_cohort
from models.errors import BadCohort
from models.registry import DATA_FOLDER
from models.stability.agreement_table import write_agreements
from models.stability.repeats import measure_repeats
from models.stability.screen import agreements_of
from models.stability.stable import LEAST, PATIENTS, Stability, StabilityCheck, in_words
from models.table import Measuring


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "stability",
        help="how stable each image feature of a cohort is",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cohort", type=Path, required=True, metavar="MANIFEST", help="the cohort's table, with scans")
    parser.add_argument(
        "--perturbations", type=int, default=5, metavar="K", help="of each patient's scans, 2 or more (default 5)"
    )
    parser.add_argument(
        "--patients", type=int, default=PATIENTS, metavar="N", help=f"at most so many, drawn (default {PATIENTS})"
    )
    parser.add_argument("--profile", type=Path, metavar="FILE", help="how image features are taken (pyradiomics YAML)")
    parser.add_argument("--embeddings", action="store_true", help="also of the shipped encoder's embeddings")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same table (default 0)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that measure (default 2)")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="where the table goes (default: it is printed)")
    add_least_to(parser)
    parser.add_argument(
        "--data", type=Path, default=DATA_FOLDER, metavar="DIR", help=f"the data folder (default {DATA_FOLDER})"
    )
    parser.set_defaults(run=run)


def add_least_to(parser: argparse.ArgumentParser) -> None:
    """Declares from where on a feature is stable."""
    parser.add_argument(
        "--min-icc",
        type=float,
        default=LEAST,
        metavar="ICC",
        help=f"lower 95 %% limit of ICC(1,1) from which a feature is stable (default {LEAST})",
    )


def add_check_to(parser: argparse.ArgumentParser) -> None:
    """Declares whether features are screened before a model learns from them."""
    parser.add_argument(
        "--stability",
        default="0",
        metavar="PERTURBATIONS|FILE.csv",
        help="learn from stable features only: by so many perturbations of the cohort's scans, e.g. 5, or by a table "
        "of feature, icc, lower (default 0: off)",
    )
    add_least_to(parser)


def add_agreements_to(parser: argparse.ArgumentParser) -> None:
    """Declares by which table of agreements features are screened, where there are no scans."""
    parser.add_argument(
        "--stability",
        default="0",
        metavar="FILE.csv",
        help="learn from stable features only: by a table of feature, icc, lower",
    )
    add_least_to(parser)


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
