"""What held-out patients on the same therapy promise, as a table: the outcome's set, and a time few progress before."""

from collections.abc import Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from radresponse.therapy_tables import Line, add_line, model_words, plain_table
from radresponse.v1 import prediction_pb2
from radresponse.words import months


def promises_table(lines: Sequence[Line]) -> Table | None:
    """Sets and bounds by therapy and model; None where no model brings any."""
    promised = [line for line in lines if promise_words(line.prediction)]
    if not promised:
        return None
    level = promise_level(promised)
    table = plain_table(
        f"Promised by held-out patients (in {level * 100:.0f} of 100)", "", "by those on the same therapy"
    )
    for therapy, of_therapy in groupby(promised, lambda line: line.therapy):
        add_line(table, Text(therapy or "any therapy", style="bold cyan"), "")
        for line in of_therapy:
            add_line(table, f"  {model_words(line.prediction.model)}", promise_words(line.prediction))
    return table


def promise_words(prediction: prediction_pb2.Prediction) -> str:
    """One model's promise for one therapy; empty where it brings none."""
    if prediction.outcome.HasField("outcome_set"):
        outcome = prediction.outcome.outcome_set
        if outcome.response and outcome.no_response:
            return "response or none: the model cannot tell"
        if outcome.response:
            return "response"
        return "no response" if outcome.no_response else "neither fits: unlike its patients"
    if prediction.progression.HasField("lower_bound"):
        bound = prediction.progression.lower_bound
        return f"{months(bound.days)} months or more" if bound.days > 0 else "nothing: too few progressed"
    return ""


def promise_level(lines: Sequence[Line]) -> float:
    """How often promises are meant to hold; 0 where no model brings any."""
    for line in lines:
        if line.prediction.outcome.HasField("outcome_set"):
            return line.prediction.outcome.outcome_set.level
        if line.prediction.progression.HasField("lower_bound"):
            return line.prediction.progression.lower_bound.level
    return 0.0
