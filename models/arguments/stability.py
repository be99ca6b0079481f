"""`stability`: how stable each image feature of a cohort is when its scans are a little different.

Each patient's images and masks are perturbed (noise, position, volume, outline) and measured again; the table that is
printed holds ICC(1,1) of each feature and the lower limit of its 95 % interval. `train --stability FILE.csv` takes it.
No outcome is looked at.
"""

import argparse
from pathlib import Path

from models.registry import DATA_FOLDER
from models.stability.stable import LEAST, PATIENTS


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
    parser.set_defaults(run="stability:run")


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
