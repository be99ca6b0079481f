"""A profile is understood wholly or refused."""

import pytest
import pywt
import radiomics
import SimpleITK as sitk
import yaml
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BadProfile
from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics.catalogue import DEPRECATED, FEATURES, IMAGE_TYPES, WITHDRAWN, feature_names
from features.radiomics.settings import INTERPOLATORS, RULES, WAVELETS


def test_the_catalogue_is_pyradiomics_own() -> None:
    classes = radiomics.getFeatureClasses()
    assert set(classes) == set(FEATURES)
    for name, found in classes.items():
        features = found.getFeatureNames()
        assert {one for one, deprecated in features.items() if not deprecated} == set(FEATURES[name])
        withdrawn = {*DEPRECATED.get(name, ()), *WITHDRAWN.get(name, ())}
        assert {one for one, deprecated in features.items() if deprecated} == withdrawn
    assert set(IMAGE_TYPES) == set(radiomics.getImageTypes())


def test_every_word_that_a_setting_takes_is_known_to_its_engine() -> None:
    assert set(WAVELETS) == set(pywt.wavelist(kind="discrete"))
    assert all(hasattr(sitk, name) for name in INTERPOLATORS)


def test_every_setting_of_pyradiomics_schema_is_known_or_refused_by_name() -> None:
    schema, _ = radiomics.getParameterValidationFiles()
    with open(schema) as file:  # noqa: PTH123
        keys = yaml.safe_load(file)["mapping"]["setting"]["mapping"]
    for key in keys:
        if key not in RULES:
            with pytest.raises(BadProfile, match=rf"setting\.{key} is .*; ?|setting\.{key} is refused"):
                Profile.parse(f"setting: {{{key}: [[]]}}")
    assert set(RULES) <= set(keys)


