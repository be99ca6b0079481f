"""`evaluate`: the honest report of a table of features that were extracted elsewhere.

CSV or Parquet, one row a patient, any headers. Leaks are refused (exit 3, with the column or the fold). Families are
chosen by nested folds; baselines, plain models and shuffled columns stand beside them on the same folds.
"""

import argparse
from pathlib import Path

from models.arguments.learning import add_learning_to
from models.arguments.stability import add_agreements_to
from models.arguments.tables import add_harmonisation_to, add_table_to, names, times
from models.arguments.train import by_task, fold_count
from models.families.known import FAMILIES, TRIED


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "evaluate",
        help="the honest report of a table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--table", type=Path, required=True, metavar="FILE", help="CSV or Parquet, one row a patient")
    add_table_to(parser)
    add_harmonisation_to(parser)
    add_agreements_to(parser)
    parser.add_argument("--reference", metavar="VALUE", help="the therapy that the others are compared against")
    parser.add_argument(
        "--horizon", type=times, default=(), metavar="TIME,...", help="until when therapies are compared"
    )
    parser.add_argument("--folds", type=fold_count, default=5, metavar="K", help="outer folds (default 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same report (default 0)")
    parser.add_argument(
        "--families",
        type=names,
        default=(),
        metavar="NAME,...",
        help=f"which may be chosen ({by_task(FAMILIES)}; default {by_task(TRIED)})",
    )
    add_learning_to(parser)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that fit (default 2)")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    parser.set_defaults(run="evaluate:run")
