"""Where in the lesion an answer rests on the image embedding."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from radresponse.page.lesions import Slice, slice_of
from radresponse.page.palette import Look
from radresponse.therapy_tables import model_words
from radresponse.v1 import board_pb2


@dataclass(frozen=True, slots=True)
class Map:
    """Of one therapy."""

    therapy: str
    look: Look
    slice: Slice
    overlay: str
    """`data:` address of the PNG."""
    full_scale: str
    whole: str
    fifths: str
    correlation: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Of one model."""

    model: str
    scale: str
    maps: tuple[Map, ...]
    left_out: tuple[str, ...]


def where_of(found: Iterable[board_pb2.SaliencyMap], look: dict[str, Look]) -> tuple[Where, ...]:
    """Model by model; the maps of therapies that stand on the page."""
    shown = []
    for model, of_model in groupby(found, lambda one: model_words(one.model)):
        several = list(of_model)
        maps = tuple(_map(one, look[one.therapy]) for one in several if not one.left_out and one.therapy in look)
        scale = next((one.scale for one in several if one.scale), "")
        shown.append(Where(model, scale, maps, tuple(one.left_out for one in several if one.left_out)))
    return tuple(shown)


def _map(one: board_pb2.SaliencyMap, look: Look) -> Map:
    return Map(
        therapy=one.therapy or "any therapy",
        look=look,
        slice=slice_of(one.picture),
        overlay="data:image/png;base64," + base64.b64encode(one.overlay_png).decode(),
        full_scale=f"{one.full_scale:.2g}",
        whole=_signed(one.whole_change),
        fifths=f"{_signed(one.strongest_change)} / {_signed(one.weakest_change)}",
        correlation=_signed(one.shuffled_correlation),
        passed=one.passed,
    )


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # no -0.00