def test_the_default_takes_all_classes_of_the_original_image_with_a_width_for_each_modality() -> None:
    for word, width in (("ct", 25), ("pt", 0.5), ("mr_t1", 5)):
        settings = DEFAULT_PROFILE.for_modality(word)
        assert settings.setting["binWidth"] == width
        assert len(feature_names(settings)) == 107
    assert DEFAULT_PROFILE.for_modality("mr").setting["normalize"] is True
    assert DEFAULT_PROFILE.for_modality("ct").setting["normalize"] is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setting: {binwidth: 3}", "did you mean binWidth"),
        ("settings: {binWidth: 3}", "did you mean setting"),
        ("imageType: {log: {sigma: [1]}}", "did you mean LoG"),
        ("imageType: {LoG: {sigmas: [1]}}", "did you mean sigma"),
        ("imageType: {LoG: {}}", "has no sigma"),
        ("imageType: {Wavelet: {sigma: [1]}}", "wanted under imageType.LoG"),
        ("imageType: {Wavelet: {normalize: true}}", "wanted under setting"),
        ("imageType: {Wavelet: {wavelet: coif99}}", "discrete wavelet"),
        ("featureClass: {GLCM: []}", "did you mean glcm"),
        ("featureClass: {glcm: [contrast]}", "did you mean Contrast"),
        ("featureClass: {glcm: [Homogeneity1]}", "no longer computes"),
        ("featureClass: {glcm: Contrast}", "a list of feature names"),
        ("featureClass: {shape2D: []}", "force2D"),
        ("setting: {geometryTolerance: 0.1}", "geometryTolerance is refused"),
        ("setting: {label: 2}", "--label"),
        ("setting: {correctMask: true}", "resampled where the scan is given"),
        ("setting: {binWidth: 0}", "above 0"),
        ("setting: {binWidth: -1}", "above 0"),
        ("setting: {binWidth: .nan}", "above 0"),
        ("setting: {binWidth: .inf}", "above 0"),
        ("setting: {binWidth: '25'}", "above 0"),
        ("setting: {binWidth: true}", "above 0"),
        ("setting: {binWidth: null}", "above 0"),
        ("setting: {binCount: 16.5}", "whole number"),
        ("setting: {normalize: 1}", "true or false"),
        ("setting: {resampledPixelSpacing: [1, 1]}", "three spacings"),
        ("setting: {resegmentRange: []}", "one or two numbers"),
        ("setting: {resegmentRange: [1, [2]]}", "one or two numbers"),
        ("setting: {interpolator: sitkbspline}", "sitkBSpline"),
        ("setting: {distances: [0]}", "1 to 10"),
        ("setting: {force2Ddimension: 3}", "0, 1 or 2"),
        ("setting: [binWidth]", "wanted a mapping"),
        ("voxelSetting: {kernelRadius: 1}", "unknown"),
        ("radresponse: {modality: {}}", "did you mean modalities"),
        ("radresponse: {modalities: {pet: {}}}", "did you mean pt"),
        ("radresponse: {modalities: {pt: {imageType: {}}}}", "unknown"),
        ("radresponse: {modalities: {pt: {setting: {binwidth: 1}}}}", "did you mean binWidth"),
        ("- setting", "a mapping of sections"),
        ("setting: {binWidth: 1, binWidth: 2}", "twice"),
        ("setting: &one {binWidth: 1}\nimageType: {Original: *one}", "aliases"),
        ("setting: !!python/object/apply:os.getcwd []", "tag"),
        ("1: 2", "no text"),
        ("setting: {", "line 1"),
        ("\x00", "not readable"),
        ("[" * 50_000, "nested"),
        ("# " + "x" * 70_000, "characters"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_was_seen_and_what_is_wanted(text: str, said: str) -> None:
    with pytest.raises(BadProfile) as caught:
        Profile.parse(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "setting: {binWidth: 25, distances: [1]}\nimageType: {Original: {}}"),
        ("setting: {binWidth: 5}", "# a comment\nsetting:\n  binWidth: 5.0\n  label: 1\n  additionalInfo: false"),
        ("featureClass: {glcm: [Idm, Contrast], shape: }", "featureClass: {shape: [], glcm: [Contrast, Idm]}"),
        ("imageType: {LoG: {sigma: [2.0]}}", "imageType: {LoG: {}}\nsetting: {sigma: [2.0]}"),
        ("imageType: {Wavelet: , Original: }", "imageType: {Original: {}, Wavelet: {wavelet: coif1}}"),
        ("setting: {binCount: 32}", "setting: {binCount: 32, binWidth: 7}"),
        ("setting: {normalizeScale: 100}", ""),
        ("setting: {binWidth: 25}", "radresponse: {modalities: {pt: {setting: {binWidth: 25}}}}"),
    ],
)
def test_the_same_meaning_has_the_same_digest(one: str, other: str) -> None:
    assert Profile.parse(one).digest == Profile.parse(other).digest
    assert Profile.parse(one) == Profile.parse(other)


@pytest.mark.parametrize(
    "text",
    [
        "setting: {binWidth: 24}",
        "imageType: {LoG: {sigma: [2.0]}}",
        "imageType: {LoG: {sigma: [2]}}",  # another feature name than 2.0
        "imageType: {Wavelet: }",
        "featureClass: {glcm: [Contrast]}",
        "setting: {force2D: true}",
        "setting: {preCrop: true}",
        "radresponse: {modalities: {pt: {setting: {binWidth: 0.5}}}}",
        "radresponse: {modalities: {mr: {setting: {binWidth: 0.5}}}}",
    ],
)
def test_another_meaning_has_another_digest(text: str) -> None:
    others = ["", "imageType: {LoG: {sigma: [2.00]}, Original: }"]
    assert Profile.parse(text).digest not in {Profile.parse(other).digest for other in others}


def test_digests_of_whole_and_broken_sigma_differ_for_their_features_are_named_differently() -> None:
    whole, broken = (Profile.parse(f"imageType: {{LoG: {{sigma: [{one}]}}}}") for one in ("2", "2.0"))
    assert whole.digest != broken.digest
    assert "log-sigma-2-mm-3D_glcm_Idm" in feature_names(whole.for_modality("ct"))
    assert "log-sigma-2-0-mm-3D_glcm_Idm" in feature_names(broken.for_modality("ct"))


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_profile_or_refused(text: str) -> None:
    try:
        Profile.parse(text)
    except BadProfile as error:
        assert error.reason == "BAD_PROFILE"
