"""`keys`, `admit`, `promote`, `rollback`, `retire`: who may serve, decided and recorded."""

import argparse
from pathlib import Path

from models.arguments.names import model_name
from models.arguments.train import add_registry_to


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the commands."""
    keys = commands.add_parser("keys", help="make the keys of one who admits", description="Makes an Ed25519 pair.")
    keys.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for release.key and release.pub")
    keys.set_defaults(run="release:run_keys")
    admitting = commands.add_parser(
        "admit",
        help="check a version and release it to the service",
        description="Holds a version to every gate and, where all let it pass, signs its release. Exit 3: refused.",
    )
    admitting.add_argument("uri", metavar="models:/NAME/VERSION", help="a version, `latest`, or models:/NAME@ALIAS")
    admitting.add_argument("--alias", type=model_name, help="moved to the version once admitted, e.g. champion")
    admitting.add_argument("--evaluate", type=Path, metavar="TABLE", help="held-out patients, CSV or Parquet")
    admitting.add_argument(
        "--policy", choices=("clinical", "research"), default="clinical", help="research admits without a table"
    )
    admitting.add_argument("--json", action="store_true", help="the report as JSON")
    _add_private_key_to(admitting)
    _add_store_to(admitting)
    admitting.set_defaults(run="release:run_admit")
    promoting = commands.add_parser(
        "promote", help="let an admitted version serve", description="Moves an alias to an admitted version."
    )
    promoting.add_argument("name", type=model_name, metavar="NAME")
    promoting.add_argument("version", metavar="VERSION")
    _add_move_to(promoting)
    promoting.set_defaults(run="release:run_promote")
    back = commands.add_parser(
        "rollback", help="let the version before serve again", description="Moves an alias back, at once."
    )
    back.add_argument("name", type=model_name, metavar="NAME")
    _add_move_to(back)
    back.set_defaults(run="release:run_rollback")
    retiring = commands.add_parser(
        "retire",
        help="let a version never serve again",
        description="Ends a version's release and takes its aliases away; only another admission lets it serve again.",
    )
    retiring.add_argument("name", type=model_name, metavar="NAME")
    retiring.add_argument("version", metavar="VERSION")
    retiring.add_argument("--why", default="", metavar="TEXT", help="for the history; nothing of a patient")
    _add_private_key_to(retiring)
    _add_store_to(retiring)
    retiring.set_defaults(run="release:run_retire")


def _add_move_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alias", type=model_name, default="champion", help="default champion")
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="whose releases count (default release.pub beside the embedded registry, or in the data folder)",
    )
    _add_store_to(parser)


def _add_private_key_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="private key (default release.key beside the embedded registry, or in the data folder)",
    )


def _add_store_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--releases",
        metavar="URI",
        help="the store of releases (default releases.db beside the embedded registry, or in the data folder)",
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who does it (default: this user)")
    add_registry_to(parser)
