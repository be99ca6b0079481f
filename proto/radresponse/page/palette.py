"""Colours and strokes of therapies: told apart by any eye, and on paper without colour."""

from collections.abc import Iterable
from dataclasses import dataclass

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's, made for colour-blind readers (jfly.uni-koeln.de/color, 2008), strongest on white first."""
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2 1 2", "1 2")


@dataclass(frozen=True, slots=True)
class Look:
    """How a therapy is drawn everywhere on the page."""

    letter: str
    colour: str
    dash: str
    """SVG's `stroke-dasharray`; empty for a full line."""


def looks(therapies: Iterable[str]) -> dict[str, Look]:
    """A look for each therapy, in order; letters A, B, ... tell them apart where colours and strokes repeat."""
    return {
        therapy: Look(_letter(index), _COLOURS[index % len(_COLOURS)], _DASHES[index % len(_DASHES)])
        for index, therapy in enumerate(dict.fromkeys(therapies))
    }


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"A{index}"
