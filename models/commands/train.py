"""`train`: learns a model from a cohort, says how good it is on patients it had not seen, and registers it.

The manifest is CSV or Parquet, one row a patient: subject, <scan>.baseline.image and .mask (e.g. ct.baseline.image;
paths relative to the manifest), clinical.<name>, therapy, and outcome (0 or 1), or time_days and event (0 or 1).
An empty cell is a missing value. columns.yaml beside it may tell units, limits, endpoint and population.
"""

import argparse
from collections.abc import Collection
from pathlib import Path

from features.embedding.encoder import DEFAULT
from features.profile import DEFAULT_PROFILE, Profile
from models.commands.learning import add_learning_to
from models.commands.names import model_name
from models.commands.stability import add_check_to, check_of
from models.commands.tables import add_harmonisation_to, add_table_to, request_of
from models.errors import BadCohort, ImplausibleScore
from models.families.all import FAMILIES
from models.families.target import Task
from models.leakage.table import refuse_leaky_table
from models.registry import DATA_FOLDER, Registry
from models.registry.encoders import keep_encoder
from models.show import print_report
from models.tabular.reading import read_patients
from models.train import EMBEDDED_FAMILIES, Training, train, train_table

TASKS: tuple[Task, ...] = ("outcome", "progression")


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
    parser.set_defaults(run=run)


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


def run(chosen: argparse.Namespace) -> None:
    """Trains, registers, and prints the figures."""
    profile = DEFAULT_PROFILE
    if chosen.profile is not None:
        if not chosen.profile.is_file():
            raise BadCohort("there is no profile at the given path; wanted a pyradiomics YAML file")
        profile = Profile.parse(chosen.profile.read_text(encoding="utf-8"))
    if chosen.table is None and chosen.task is None:
        raise BadCohort("wanted --task outcome or --task progression with --cohort")
    request = None if chosen.table is None else request_of(chosen, chosen.table)
    registry = Registry(chosen.registry, data_folder=chosen.data)
    training = Training(
        task=chosen.task if request is None else request.task,
        family=chosen.family,
        name=chosen.name or "",
        profile=profile,
        encoder=_encoder(chosen, registry),
        folds=chosen.folds,
        seed=chosen.seed,
        alias=chosen.alias,
        accept_score=chosen.accept_score,
        data_folder=chosen.data,
        workers=max(1, chosen.workers),
        similar_patients=not chosen.no_similar_patients,
        harmonise=chosen.harmonise,
        unseen_site=chosen.unseen_site,
        stability=check_of(chosen),
        search=chosen.search,
        recalibrate=chosen.recalibrate,
    )
    if request is None:
        trained = train(chosen.cohort, training, registry)
    else:
        table = read_patients(request)
        refuse_leaky_table(table, folds=chosen.folds, seed=chosen.seed, accept_selection=chosen.accept_selection)
        trained = train_table(table, training, registry)
    print_report(trained.report, trained.version, None if trained.withheld else chosen.alias)
    if trained.withheld:
        raise ImplausibleScore(
            f"the alias {chosen.alias} was not given: the score is too high for {trained.report.patients} patients "
            "to be believed without a reason (--accept-score REASON)",
            patients=trained.report.patients,
        )


def _encoder(chosen: argparse.Namespace, registry: Registry) -> Path:
    """The file of the encoder that was asked for; the shipped one's where none was."""
    if chosen.encoder is None:
        return DEFAULT
    if chosen.table is not None or chosen.family not in EMBEDDED_FAMILIES:
        raise BadCohort(
            f"--encoder goes with --cohort and --family {' or '.join(sorted(EMBEDDED_FAMILIES))}: "
            "nothing else is learned from embeddings"
        )
    return keep_encoder(registry, chosen.encoder, chosen.data)


def fold_count(text: str) -> int:
    """A number of folds from the command line."""
    folds = int(text)
    if folds < 2:
        raise argparse.ArgumentTypeError(f"{folds} folds; wanted 2 or more")
    return folds
