"""`train`: learns a model from a cohort, says how good it is on patients it had not seen, and registers it.

The manifest is CSV or Parquet, one row a patient: subject, <scan>.baseline.image and .mask (e.g. ct.baseline.image;
paths relative to the manifest), clinical.<name>, therapy, and outcome (0 or 1), or time_days and event (0 or 1).
An empty cell is a missing value. columns.yaml beside it may tell units, limits, endpoint and population.
"""

import argparse
from collections.abc import Collection
from pathlib import Path

from models.arguments.learning import add_learning_to
from models.arguments.names import model_name
from models.arguments.stability import add_check_to
from models.arguments.tables import add_harmonisation_to, add_table_to
from models.families.known import FAMILIES, TASKS
from models.families.target import Task
from models.registry import DATA_FOLDER


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "train",
        help="train a model on a cohort and register it",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    families = sorted({name for _, name in FAMILIES})
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--cohort", type=Path, metavar="MANIFEST", help="the cohort's table, with its scans")
    source.add_argument("--table", type=Path, metavar="FILE", help="features extracted elsewhere, one row a patient")
    parser.add_argument("--task", choices=TASKS, help="response, or time to progression (of --cohort)")
    parser.add_argument("--family", choices=families, required=True, help=f"what learns ({by_task(FAMILIES)})")
    parser.add_argument("--name", type=model_name, metavar="NAME", help="registered name (default <task>-<family>)")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="how image features are taken (pyradiomics YAML)")
    parser.add_argument(
        "--encoder",
        metavar="models:/encoder-NAME/VERSION",
        help="a registered encoder that embeds (of fusion; default: the one that is shipped)",
    )
    parser.add_argument(
        "--folds", type=fold_count, default=5, metavar="K", help="folds of cross-validation (default 5)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same model (default 0)")
    parser.add_argument("--alias", type=model_name, metavar="ALIAS", help="e.g. champion, which the service serves")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that measure (default 2)")
    parser.add_argument(
        "--no-similar-patients",
        action="store_true",
        help="the version tells nothing of its training patients: no percentiles, similar patients, numbers at risk",
    )
    parser.add_argument(
        "--accept-score", default="", metavar="REASON", help="why a score too high for the cohort's size is believed"
    )
    add_learning_to(parser)
    add_harmonisation_to(parser)
    add_check_to(parser)
    add_table_to(parser.add_argument_group("of --table"))
    add_registry_to(parser)
    parser.set_defaults(run="train:run")


def by_task(families: Collection[tuple[Task, str]]) -> str:
    """Their names, for a line of help."""
    names = {task: sorted(name for of, name in families if of == task) for task in TASKS}
    return "; ".join(f"{task}: {', '.join(of_task)}" for task, of_task in names.items())


def add_registry_to(parser: argparse.ArgumentParser) -> None:
    """Declares where models are kept."""
    parser.add_argument(
        "--registry",
        metavar="URI",
        help="MLflow's address (default MLFLOW_TRACKING_URI, else mlflow.db in the data folder)",
    )
    parser.add_argument(
        "--data", type=Path, default=DATA_FOLDER, metavar="DIR", help=f"the data folder (default {DATA_FOLDER})"
    )


def fold_count(text: str) -> int:
    """A number of folds from the command line."""
    folds = int(text)
    if folds < 2:
        raise argparse.ArgumentTypeError(f"{folds} folds; wanted 2 or more")
    return folds
