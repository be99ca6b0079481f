"""Reasons as bars: kinds of input first, then single inputs, each with its value and place in the training cohort."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from radresponse.page.palette import Look
from radresponse.therapy_tables import Line, model_words
from radresponse.v1 import prediction_pb2
from radresponse.words import feature_parts, value_words

SHOWN = 6
"""Single inputs of each model."""
HALF = 90.0
"""Half the width of the bars' drawing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What one input does for one therapy."""

    look: Look
    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One input, or one kind of input, for every therapy."""

    name: str
    value: str
    percentile: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Reasons:
    """One model's."""

    model: str
    plus: str
    """What a bar to the right means."""
    minus: str
    scale: str
    groups: tuple[Reason, ...]
    inputs: tuple[Reason, ...]


def common_place(lines: Sequence[Line]) -> str:
    """Of which lesions most image features among the reasons are, so that it need be said once; empty where few are."""
    features = {one.feature for line in lines for one in line.prediction.contributions}
    places = Counter(place for feature in sorted(features) if (place := feature_parts(feature)[1]))
    most = places.most_common(1)
    return most[0][0] if most and most[0][1] * 2 > places.total() else ""


def reasons_of(lines: Sequence[Line], looks: dict[str, Look], common: str) -> Reasons:
    """The reasons of one model for all therapies.

    Args:
        lines: Its predictions, at least one.
        looks: Of each therapy.
        common: As `common_place` gives it for the whole page.
    """
    scale = next((one.scale for line in lines for one in line.prediction.contributions), "")
    hazard = "hazard" in scale
    groups = {
        line.therapy: {one.group: one.contribution for one in line.prediction.contribution_groups} for line in lines
    }
    inputs = {line.therapy: {one.feature: one for one in line.prediction.contributions} for line in lines}
    group_names = list(dict.fromkeys(name for found in groups.values() for name in found))
    largest = max(
        [abs(value) for found in groups.values() for value in found.values()]
        + [abs(one.contribution) for found in inputs.values() for one in found.values()],
        default=0.0,
    )
    return Reasons(
        model=model_words(lines[0].prediction.model),
        plus="sooner" if hazard else "more likely",
        minus="later" if hazard else "less likely",
        scale=scale,
        groups=tuple(
            Reason(name, "", "", _bars({t: found.get(name) for t, found in groups.items()}, looks, largest))
            for name in group_names
        ),
        inputs=tuple(_input(name, inputs, looks, largest, common) for name in _main(inputs)),
    )


def _main(inputs: dict[str, dict[str, prediction_pb2.Contribution]]) -> list[str]:
    size: dict[str, float] = {}
    for found in inputs.values():
        for name, one in found.items():
            size[name] = max(size.get(name, 0.0), abs(one.contribution))
    return [name for name in sorted(size, key=lambda one: (-size[one], one)) if size[name] > 0][:SHOWN]


def _input(
    name: str,
    inputs: dict[str, dict[str, prediction_pb2.Contribution]],
    looks: dict[str, Look],
    largest: float,
    common: str,
) -> Reason:
    example = next(found[name] for found in inputs.values() if name in found)
    words, place = feature_parts(name)
    shares = {therapy: found[name].contribution if name in found else None for therapy, found in inputs.items()}
    known = example.HasField("percentile")
    return Reason(
        name=f"{words} of {place}" if place and place != common else words,
        value="" if name == "therapy" else value_words(example),
        percentile=f"{example.percentile * 100:.0f}" if known else "",
        bars=_bars(shares, looks, largest),
    )


def _bars(shares: dict[str, float | None], looks: dict[str, Look], largest: float) -> tuple[Bar, ...]:
    bars = []
    for therapy, share in shares.items():
        width = 0.0 if not share or not largest else round(HALF * abs(share) / largest, 2)
        x = HALF if share is None or share >= 0 else HALF - width
        words = "minor" if share is None else f"{share:+.2f}"
        bars.append(Bar(looks[therapy], round(x, 2), width, words))
    return tuple(bars)
