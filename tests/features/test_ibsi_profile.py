"""What a profile may say about IBSI's definitions, and what it may not say beside them."""

import pytest

from features.errors import BadProfile
from features.profile import DEFAULT_PROFILE, SHIPPED, Profile, shipped_profile
from features.radiomics.catalogue import feature_names
from features.radiomics.definitions import DEFINITIONS
from features.radiomics.ibsi.rules import AGGREGATIONS

IBSI = "radresponse: {definitions: ibsi}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("radresponse: {definitions: IBSI}", "wanted pyradiomics or ibsi"),
        ("radresponse: {definitions: [ibsi]}", "wanted pyradiomics or ibsi"),
        ("radresponse: {definition: ibsi}", "did you mean definitions"),
        ("radresponse: {ibsi: {aggregation: 3D merged}}", "acts only with radresponse.definitions: ibsi"),
        ("radresponse: {definitions: pyradiomics, ibsi: {}}", "acts only with"),
        ("radresponse: {definitions: ibsi, ibsi: {agregation: 3D merged}}", "did you mean aggregation"),
        ("radresponse: {definitions: ibsi, ibsi: {aggregation: 3D}}", "wanted one of 2D averaged"),
        ("radresponse: {definitions: ibsi, ibsi: {aggregation: null}}", "wanted one of 2D averaged"),
        ("radresponse: {definitions: ibsi, ibsi: {outliers_sigma: 0}}", "a number above 0"),
        ("radresponse: {definitions: ibsi, ibsi: {outliers_sigma: true}}", "a number above 0"),
        ("radresponse: {definitions: ibsi, ibsi: {outliers_sigma: .inf}}", "a number above 0"),
        ("radresponse: {definitions: ibsi, ibsi: [3D merged]}", "wanted a mapping"),
        (IBSI + "setting: {normalize: true}", "take binCount"),
        (IBSI + "setting: {force2D: true}", "radresponse.ibsi.aggregation"),
        (IBSI + "setting: {symmetricalGLCM: false}", "both ways"),
        (IBSI + "setting: {voxelArrayShift: 1000}", "shifts no intensity"),
        (IBSI + "setting: {weightingNorm: euclidean}", "without weights"),
        (IBSI + "imageType: {Original: {weightingNorm: euclidean}}", "without weights"),
        (IBSI + "setting: {resegmentShape: true, resegmentRange: [0]}", "before resegmentation"),
        (IBSI + "setting: {resegmentMode: sigma, resegmentRange: [-3, 3]}", "outliers_sigma"),
        (IBSI + "setting: {resampledPixelSpacing: [1, 1, 1], interpolator: sitkGaussian}", "sitkLinear"),
        (IBSI + "imageType: {Original: {}, Wavelet: {}}", "not IBSI-2's"),
        (IBSI + "imageType: {LoG: {sigma: [1.0]}}", "not IBSI-2's"),
        ("radresponse: {definitions: ibsi, modalities: {mr: {setting: {normalize: true}}}}", "for mr"),
    ],
)
def test_what_leaves_the_standard_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(BadProfile) as caught:
        Profile.parse(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 700


def test_definitions_are_part_of_what_a_profile_means() -> None:
    plain = Profile.parse("")
    assert Profile.parse("radresponse: {definitions: pyradiomics}") == plain
    texts = [IBSI.strip(), "radresponse: {definitions: ibsi, ibsi: {outliers_sigma: 3}}"]
    texts += [f"radresponse: {{definitions: ibsi, ibsi: {{aggregation: {name}}}}}" for name in AGGREGATIONS]
    digests = {Profile.parse(text).digest for text in texts}
    assert len(digests) == len(texts) - 1  # 3D averaged is what is meant where none is named
    assert plain.digest not in digests
    assert Profile.parse(IBSI) == Profile.parse("radresponse: {definitions: ibsi, ibsi: {aggregation: 3D averaged}}")


def test_a_profile_without_definitions_means_what_it_always_did() -> None:
    # Models in registries carry this digest; features that are cached under it are pyradiomics'.
    assert DEFAULT_PROFILE.digest == "eecf1065cca3927e3a3e2fe14e4b9dfa09abd388dbe99301882083e4fd49f640"
    assert DEFAULT_PROFILE.for_modality("ct").ibsi is None


def test_only_ct_is_rounded() -> None:
    rounded = {}
    for word in ("ct", "pt", "mr"):
        settings = shipped_profile("ibsi").for_modality(word)
        assert settings.ibsi is not None
        rounded[word] = settings.ibsi.whole_intensities
    assert rounded == {"ct": True, "pt": False, "mr": False}


@pytest.mark.parametrize("name", ["ibsi", "ibsi_phantom"])
def test_the_profile_takes_exactly_what_the_standard_has(name: str) -> None:
    assert name in SHIPPED
    standard = {f"original_{one.class_name}_{one.feature}" for one in DEFINITIONS.values() if one.ibsi_code}
    for word in ("ct", "pt", "mr"):
        assert set(feature_names(shipped_profile(name).for_modality(word))) == standard
