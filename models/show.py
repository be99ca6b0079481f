"""What the command line shows of models: tables and cards."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from models.families.search import in_words as search_in_words
from models.figures import GAIN, reading, title
from models.recalibration import in_words as recalibration_in_words
from models.registry import RegisteredModel, RegisteredVersion
from models.stability.stable import in_words as stability_in_words
from models.training_report import FEWEST_FOR_A_CLAIM, TrainingReport


def print_report(report: TrainingReport, version: str, alias: str | None) -> None:
    """Prints what a training gave."""
    lines = [f"{report.patients} patients, {report.positives} {report.positive_word}; {report.protocol}"]
    if report.facts.simulated:
        lines.insert(0, "learned from simulated patients: figures describe the simulation")
    if report.left_out:
        lines.append(f"{len(report.left_out)} patients could not be measured and were left out")
        lines += [f"  row {one.row}: {one.reason}" for one in report.left_out[:5]]
    lines += report.notices
    if report.search is not None:
        lines.append(search_in_words(report.search))
    if report.recalibration is not None:
        lines += recalibration_in_words(report.recalibration)
    if report.stability is not None:
        lines.append(stability_in_words(report.stability))
    rows = [
        (
            title(figure.name),
            figure.of,
            str(figure.estimate),
            "" if figure.of.startswith(GAIN) else reading(figure.name),
        )
        for figure in report.figures
    ]
    for line in lines:
        print(line)
    print_table(("figure", "of", "value (95 % interval)", "how to read it"), rows)
    if report.grades:
        told = [
            (one.name, str(one.patients), f"{one.seen:.0%}", f"{one.told:.0%}", f"{one.told_of_them:.0%}")
            for one in report.grades
        ]
        print_table(("class", "patients", "share", "said of all", "said of those who had it"), told)
    if report.patients < FEWEST_FOR_A_CLAIM:
        print(f"{report.patients} patients support no claim of accuracy")
    if report.suspicious:
        print("this is better than honest models on so few patients: look for a column that knows the outcome")
    served = f", alias {alias}" if alias else "; without --alias champion it is not served"
    print(f"registered {report.name} version {version}{served}")


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
