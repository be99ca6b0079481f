"""The fused engine gives pyradiomics' names and values: on real tumours, and on lesions and settings of every kind."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import SimpleITK as sitk
from builders.feature_profiles import ALL_IMAGES, PROFILES
from builders.odd_lesions import lesions, profiles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.case import Source
from features.errors import BadLesion
from features.imaging.read import read_image, read_segmentation
from features.lesion import Lesion
from features.lesions import find_lesions
from features.profile import Profile
from features.radiomics import Engine, extract
from features.radiomics.compare import differences
from features.radiomics.extracted import Extracted
from features.radiomics.settings import Settings
from features.samples import sample

pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")


def settings_of(text: str) -> Settings:
    return Profile.parse(text).for_modality("ct")


def tumour(name: str) -> Lesion:
    image, mask = (Source.of(file) for file in sample(name))
    return find_lesions(read_image(image), read_segmentation(mask))[0]


def measured(lesion: Lesion, chosen: Settings, engine: Engine) -> Extracted | BadLesion:
    try:
        return extract(lesion, chosen, engine=engine)
    except BadLesion as error:
        return error


def tell(found: tuple[Any, ...]) -> str:
    return "\n".join(map(str, found[:10]))


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1", "lung1"])
@pytest.mark.parametrize("kind", PROFILES)
def test_a_real_tumour_has_the_values_of_pyradiomics(case: str, kind: str) -> None:
    if case == "lung1" and kind == "every image":
        pytest.skip("ten seconds of pyradiomics; make bench ONLY=radiomics does it")
    lesion, chosen = tumour(case), settings_of(PROFILES[kind])
    ours, theirs = (measured(lesion, chosen, engine) for engine in ("fused", "pyradiomics"))
    assert isinstance(ours, Extracted)
    assert len(ours.values) > 100
    found = differences(ours, theirs)
    assert not found, tell(found)


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_any_lesion_under_any_settings_has_the_values_of_pyradiomics(data: st.DataObject) -> None:
    lesion = data.draw(lesions())
    chosen = settings_of(data.draw(profiles(lesion)))
    ours, theirs = (measured(lesion, chosen, engine) for engine in ("fused", "pyradiomics"))
    found = differences(ours, theirs)
    assert not found, tell(found)


def test_a_difference_is_seen() -> None:
    lesion, chosen = tumour("breast1"), settings_of("imageType: {Original: }")
    ours = extract(lesion, chosen)
    name = "original_glcm_Contrast"
    changed = Extracted({**ours.values, name: ours.values[name] * (1 + 1e-5)}, ours.missing)
    assert [one.name for one in differences(changed, ours)] == [name]


def test_any_number_of_threads_gives_the_same_bits() -> None:
    chosen = settings_of(ALL_IMAGES)
    tumours = [tumour("breast1"), tumour("brain2")] * 2
    alone = [extract(one, chosen).values for one in tumours]
    for threads in (2, 4):
        with ThreadPoolExecutor(threads) as pool:
            assert [found.values for found in pool.map(lambda one: extract(one, chosen), tumours)] == alone


def test_no_global_tolerance_is_touched() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance()
    extract(tumour("breast1"), settings_of(ALL_IMAGES))
    assert sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance() == before
