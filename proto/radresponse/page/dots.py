"""Probabilities as dots of 100: out of a hundred patients like this one, how many respond.

A dot between the estimate and an end of its interval is drawn pale or hollow, so that an array never looks more certain
than its model is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from radresponse.page.palette import Look
from radresponse.quantities import percent, points, span
from radresponse.therapy_tables import Line

SIDE = 10
STEP = 11.0
RADIUS = 4.2


@dataclass(frozen=True, slots=True)
class Dot:
    """One of a hundred."""

    x: float
    y: float
    kind: str
    """`sure` below the interval, `likely` up to the estimate, `possible` up to the interval's end, else `none`."""


@dataclass(frozen=True, slots=True)
class DotArray:
    """One therapy by one model."""

    therapy: str
    look: Look
    dots: tuple[Dot, ...]
    figure: str
    """E.g. `62 of 100`."""
    interval: str
    difference: str
    """In words, against the reference; empty for the reference itself."""
    spoken: str
    """For a screen reader."""


def dot_array(line: Line, look: Look, reference: str) -> DotArray:
    """The array of one outcome."""
    outcome = line.prediction.outcome
    count = round(outcome.probability * 100)
    interval = outcome.probability_interval
    low = round(interval.lower * 100) if interval.HasField("lower") else count
    high = round(interval.upper * 100) if interval.HasField("upper") else count
    words = f"{percent(outcome.probability)} of 100"
    between = span(interval, percent).strip("()")
    spoken = f"{line.therapy or 'any therapy'}: {words} would respond" + (f", {between} plausible" if between else "")
    return DotArray(
        therapy=line.therapy or "any therapy",
        look=look,
        dots=tuple(_dots(low, count, high)),
        figure=words,
        interval=between,
        difference=_difference(line, reference),
        spoken=spoken,
    )


def _dots(low: int, count: int, high: int) -> Sequence[Dot]:
    """Filled from the bottom row upwards, left to right."""
    kinds = (
        "sure" if index < min(low, count) else "likely" if index < count else "possible" if index < high else "none"
        for index in range(SIDE * SIDE)
    )
    return [
        Dot(x=(index % SIDE + 0.5) * STEP, y=(SIDE - index // SIDE - 0.5) * STEP, kind=kind)
        for index, kind in enumerate(kinds)
    ]


def _difference(line: Line, reference: str) -> str:
    difference = line.difference
    if not reference or difference is None or not difference.HasField("probability"):
        return ""
    interval = span(difference.probability_interval, points, " ")
    return f"{points(difference.probability)} per 100 against {reference}{interval}"
