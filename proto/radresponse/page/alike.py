"""Similar patients of the training cohort, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from radresponse.therapy_tables import model_words
from radresponse.v1 import board_pb2
from radresponse.words import months


@dataclass(frozen=True, slots=True)
class Alike:
    """Of one model."""

    model: str
    summary: tuple[str, ...]
    """A sentence for each therapy that they were given."""
    rows: tuple[tuple[str, str, str], ...]
    """Therapy, what came of it, how unlike."""


def alike_of(found: board_pb2.SimilarPatients) -> Alike:
    """What the table and the sentences say; nothing where none are shown."""
    return Alike(
        model=model_words(found.model),
        summary=tuple(
            _summary(therapy, [one for one in found.patients if one.therapy == therapy])
            for therapy in dict.fromkeys(sorted(one.therapy for one in found.patients))
        ),
        rows=tuple((one.therapy or "not recorded", _followed(one), f"{one.distance:.2f}") for one in found.patients),
    )


def _summary(therapy: str, patients: Sequence[board_pb2.SimilarPatient]) -> str:
    given = f"given {therapy}" if therapy else "in all"
    outcomes = [one.responded for one in patients if one.HasField("responded")]
    if outcomes:
        return f"{given}: {sum(outcomes)} of {len(outcomes)} responded"
    followed = [one.progression for one in patients]
    events = sum(one.event for one in followed)
    typical = months(median(one.time_days for one in followed))
    return f"{given}: {events} of {len(followed)} seen to progress; followed for {typical} months (median)"


def _followed(patient: board_pb2.SimilarPatient) -> str:
    if patient.HasField("responded"):
        return "responded" if patient.responded else "did not respond"
    time = months(patient.progression.time_days)
    return f"progressed after {time} months" if patient.progression.event else f"free of it for {time} months or more"
