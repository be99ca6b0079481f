"""`python -m models`: simulate a cohort, train, evaluate a table, register, list, show and admit models."""

import argparse
import os
import sys
from pkgutil import resolve_name

from features.errors import FeatureError
from features.parser import Parser
from models.arguments import cohort, encoder, evaluate, history, registered, release, shadow, simulate, stability, train
from models.errors import AdmissionRefused, ImplausibleScore, Leak, ModelError, RegistryUnavailable


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns:
        0 when done, 2 for bad input or a registry that does not answer, 3 when a gate refused.
    """
    parser = commands_of()
    chosen = parser.parse_args(arguments)
    try:
        # Imported only now: engines take seconds, and words are understood or refused at once.
        resolve_name(f"models.commands.{chosen.run}")(chosen)
    except (Leak, ImplausibleScore, AdmissionRefused) as error:
        print(f"{parser.prog}: refused: {error}", file=sys.stderr)
        return 3
    except (ModelError, FeatureError) as error:
        print(f"{parser.prog}: {error}{_why(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter's own last flush must find an open pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{parser.prog}: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def commands_of() -> argparse.ArgumentParser:
    """Every command; its `run` names a function below `models.commands`."""
    parser = Parser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (simulate, train, evaluate, registered, release, history, shadow, encoder, cohort, stability):
        command.add_to(commands)
    return parser


def _why(error: Exception) -> str:
    """MLflow's own words, where the registry is the trouble: here the reader is the one who can mend it."""
    if not isinstance(error, RegistryUnavailable) or error.__cause__ is None:
        return ""
    lines = str(error.__cause__).strip().splitlines()
    return f" ({lines[0][:300]})" if lines else ""


if __name__ == "__main__":
    sys.exit(main())
