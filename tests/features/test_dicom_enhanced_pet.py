"""Enhanced PET in SUV: by real world values in SUV or Bq/ml, each frame by its own, or refused with what is lacking."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from builders.dicom import ENHANCED_PT, enhanced, ramp, source
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from features.errors import DamagedFile, SuvNotComputable
from features.imaging.read import read_image

VOXELS = ramp(kind="uint16")
HALF_LIFE_S, DOSE_BQ, WEIGHT_KG = 6586.2, 3.5e8, 70.0
ACTIVITY, BY_WEIGHT = "Bq/ml", "{SUVbw}g/ml"


def mapping(unit: str, slope: float | None, intercept: float = 0.0) -> Dataset:
    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", "unit"
    item.MeasurementUnitsCodeSequence = Items([code])
    if slope is not None:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    return item


def pet(
    *mappings: Dataset,
    per_frame: Sequence[Dataset] = (),
    moment: str = "20200102110000",
    injected: str = "20200102100000",
    corrected: str = "YES",
    weight_kg: float | None = WEIGHT_KG,
    syntax: str = ExplicitVRLittleEndian,
    change: Callable[[Dataset], None] = lambda data: None,
) -> bytes:
    def told(data: Dataset) -> None:
        tracer = Dataset()
        tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = DOSE_BQ, HALF_LIFE_S
        tracer.RadiopharmaceuticalStartDateTime = injected
        data.RadiopharmaceuticalInformationSequence = Items([tracer])
        data.PatientWeight, data.DecayCorrected, data.AttenuationCorrected = weight_kg, corrected, "YES"
        data.DecayCorrectionDateTime = moment
        if mappings:
            data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Items(mappings)
        for frame, own in zip(data.PerFrameFunctionalGroupsSequence, per_frame, strict=False):
            frame.RealWorldValueMappingSequence = Items([own])
        change(data)

    return enhanced(VOXELS, ENHANCED_PT, change=told, syntax=syntax)


def refusal(file: bytes) -> str:
    with pytest.raises(SuvNotComputable) as caught:
        read_image(source(file))
    return str(caught.value)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_activity_is_set_against_the_dose_left_at_the_moment_of_correction(syntax: str) -> None:
    image = read_image(source(pet(mapping(ACTIVITY, 2.0, 3.0), syntax=syntax)))
    left_bq = DOSE_BQ * 2 ** (-3600 / HALF_LIFE_S)
    np.testing.assert_allclose(image.voxels, (2.0 * VOXELS + 3.0) * 1000 * WEIGHT_KG / left_bq, rtol=1e-6)


def test_activity_corrected_to_the_injection_is_set_against_the_whole_dose() -> None:
    image = read_image(source(pet(mapping(ACTIVITY, 1.0), moment="20200102100000")))
    np.testing.assert_allclose(image.voxels, VOXELS * 1000.0 * WEIGHT_KG / DOSE_BQ, rtol=1e-6)


@pytest.mark.parametrize("unit", [BY_WEIGHT, "g/ml{SUVbw}"])
def test_values_in_suv_are_taken_before_those_in_activity(unit: str) -> None:
    both = pet(mapping(ACTIVITY, 9.0), mapping(unit, 0.01), weight_kg=None)
    np.testing.assert_allclose(read_image(source(both)).voxels, 0.01 * VOXELS, rtol=1e-6)


def test_each_frame_has_its_own_slope() -> None:
    slopes = 0.01 * (1 + np.arange(len(VOXELS)))
    image = read_image(source(pet(per_frame=[mapping(BY_WEIGHT, float(slope)) for slope in slopes])))
    np.testing.assert_allclose(image.voxels, VOXELS * slopes[:, None, None], rtol=1e-6)


def test_what_is_lacking_is_said() -> None:
    assert "none of 0 real world value mappings" in refusal(pet())
    assert "none of 1 real world value mappings" in refusal(pet(mapping("{SUVlbm}g/ml", 1.0)))
    bare = pet(mapping(ACTIVITY, 1.0), change=lambda data: delattr(data, "PerFrameFunctionalGroupsSequence"))
    with pytest.raises(DamagedFile, match="no position"):
        read_image(source(bare))
    assert "mapped by a table" in refusal(pet(mapping(ACTIVITY, None)))
    mixed = [mapping(BY_WEIGHT if index else ACTIVITY, 1.0) for index in range(len(VOXELS))]
    assert "differ in units" in refusal(pet(per_frame=mixed))
    assert "PatientWeight" in refusal(pet(mapping(ACTIVITY, 1.0), weight_kg=None))
    assert "not corrected for decay" in refusal(pet(mapping(ACTIVITY, 1.0), corrected="NO"))
    assert "DecayCorrection is missing" in refusal(pet(mapping(ACTIVITY, 1.0), moment=""))
    assert "injected is missing" in refusal(pet(mapping(ACTIVITY, 1.0), injected=""))
