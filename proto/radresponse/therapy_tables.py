"""Two tables, by therapy and model: how likely a response, how long to progression, each against the reference."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from radresponse.quantities import hazard_ratio, level_words, log_hazard, percent, points, signed_months, span
from radresponse.v1 import model_pb2, prediction_pb2
from radresponse.words import DAYS_PER_MONTH, months

BESIDE, BELOW = "  ", "\n"
"""Where an interval stands: after its figure, or in a line of its own where the page is narrow."""


@dataclass(frozen=True)
class Line:
    """One model's prediction for one therapy, with its difference where one was asked."""

    therapy: str
    prediction: prediction_pb2.Prediction
    difference: prediction_pb2.Difference | None = None


def plain_table(title: str, *headings: str) -> Table:
    """An empty table in the look of all of ours; these headings stand on the left."""
    table = Table(
        title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    for heading in headings:
        table.add_column(Text(heading), vertical="top")
    return table


def add_number_column(table: Table, heading: str) -> None:
    """A column of figures, on the right."""
    table.add_column(Text(heading, justify="right"), justify="right")


def add_line(table: Table, *cells: str | Text, end_section: bool = False) -> None:
    """A line of cells, printed as they are: what a service says is never taken for markup."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), end_section=end_section)


def fitting(build: Callable[[str], Table], to: Console) -> Table:
    """The table with intervals beside their figures where that fits the page, else below them."""
    wide = build(BESIDE)
    return wide if fits(wide, to) else build(BELOW)


def fits(table: Table, to: Console) -> bool:
    """Whether no cell of a table would be folded."""
    return to.measure(table, options=to.options.update(width=10_000)).maximum <= to.width


def outcome_table(lines: Sequence[Line], reference: str, between: str = BESIDE) -> Table:
    """Probabilities of one endpoint, in percent.

    Args:
        lines: At least one, all with an outcome; those of one therapy together.
        reference: The therapy that others are compared against; empty for no such column.
        between: What stands between a figure and its interval.
    """
    shown = lines[0].prediction.outcome
    table = plain_table(f"Probability of {shown.endpoint or 'response'}{level_words(shown.probability_interval)}", "")
    add_number_column(table, "Probability")
    if reference:
        add_number_column(table, f"Against {reference}\n(percentage points)")

    def cells(line: Line) -> Iterator[str]:
        outcome, difference = line.prediction.outcome, line.difference
        yield f"{percent(outcome.probability)} %" + span(outcome.probability_interval, percent, between)
        if reference and difference is not None and difference.HasField("probability"):
            yield points(difference.probability) + span(difference.probability_interval, points, between)

    _fill(table, lines, reference, cells)
    return table


def progression_table(lines: Sequence[Line], reference: str, between: str = BESIDE) -> Table:
    """Times to one endpoint, in months; arguments as for `outcome_table`."""
    shown = lines[0].prediction.progression
    level = level_words(shown.restricted_mean_days_interval)
    table = plain_table(f"Months to {shown.endpoint or 'progression'}{level}", "")
    add_number_column(table, "Median")
    add_number_column(table, f"Mean within\n{shown.horizon_days / DAYS_PER_MONTH:.3g} months")
    if reference:
        add_number_column(table, f"Mean against\n{reference}")

    def cells(line: Line) -> Iterator[str]:
        progression, difference = line.prediction.progression, line.difference
        known = progression.HasField("median_days")
        median = months(progression.median_days) if known else f"beyond {months(progression.horizon_days)}"
        yield median + span(progression.median_days_interval, months, between)
        mean = months(progression.restricted_mean_days)
        yield mean + span(progression.restricted_mean_days_interval, months, between)
        if reference and difference is not None and difference.HasField("restricted_mean_days"):
            interval = span(difference.restricted_mean_days_interval, signed_months, between)
            yield signed_months(difference.restricted_mean_days) + interval

    _fill(table, lines, reference, cells)
    return table


def risk_table(lines: Sequence[Line], reference: str, between: str = BESIDE) -> Table:
    """Risk of one endpoint by models that know no time and no probability; arguments as for `outcome_table`.

    They bring no intervals, so that nothing stands between.
    """
    del between
    endpoint = lines[0].prediction.risk.endpoint or "progression"
    table = plain_table(f"Risk of {endpoint}, without a time (higher is worse)", "")
    add_number_column(table, "Log-hazard ratio to\nthe model's own zero")
    if reference:
        add_number_column(table, f"Hazard ratio\nto {reference}")

    def cells(line: Line) -> Iterator[str]:
        yield log_hazard(line.prediction.risk.log_hazard_ratio)
        if reference and line.difference is not None and line.difference.HasField("log_hazard_ratio"):
            yield hazard_ratio(line.difference.log_hazard_ratio)

    _fill(table, lines, reference, cells)
    return table


def model_words(model: model_pb2.ModelReference) -> str:
    """Name and version."""
    return f"{model.name} v{model.version}"


def _fill(table: Table, lines: Sequence[Line], reference: str, cells: Callable[[Line], Iterator[str]]) -> None:
    """A line for each therapy, and under it one for each model."""
    width = len(table.columns)
    for therapy, of_therapy in groupby(lines, lambda line: line.therapy):
        name = Text(therapy or "any therapy", style="bold cyan")
        add_line(table, name, *[""] * (width - 2), "reference" if reference and therapy == reference else "")
        for line in of_therapy:
            told = list(cells(line))
            add_line(table, f"  {model_words(line.prediction.model)}", *told, *[""] * (width - 1 - len(told)))
