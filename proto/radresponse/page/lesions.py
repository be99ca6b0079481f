"""Slices with the lesion's outline, drawn to one scale."""

import base64
from dataclasses import dataclass

from radresponse.v1 import board_pb2

_HEIGHT = 210.0
_WIDEST = 300.0


@dataclass(frozen=True, slots=True)
class Slice:
    """One picture on the page."""

    source: str
    """`data:` address of the PNG."""
    width: float
    height: float
    columns: int
    rows: int
    outlines: tuple[str, ...]
    """SVG path data, in pixels of the picture."""
    bar: float
    """Length of the scale bar, in pixels of the picture."""
    bar_mm: int
    left: str
    right: str
    top: str
    bottom: str
    caption: str


def slice_of(picture: board_pb2.LesionPicture) -> Slice:
    """How a picture is shown; pixels that are not square are stretched to what they are."""
    across = picture.width * picture.column_spacing_mm
    down = picture.height * picture.row_spacing_mm
    scale = min(_HEIGHT / down, _WIDEST / across)
    bar_mm = 50 if across > 120 else 20 if across > 50 else 10
    when = "" if not picture.day else f", day {picture.day}"
    which = f"slice {picture.slice + 1} of {picture.slices}, " if picture.slices > 1 else ""
    window = f"{min(picture.black, picture.white):.4g} to {max(picture.black, picture.white):.4g}"
    return Slice(
        source="data:image/png;base64," + base64.b64encode(picture.png).decode(),
        width=round(across * scale, 1),
        height=round(down * scale, 1),
        columns=picture.width,
        rows=picture.height,
        outlines=tuple(
            "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in zip(line.x, line.y, strict=True)) + " Z"
            for line in picture.contours
        ),
        bar=round(bar_mm / picture.column_spacing_mm, 2),
        bar_mm=bar_mm,
        left=picture.left,
        right=picture.right,
        top=picture.top,
        bottom=picture.bottom,
        caption=f"{picture.scan_name.upper()}{when}, lesion {picture.label}, {which}window {window}",
    )
