"""Where the two engines differ for one lesion."""

import math
from dataclasses import dataclass

from features.errors import BadLesion
from features.radiomics.extracted import Extracted

TOLERANCE = 1e-6
"""Relative, to pyradiomics' value."""
SMALLEST = 1e-9
"""Values below it are compared as if they were it."""
ROUNDING = 1e-12
"""Of a sum of which large parts cancel, relative to the parts; sums in another order differ by so much."""

_PARTS = {"Skewness": 1.0, "Correlation": 1.0, "Imc1": 1.0}
"""How large the parts are of sums that can cancel to nothing. ClusterShade's follow from ClusterProminence."""

_OF_MESH_VOLUME = frozenset(
    f"original_shape_{feature}"
    for feature in ("Compactness1", "Compactness2", "Sphericity", "SphericalDisproportion", "SurfaceVolumeRatio")
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature on which the engines do not agree."""

    name: str
    fused: float | str
    """A value, or why there is none."""
    pyradiomics: float | str

    def __str__(self) -> str:
        return f"{self.name}: fused {self.fused}, pyradiomics {self.pyradiomics}"


def differences(ours: Extracted | BadLesion, theirs: Extracted | BadLesion) -> tuple[Difference, ...]:
    """Features whose values differ, or that only one engine has; a refusal of the whole lesion stands as `*`."""
    if isinstance(ours, BadLesion) or isinstance(theirs, BadLesion):
        said = [str(one) if isinstance(one, BadLesion) else "measured" for one in (ours, theirs)]
        return () if said[0] == said[1] else (Difference("*", *said),)
    mine: dict[str, float | str] = {**ours.missing, **ours.values}
    reference: dict[str, float | str] = {**theirs.missing, **theirs.values}
    return tuple(
        Difference(name, mine.get(name, "not given"), reference.get(name, "not given"))
        for name in dict.fromkeys([*mine, *reference])
        if not _agree(mine.get(name), reference.get(name), _parts(name, theirs)) and not _made_of_rounding(name, theirs)
    )


def _made_of_rounding(name: str, theirs: Extracted) -> bool:
    """Whether a feature is divided by the volume of a mesh that encloses nothing: corners that touch can cancel out."""
    volume = theirs.values.get("original_shape_MeshVolume")
    voxels = theirs.values.get("original_shape_VoxelVolume", 0.0)
    return volume is not None and abs(volume) < ROUNDING * voxels and name in _OF_MESH_VOLUME


def _parts(name: str, theirs: Extracted) -> float:
    feature = name.rpartition("_")[2]
    if feature == "ClusterShade":
        prominence = theirs.values.get(name.replace("Shade", "Prominence"), 0.0)
        return float(max(prominence, 0.0) ** 0.75)
    return _PARTS.get(feature, 0.0)


def _agree(ours: float | str | None, theirs: float | str | None, parts: float) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        allowed = max(TOLERANCE * max(abs(theirs), SMALLEST), ROUNDING * parts)
        return math.isclose(ours, theirs, rel_tol=0.0, abs_tol=allowed)
    return ours == theirs
