"""An answer as a page for people: each therapy, how likely, how long, why, what to be wary of, and who said so."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from radresponse.evidence import evidence_lines
from radresponse.promises import promises_table
from radresponse.reasons import show_reasons
from radresponse.said import DISCLAIMER, applicability_words, compared_lines, evidence_words, warned, warning_words
from radresponse.therapy_tables import Line, fitting, model_words, outcome_table, progression_table, risk_table
from radresponse.v1 import prediction_pb2

PIPED_WIDTH = 140
"""Characters a line where no terminal shows it."""


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for every column."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PIPED_WIDTH)


def show_comparison(answer: prediction_pb2.CompareTherapiesResponse, to: Console) -> None:
    """Prints how therapies compare."""
    _show(compared_lines(answer), answer.reference_therapy, warned(answer), answer.provenance, to)


def show_predictions(answer: prediction_pb2.PredictResponse, to: Console) -> None:
    """Prints predictions, therapy by therapy."""
    lines = [Line(prediction.therapy, prediction) for prediction in answer.predictions]
    order = list(dict.fromkeys(line.therapy for line in lines))
    _show(sorted(lines, key=lambda line: order.index(line.therapy)), "", warned(answer), answer.provenance, to)


def _show(
    lines: Sequence[Line],
    reference: str,
    warnings: Iterable[prediction_pb2.Warning],
    provenance: prediction_pb2.Provenance,
    to: Console,
) -> None:
    for table, same in _same_endpoint(lines):
        to.print(fitting(partial(table, same, reference), to))
    if (promises := promises_table(lines)) is not None:
        to.print(promises)
    if lines:
        show_reasons(lines, to)
    _list("Is the patient like those that the models learned from?", applicability_words(lines), to)
    _list("Over the whole training cohort, against the reference", list(evidence_lines(lines)), to)
    _list("Warnings", warning_words(lines, warnings), to)
    _list("Answered by", _answered_by(provenance), to)
    if evidence := evidence_words(lines):
        to.print(Text(evidence))
    to.print(DISCLAIMER, style="bold")


def _same_endpoint(lines: Sequence[Line]) -> Iterator[tuple[Callable[..., Table], list[Line]]]:
    """Lines that share one table, outcomes first."""
    for kind, table in (("outcome", outcome_table), ("progression", progression_table), ("risk", risk_table)):
        of_kind = [line for line in lines if line.prediction.WhichOneof("predicted") == kind]
        for endpoint in dict.fromkeys(_endpoint(line) for line in of_kind):
            yield table, [line for line in of_kind if _endpoint(line) == endpoint]


def _endpoint(line: Line) -> str:
    told = line.prediction
    return told.outcome.endpoint or told.progression.endpoint or told.risk.endpoint


def _list(title: str, items: Sequence[str], to: Console) -> None:
    if not items:
        return
    to.print(title, style="bold")
    for item in items:
        to.print(Padding(Text(item), (0, 0, 0, 2), expand=False))
    to.print()


def _answered_by(provenance: prediction_pb2.Provenance) -> list[str]:
    said = ", ".join(f"{model_words(model)} ({model.digest[:12]})" for model in provenance.models)
    made = [f"RadResponse {provenance.software_version}"] if provenance.software_version else []
    if provenance.radiomics_engine:
        made.append(f"features by {provenance.radiomics_engine}")
    made.append(f"inputs {provenance.input_digest[:12]}")
    return [said, ", ".join(made)]
