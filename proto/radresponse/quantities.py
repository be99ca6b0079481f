"""Figures as people read them: whole percents, percentage points, months, each with its interval."""

import math
from collections.abc import Callable

from radresponse.v1 import prediction_pb2
from radresponse.words import months


def percent(probability: float) -> str:
    """Whole percent; what is neither certain nor impossible never looks so."""
    if 0 < probability < 0.01:
        return "<1"
    return ">99" if 0.99 < probability < 1 else f"{probability * 100:.0f}"


def points(difference: float) -> str:
    """A difference of probabilities in percentage points, with its sign."""
    return f"{difference * 100:+.0f}"


def signed_months(days: float) -> str:
    """A difference of days in months, with its sign."""
    return ("+" if days >= 0 else "") + months(days)


def log_hazard(ratio: float) -> str:
    """A log-hazard ratio, with its sign: it has a zero of its own."""
    return f"{ratio:+.2f}"


def hazard_ratio(log_ratio: float) -> str:
    """As oncologists read it: 1 is alike, above 1 worse."""
    return f"{math.exp(min(log_ratio, 50.0)):.2f}"


def span(interval: prediction_pb2.Interval, words: Callable[[float], str], between: str = "") -> str:
    """An interval in brackets, after `between`; empty where there is none."""
    lower = words(interval.lower) if interval.HasField("lower") else None
    upper = words(interval.upper) if interval.HasField("upper") else None
    if lower is None and upper is None:
        return ""
    if upper is None:
        return f"{between}({lower} or more)"
    return f"{between}(up to {upper})" if lower is None else f"{between}({lower} to {upper})"


def level_words(interval: prediction_pb2.Interval) -> str:
    """How often the interval is meant to hold, in brackets after a space; empty where it does not say."""
    return f" ({interval.level * 100:.0f} % interval)" if interval.level else ""
