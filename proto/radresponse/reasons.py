"""The main reasons of each model: one line for an input, one column for a therapy."""

from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from radresponse.therapy_tables import Line, add_line, add_number_column, fits, model_words, plain_table
from radresponse.v1 import prediction_pb2
from radresponse.words import feature_parts, value_words

SHOWN = 4
"""Reasons of each model, those that move any therapy most."""

ByTherapy = dict[str, dict[str, prediction_pb2.Contribution]]


def show_reasons(lines: Sequence[Line], to: Console) -> None:
    """Prints what moved the predictions, in words.

    Args:
        lines: At least one.
        to: Where; a narrow page has letters for therapies.
    """
    therapies = list(dict.fromkeys(line.therapy for line in lines))
    models = {model: _by_therapy(lines, model) for model in dict.fromkeys(_model(line) for line in lines)}
    shown = {model: _largest(found.values()) for model, found in models.items()}
    places = {place for features in shown.values() for feature in features if (place := feature_parts(feature)[1])}
    common = next(iter(places)) if len(places) == 1 else ""
    table = _table(models, shown, {therapy: therapy or "any therapy" for therapy in therapies}, common)
    notes = []
    if not fits(table, to) and 1 < len(therapies) <= len(ascii_uppercase):
        letters = dict(zip(therapies, ascii_uppercase, strict=False))
        table = _table(models, shown, letters, common)
        notes.append(", ".join(f"{letter} = {therapy}" for therapy, letter in letters.items()))
    if common:
        notes.append(f"what is measured in images is of {common}")
    scales = dict.fromkeys(reason.scale for line in lines for reason in line.prediction.contributions)
    if scales:
        notes.append(f"figures are {' and '.join(scales)}, and add up")
    notes += ["minor = not among the main reasons for that therapy"] * _says_minor(models, shown)
    to.print(table)
    for note in notes:
        to.print(Padding(Text(note, style="dim"), (0, 0, 0, 1), expand=False))
    to.print()


def _table(models: dict[str, ByTherapy], shown: dict[str, list[str]], headings: dict[str, str], common: str) -> Table:
    """One section for each model."""
    table = plain_table("Main reasons, against the average training patient", "", "This patient")
    for heading in headings.values():
        add_number_column(table, heading)
    for model, by_therapy in models.items():
        add_line(table, Text.assemble((model, "bold"), (f"  {_signs(by_therapy)}", "dim")))
        for feature in shown[model]:
            found = [by_therapy.get(therapy, {}).get(feature) for therapy in headings]
            example = next(reason for reason in found if reason is not None)
            name, place = feature_parts(feature)
            words = f"{name} of {place}" if place and place != common else name
            value = "" if feature == "therapy" else value_words(example)
            add_line(table, f"  {words}", value, *(_cell(reason) for reason in found))
    return table


def _model(line: Line) -> str:
    return model_words(line.prediction.model)


def _by_therapy(lines: Sequence[Line], model: str) -> ByTherapy:
    return {
        line.therapy: {reason.feature: reason for reason in line.prediction.contributions}
        for line in lines
        if _model(line) == model
    }


def _largest(by_feature: Iterable[dict[str, prediction_pb2.Contribution]]) -> list[str]:
    size: dict[str, float] = {}
    for reasons in by_feature:
        for feature, reason in reasons.items():
            size[feature] = max(size.get(feature, 0.0), abs(reason.contribution))
    return [feature for feature in sorted(size, key=lambda name: (-size[name], name)) if size[feature] > 0][:SHOWN]


def _says_minor(models: dict[str, ByTherapy], shown: dict[str, list[str]]) -> bool:
    return any(
        feature not in reasons
        for model, by_therapy in models.items()
        for feature in shown[model]
        for reasons in by_therapy.values()
    )


def _signs(by_therapy: ByTherapy) -> str:
    """What plus means."""
    scale = next((reason.scale for reasons in by_therapy.values() for reason in reasons.values()), "")
    if not scale:
        return "tells no reasons"
    return f"(+ {'sooner' if 'hazard' in scale else 'more likely'})"


def _cell(reason: prediction_pb2.Contribution | None) -> Text:
    if reason is None:
        return Text("minor", style="dim")
    if f"{reason.contribution:.2f}" in ("0.00", "-0.00"):
        return Text("0")
    favourable = (reason.contribution > 0) != ("hazard" in reason.scale)
    return Text(f"{reason.contribution:+.2f}", style="green" if favourable else "red")
