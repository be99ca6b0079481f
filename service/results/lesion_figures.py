"""What was measured of each lesion: the RECIST axes, volume, and the radiomic features of the image as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from features.errors import BadLesion
from features.lesion import Lesion
from features.measures import lesion_quantities, measure_lesion
from features.profile import Profile
from features.radiomics import ENGINE, extract
from features.radiomics.catalogue import feature_names
from features.radiomics.shared import Shared
from service.results.concepts import (
    Concept,
    Unit,
    feature_concept,
    feature_unit,
    measure_concept,
    measure_unit,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number."""

    concept: Concept
    unit: Unit
    value: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers of one lesion that one method gave."""

    label: int
    method: str
    version: str
    parameters: str
    """What fixes the method: the profile's digest; empty where nothing does."""
    figures: tuple[Figure, ...]


def measured(
    lesions: Sequence[Lesion], scan: str, profiles: Sequence[Profile], version: str, check: Callable[[], None]
) -> list[Measured]:
    """Measures each lesion: once for the axes and the volume, and once by each profile.

    Args:
        lesions: Of one scan.
        scan: Its name, which begins with the modality.
        profiles: By which radiomic features are taken; features of filtered images are left out.
        version: Of this software.
        check: Called between lesions; raises where nobody waits any more.
    """
    found = []
    shared = Shared()
    for lesion in lesions:
        check()
        sizes = [
            Figure(measure_concept(name), measure_unit(name), value)
            for name, value in measure_lesion(lesion).items()
            if name in lesion_quantities(scan)
        ]
        found.append(Measured(lesion.label, "RadResponse measures", version, "", tuple(sizes)))
        for profile in profiles:
            settings = profile.for_modality(scan)
            names = [name for name in feature_names(settings) if name.startswith("original_")]
            try:
                values = extract(lesion, settings, names, check, shared=shared).values
            except BadLesion:  # too small or flat: it has its axes and no features
                continue
            figures = [
                Figure(feature_concept(name, settings), feature_unit(name, scan), value)
                for name, value in values.items()
            ]
            digest = f"profile SHA-256 {profile.digest}"
            found.append(Measured(lesion.label, "RadResponse radiomics", ENGINE, digest, tuple(figures)))
    return found
