"""What a profile with `definitions: ibsi` may say beyond pyradiomics' settings, and what it may not say.

Source: Zwanenburg et al., IBSI reference manual (arXiv:1612.07003); codes are the manual's permanent identifiers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.errors import BadProfile

if TYPE_CHECKING:
    from features.radiomics.settings import Settings


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Over which pairs of voxels a texture table is counted, and what is averaged."""

    in_plane: bool
    """Neighbours are sought within a slice only (constant z)."""
    by_slice: bool
    """Each slice has tables of its own; features are averaged over slices."""
    merged: bool
    """The tables of all directions are added up before features are taken, not after."""
    code: str
    """For tables that have directions: GLCM and GLRLM."""
    code_without_directions: str
    """For GLSZM, GLDM and NGTDM, which have none."""


AGGREGATIONS: Mapping[str, Aggregation] = {
    "2D averaged": Aggregation(True, True, False, "BTW3", "8QNN"),
    "2D slice-merged": Aggregation(True, True, True, "SUJT", "8QNN"),
    "2.5D direction-merged": Aggregation(True, False, False, "JJUI", "62GR"),
    "2.5D merged": Aggregation(True, False, True, "ZW7Z", "62GR"),
    "3D averaged": Aggregation(False, False, False, "ITBB", "KOBO"),
    "3D merged": Aggregation(False, False, True, "IAZD", "KOBO"),
}
"""By the manual's words."""

AS_PYRADIOMICS = "3D averaged"

ORDERS: Mapping[str, int] = {"sitkNearestNeighbor": 0, "sitkLinear": 1, "sitkBSpline": 3}
"""Degree of the polynomial of each interpolator that the manual names."""


@dataclass(frozen=True, slots=True)
class Ibsi:
    """How features are taken by IBSI's definitions, where pyradiomics has no setting for it."""

    aggregation: str = AS_PYRADIOMICS
    outliers_sigma: float | None = None
    """Voxels further from the lesion's mean than so many standard deviations are left out (7ACA)."""
    whole_intensities: bool = False
    """Interpolated intensities are rounded to whole numbers (68QD), as in CT."""


_ONLY: dict[str, tuple[object, str]] = {
    "normalize": (False, "IBSI-1 standardises no normalisation; for arbitrary units take binCount"),
    "force2D": (False, "for slices take radresponse.ibsi.aggregation, e.g. 2D averaged"),
    "symmetricalGLCM": (True, "IBSI counts each pair both ways"),
    "voxelArrayShift": (0, "IBSI shifts no intensity"),
    "weightingNorm": (None, "IBSI's values are without weights"),
    "resegmentShape": (False, "IBSI takes shape from the lesion before resegmentation"),
    "resegmentMode": ("absolute", "for outliers take radresponse.ibsi.outliers_sigma"),
}
"""Settings that leave the standard unless they hold one value, and what to do instead."""


def require_standard(settings: "Settings", word: str) -> None:
    """Refuses settings under which the values would not be IBSI's.

    Raises:
        BadProfile: Naming the setting.
    """
    beyond = [name for name in settings.image_types if name != "Original"]
    if beyond:
        raise BadProfile(
            f"imageType has {', '.join(beyond)}; with definitions: ibsi wanted Original alone, for these filters are "
            "pyradiomics' own and not IBSI-2's",
            key="imageType",
        )
    arguments = settings.arguments("Original")
    for key, (wanted, why) in _ONLY.items():
        if arguments[key] != wanted:
            raise BadProfile(
                f"{key} is {arguments[key]!r} for {word}; with definitions: ibsi wanted {wanted!r}, for {why}", key=key
            )
    resampled = settings.setting["resampledPixelSpacing"] is not None
    interpolator = settings.setting["interpolator"]
    if resampled and interpolator is not None and interpolator not in ORDERS:
        raise BadProfile(
            f"interpolator is {interpolator!r}; with definitions: ibsi wanted one of {', '.join(ORDERS)}",
            key="interpolator",
        )
