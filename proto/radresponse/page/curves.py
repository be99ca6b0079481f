"""Survival curves with bands and numbers at risk, as SVG geometry; months across, percent up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from radresponse.page.palette import Look
from radresponse.quantities import percent
from radresponse.therapy_tables import Line
from radresponse.v1 import prediction_pb2
from radresponse.words import DAYS_PER_MONTH, months

WIDTH, HEIGHT = 620.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 10.0, 34.0
_MOST_TICKS = 9
_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)
"""Months between ticks."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One therapy's curve."""

    therapy: str
    look: Look
    line: str
    """Points of a polyline."""
    band: str
    """Points of a polygon; empty without an interval."""
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of an axis."""

    place: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One therapy in the table behind the chart, or under it."""

    therapy: str
    look: Look
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SurvivalChart:
    """All therapies of one model."""

    title: str
    spoken: str
    curves: tuple[Curve, ...]
    months: tuple[Tick, ...]
    percents: tuple[Tick, ...]
    at_risk: tuple[Row, ...]
    """Numbers at risk below each tick; empty where the version does not tell."""
    values: tuple[Row, ...]
    """Survival at each tick, with its interval."""


def survival_chart(title: str, lines: Sequence[Line], look: dict[str, Look]) -> SurvivalChart:
    """The chart of one model.

    Args:
        title: Of the model.
        lines: Its progression predictions, one a therapy, at least one.
        look: Of each therapy.
    """
    horizon = max(point.time_days for line in lines for point in line.prediction.progression.survival)
    ticks = _ticks(horizon)
    shown = [(line.therapy or "any therapy", look[line.therapy], line.prediction.progression) for line in lines]
    return SurvivalChart(
        title=title,
        spoken="; ".join(_spoken(therapy, progression) for therapy, _, progression in shown),
        curves=tuple(_spread([_curve(therapy, one, progression, horizon) for therapy, one, progression in shown])),
        months=tuple(Tick(_x(tick * DAYS_PER_MONTH, horizon), str(tick)) for tick in ticks),
        percents=tuple(Tick(_y(share / 100), f"{share}") for share in (0, 25, 50, 75, 100)),
        at_risk=tuple(
            Row(therapy, one, tuple(_at_risk(progression, tick) for tick in ticks))
            for therapy, one, progression in shown
            if progression.survival[0].HasField("at_risk")
        ),
        values=tuple(
            Row(therapy, one, tuple(_value(progression, tick) for tick in ticks)) for therapy, one, progression in shown
        ),
    )


def _ticks(horizon_days: float) -> list[int]:
    """Months at which the axis is marked."""
    whole = horizon_days / DAYS_PER_MONTH
    step = next((step for step in _STEPS if whole / step <= _MOST_TICKS), math.ceil(whole / _MOST_TICKS))
    return list(range(0, math.floor(whole + 1e-9) + 1, step))


def _x(days: float, horizon: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * days / max(horizon, 1), 2)


def _y(survival: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - survival), 2)


def _curve(therapy: str, look: Look, progression: prediction_pb2.Progression, horizon: float) -> Curve:
    points = progression.survival
    line = " ".join(f"{_x(point.time_days, horizon)},{_y(point.survival)}" for point in points)
    bounded = [point for point in points if point.HasField("lower") and point.HasField("upper")]
    upper = [f"{_x(point.time_days, horizon)},{_y(point.upper)}" for point in bounded]
    lower = [f"{_x(point.time_days, horizon)},{_y(point.lower)}" for point in reversed(bounded)]
    last = points[-1]
    return Curve(therapy, look, line, " ".join(upper + lower), _x(last.time_days, horizon) - 3, _y(last.survival) - 4)


def _spread(curves: list[Curve]) -> list[Curve]:
    """Labels at the ends of the curves, moved apart where they would cover each other."""
    gap = 13.0
    order = sorted(range(len(curves)), key=lambda index: curves[index].label_y)
    places = [curves[index].label_y for index in order]
    for rank in range(1, len(places)):
        places[rank] = max(places[rank], places[rank - 1] + gap)
    over = max(0.0, places[-1] - (HEIGHT - BOTTOM - 4)) if places else 0.0
    moved = dict(zip(order, (max(TOP + 8, place - over) for place in places), strict=True))
    return [
        Curve(one.therapy, one.look, one.line, one.band, one.label_x, moved[index]) for index, one in enumerate(curves)
    ]


def _point_at(progression: prediction_pb2.Progression, tick: int) -> prediction_pb2.SurvivalPoint | None:
    """The last point at or before a tick; the curve is given finely enough for that."""
    before = [point for point in progression.survival if point.time_days <= tick * DAYS_PER_MONTH + 0.5]
    return before[-1] if before else None


def _at_risk(progression: prediction_pb2.Progression, tick: int) -> str:
    point = _point_at(progression, tick)
    return "" if point is None or not point.HasField("at_risk") else str(point.at_risk)


def _value(progression: prediction_pb2.Progression, tick: int) -> str:
    point = _point_at(progression, tick)
    if point is None:
        return ""
    bounded = point.HasField("lower") and point.HasField("upper")
    interval = f" ({percent(point.lower)} to {percent(point.upper)})" if bounded and tick else ""
    return f"{percent(point.survival)} %{interval}"


def _spoken(therapy: str, progression: prediction_pb2.Progression) -> str:
    event = progression.endpoint or "progression"
    if progression.HasField("median_days"):
        return f"{therapy}: half without {event} at {months(progression.median_days)} months"
    return f"{therapy}: more than half without {event} throughout"
