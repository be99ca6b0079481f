"""IBSI's digital phantom with the values on which the initiative agreed, and where its tables are, if anywhere.

Source: Zwanenburg et al., IBSI reference manual, arXiv:1612.07003, 5.1 (phantom, CC BY 4.0) and its benchmark tables.
"""

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from builders.images import grid

from features.lesion import Lesion

# Slice by slice; a lower-case x stands for a voxel outside, whose intensity is 1 but for one 9.
_SLICES = (
    ("14411", "14611", "41641", "44641"),
    ("14411", "11611", "x1311", "44611"),
    ("144xx", "11111", "11911", "11611"),
    ("144xx", "11111", "11111", "11611"),
)
_NINE = (2, 2, 2)

VALUES = Path(__file__).parent.parent / "features" / "ibsi_digital_phantom.csv"


@dataclass(frozen=True, slots=True)
class Consensus:
    """One agreed value."""

    value: float
    tolerance: float
    """The initiative's; where it names none, half of the last of the three digits that it prints."""


def phantom() -> Lesion:
    """5 x 4 x 4 voxels of 2 mm, 74 of them inside, grey levels 1, 3, 4 and 6."""
    rows = np.array([[list(row) for row in plane] for plane in _SLICES])
    inside = rows != "x"
    inside[_NINE] = False
    image = np.where(rows == "x", "1", rows).astype(np.float32)
    return Lesion(label=1, image=image, mask=inside, grid=grid((5, 4, 4), (2.0, 2.0, 2.0)), pixel_type="int16")


def consensus() -> dict[str, Consensus]:
    """By IBSI's tag, with the aggregation, e.g. `cm_contrast_3D_avg`."""
    with VALUES.open(encoding="utf-8", newline="") as file:
        return {row["tag"]: _agreed(float(row["value"]), float(row["tolerance"])) for row in csv.DictReader(file)}


def _agreed(value: float, tolerance: float) -> Consensus:
    digit = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 0.01
    return Consensus(value, max(tolerance, digit / 2 * (1 + 1e-9)))


def data_folder() -> Path | None:
    """IBSI's own files, where this machine has them."""
    folder = Path(os.environ.get("RADRESPONSE_DATA", "")) / "radiomics"
    return folder if "RADRESPONSE_DATA" in os.environ and folder.is_dir() else None
