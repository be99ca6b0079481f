"""What the command line shows of models: tables and cards."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from models.registry import RegisteredModel, RegisteredVersion


def print_models(models: Sequence[RegisteredModel]) -> None:
    """Prints a line a model."""
    rows = [
        (
            model.name,
            model.latest.version if model.latest else "",
            ", ".join(f"{alias}: {version}" for alias, version in model.aliases.items()),
            model.latest.tags.get("radresponse.figure", "") if model.latest else "",
            model.latest.tags.get("radresponse.patients", "") if model.latest else "",
            f"{model.latest.created:%Y-%m-%d %H:%M}" if model.latest else "",
        )
        for model in models
    ]
    if not rows:
        print("no model is registered", file=sys.stderr)
        return
    print_table(("model", "newest", "aliases", "figure (95 % interval)", "patients", "made (UTC)"), rows)


def print_card(version: RegisteredVersion, digest: str, card: str) -> None:
    """Prints a version's card."""
    aliases = f", alias {', '.join(version.aliases)}" if version.aliases else ""
    print(f"{version.name} version {version.version}{aliases}, digest {digest}\n")
    if sys.stdout.isatty():
        Console().print(Markdown(card))
    else:
        print(card, end="")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, with lines around it on a terminal; elsewhere in columns two spaces apart."""
    if sys.stdout.isatty():
        table = Table(*titles)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    every = [titles, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(titles))]
    for row in every:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
