"""Enhanced PET: the unit of its values and how they were corrected stand elsewhere than in a classic one.

Source: DICOM PS3.3 A.56 (Enhanced PET IOD), C.7.6.16.2.11 (real world value mapping), C.8.22.5 (Enhanced PET image),
PS3.16 CID 84 and 85 (units).
"""

from collections.abc import Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from features.dicom.attributes import first_of, items_of, number_of, text_of
from features.dicom.instance import Frame
from features.dicom.suv import PetFacts
from features.errors import SuvNotComputable

_UNITS = {"{SUVbw}g/ml": "GML", "g/ml{SUVbw}": "GML", "Bq/ml": "BQML"}
"""Words of classic PET by UCUM's; what stands first is taken where a frame has both."""


def in_real_world(data: Dataset, frames: Sequence[Frame]) -> tuple[str, tuple[Frame, ...]]:
    """The unit of all frames, and each with the slope and intercept that lead to it.

    Raises:
        SuvNotComputable: Frames differ in unit, or no mapping leads to SUV by body weight or to Bq/ml.
    """
    shared = first_of(data, "SharedFunctionalGroupsSequence") or Dataset()
    units: set[str] = set()
    mapped: list[Frame] = []
    # Frames that nothing is said of one by one share what is said of all; `frames_of` has counted the others.
    groups = items_of(data, "PerFrameFunctionalGroupsSequence") or [Dataset()] * len(frames)
    for own, frame in zip(groups, frames, strict=True):
        of_frame = items_of(own, "RealWorldValueMappingSequence") or items_of(shared, "RealWorldValueMappingSequence")
        by_unit = {_unit(one): one for one in of_frame}
        unit = next((known for known in _UNITS if known in by_unit), None)
        if unit is None:
            raise SuvNotComputable(
                f"the PET cannot be turned into SUV: none of {len(of_frame)} real world value mappings is in one of "
                f"{', '.join(_UNITS)}"
            )
        units.add(unit)
        slope = number_of(by_unit[unit], "RealWorldValueSlope")
        intercept = number_of(by_unit[unit], "RealWorldValueIntercept")
        if slope is None or intercept is None:
            raise SuvNotComputable(
                "the PET cannot be turned into SUV: its values are mapped by a table; wanted a slope and an intercept"
            )
        mapped.append(replace(frame, slope=slope, intercept=intercept))
    if len({_UNITS[unit] for unit in units}) != 1:
        raise SuvNotComputable("the PET cannot be turned into SUV: frames differ in units; wanted one for all")
    return _UNITS[units.pop()], tuple(mapped)


def as_classic(data: Dataset, facts: PetFacts, units: str) -> PetFacts:
    """What it says of corrections, in the words of a classic PET."""
    corrected = {"ATTN": "AttenuationCorrected", "DECY": "DecayCorrected"}
    moment = text_of(data, "DecayCorrectionDateTime")
    return replace(
        facts,
        units=units,
        suv_type="BW" if units == "GML" else "",
        corrections=tuple(word for word, keyword in corrected.items() if text_of(data, keyword) == "YES"),
        decay="START" if moment else "",
        decay_reference=moment,
    )


def _unit(mapping: Dataset) -> str:
    code = first_of(mapping, "MeasurementUnitsCodeSequence")
    return text_of(code, "CodeValue") if code is not None else ""
