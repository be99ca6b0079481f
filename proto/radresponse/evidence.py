"""What training cohorts as a whole say of the therapies, in a line each: how far a difference can be believed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from radresponse.therapy_tables import Line, model_words
from radresponse.v1 import prediction_pb2
from radresponse.words import months

_RESTS_ON = {
    "randomised": "an effect, therapies were given by chance",
    "observational": "adjusted, clinicians chose the therapies",
    "simulated": "of simulated patients",
}


def evidence_lines(lines: Sequence[Line]) -> Iterator[str]:
    """One for each model and each therapy against the reference, where the version brings a comparison."""
    for line in lines:
        if line.difference is None or not line.difference.HasField("population"):
            continue
        yield f"{line.therapy} by {model_words(line.prediction.model)}: {_told(line.difference.population)}"


def _told(population: prediction_pb2.PopulationEvidence) -> str:
    patients = f"{population.option_patients} and {population.reference_patients} patients"
    # mypy takes the stub's `Warning` for the built-in one.
    reasons = cast("Iterable[prediction_pb2.Warning]", population.reasons)
    why = "; ".join(reason.message for reason in reasons)
    if not population.HasField("difference"):
        return f"refused: {why}"
    interval = population.difference_interval
    ends = (population.difference, interval.lower, interval.upper)
    if population.HasField("horizon_days"):
        value, lower, upper = (f"{'+' if end >= 0 else ''}{months(end)}" for end in ends)
        unit = f" months within {months(population.horizon_days)}"
    else:
        value, lower, upper = (f"{end * 100:+.0f}" for end in ends)
        unit = " percentage points"
    how = _RESTS_ON.get(population.evidence, population.evidence)
    weak = f"; weak: {why}" if population.overlap == prediction_pb2.OVERLAP_VERDICT_WEAK else ""
    return (
        f"{value} ({lower} to {upper}){unit} on average, over {patients}, {how}; "
        f"E-value {population.e_value:.1f}, of the limit {population.e_value_of_limit:.1f}{weak}"
    )
