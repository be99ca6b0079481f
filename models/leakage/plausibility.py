"""Feature values that no lesion has: a negative volume, a sphericity of 0.06, a surface too small for its volume."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.families.columns import ColumnSpec


@dataclass(frozen=True, slots=True)
class Implausible:
    """A column with impossible values."""

    column: str
    patients: int
    """How many have one."""
    wanted: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.column}: {self.patients} patients have an impossible value; wanted {self.wanted}"


_ABOVE_0 = (np.nextafter(0, 1), np.inf, "above 0")
_SHARE = (0.0, 1 + 1e-6, "0 to 1")
_LIMITS = (
    (r".*shape_(Mesh|Voxel)Volume|measure\..*(volume_mm3|area_mm2)", _ABOVE_0),
    (r".*shape_(SurfaceArea|SurfaceVolumeRatio|Maximum\w*Diameter\w*|(Major|Minor|Least)AxisLength)", _ABOVE_0),
    (r".*shape2D_\w*(Surface|Perimeter|Diameter|AxisLength)", _ABOVE_0),
    (r".*shape_Sphericity", (0.1, 1 + 1e-6, "0.1 to 1 (a sphere)")),
    (r".*shape_(Elongation|Flatness)", _SHARE),
    (r".*original_firstorder_Uniformity", _SHARE),
    (r".*original_(firstorder_(Energy|Entropy|Variance|Range)|glcm_JointEntropy)", (-1e-6, np.inf, "0 or more")),
    (r".*original_glcm_Correlation", (-1 - 1e-6, 1 + 1e-6, "-1 to 1")),
    (r"(?i)(clinical\.)?age(_years)?", (0.0, 120.0, "0 to 120 years")),
)
"""From the definitions of the features; below a sphericity of 0.1 a mask is a cloud of specks."""
_TOLERANCE = 0.05


def implausible(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> tuple[Implausible, ...]:
    """The columns with values that cannot be, each with how many patients have one.

    A change between dates may be anything and is not judged; nor is what carries no known name.

    Args:
        frame: Raw columns, one row a patient.
        columns: Those to judge.
    """
    found = []
    for spec in columns:
        if spec.kind != "number" or ".delta." in spec.name:
            continue
        limits = next((limits for pattern, limits in _LIMITS if re.fullmatch(pattern, spec.name)), None)
        if limits is None:
            continue
        values = frame[spec.name].to_numpy(dtype=np.float64)
        outside = int(((values < limits[0]) | (values > limits[1])).sum())
        if outside:
            found.append(Implausible(spec.name, outside, limits[2]))
    return (*found, *_surfaces(frame, {spec.name for spec in columns} - {one.column for one in found}))


def _surfaces(frame: pd.DataFrame, sound: set[str]) -> list[Implausible]:
    """Sphericity must be that of the volume and the surface beside it."""
    found = []
    for name in sorted(sound):
        stem, shape, feature = name.rpartition("shape_")
        volume, surface = f"{stem}{shape}MeshVolume", f"{stem}{shape}SurfaceArea"
        if feature != "Sphericity" or not {volume, surface} <= sound:
            continue
        expected = (36 * np.pi * frame[volume] ** 2) ** (1 / 3) / frame[surface]
        outside = int(((frame[name] - expected).abs() > _TOLERANCE).sum())
        if outside:
            found.append(Implausible(name, outside, "the sphericity of the volume and surface beside it"))
    return found
