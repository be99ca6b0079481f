"""The door to both engines: the reference has pyradiomics' values; each only what is asked, side by side, stoppable."""

import logging
import random
import sys
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import SimpleITK as sitk
import yaml
from builders.tumours import ball, texture, tumour
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from features.errors import BadLesion, Cancelled, LesionTooSmall, UnknownColumn
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics import ENGINES, REFERENCE
from features.radiomics import extract as door
from features.radiomics.catalogue import FEATURES, feature_names
from features.radiomics.extracted import Extracted
from features.radiomics.lbp3d import lbp3d_images
from features.radiomics.settings import Settings
from features.samples import sample

# pykwalify, by which pyradiomics itself checks its parameters; not in our way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the load_module.. method is deprecated", "ignore:.*interface is deprecated"
)

ALL_IMAGES = """
imageType:
  Original:
  LoG: {sigma: [1, 2.5]}
  Wavelet: {binWidth: 10}
  Square:
  SquareRoot:
  Logarithm:
  Exponential:
  Gradient:
  LBP2D: {binWidth: 1}
"""
Derive = Callable[..., object]
Extract = Callable[..., Extracted]
CLASSES: dict[str, Any] = {name: None for name in FEATURES if name != "shape2D"}


reference: Extract = partial(door, engine="pyradiomics")


@pytest.fixture(params=ENGINES)
def extract(request: pytest.FixtureRequest) -> Extract:
    """Each engine in turn."""
    return partial(door, engine=request.param)


def settings_of(text: str, word: str = "ct") -> Settings:
    return Profile.parse(text).for_modality(word)


def real(name: str) -> tuple[Path, Path, Lesion]:
    image_file, mask_file = sample(name)
    image, mask = sitk.ReadImage(str(image_file)), sitk.ReadImage(str(mask_file))
    voxels = sitk.GetArrayFromImage(image)
    grid = Grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    inside = sitk.GetArrayFromImage(mask) == 1
    return image_file, mask_file, Lesion(1, voxels.astype(np.float32), inside, grid, str(voxels.dtype))


def plain(text: str, image_file: Path, mask_file: Path) -> dict[str, float]:
    """What pyradiomics itself makes of a parameter file."""
    parameters = {"featureClass": CLASSES, **(yaml.safe_load(text) or {})}
    parameters["imageType"] = {name: own or {} for name, own in parameters.get("imageType", {"Original": {}}).items()}
    with np.errstate(all="ignore"):
        found = RadiomicsFeatureExtractor(parameters).execute(str(image_file), str(mask_file), label=1)
    return {name: float(value) for name, value in found.items() if not name.startswith("diagnostics")}


def worst_difference(found: dict[str, float], wanted: dict[str, float]) -> float:
    assert set(found) == set(wanted)
    return max(abs(found[name] - wanted[name]) / max(abs(wanted[name]), 1e-300) for name in wanted)


def random_profile(seed: int) -> str:
    chance = random.Random(seed)
    setting: dict[str, Any] = {}
    if chance.random() < 0.5:
        setting |= {"resampledPixelSpacing": [chance.choice([0, 1.5, 3]), 2, chance.choice([0, 3])]}
        setting |= {"interpolator": chance.choice(["sitkLinear", "sitkBSpline"])}
    if chance.random() < 0.4:
        setting |= {"normalize": True, "normalizeScale": 100, "removeOutliers": chance.choice([None, 2.5])}
    if chance.random() < 0.4:
        mode = chance.choice(["sigma", "relative", "absolute"])
        wide = {"sigma": [-2, 1.5], "relative": [0.1], "absolute": [-50, 1500]}[mode]
        setting |= {"resegmentRange": wide, "resegmentMode": mode, "resegmentShape": chance.random() < 0.5}
    if chance.random() < 0.3:
        setting |= {"force2D": True, "force2Ddimension": chance.choice([0, 1])}
    setting |= chance.choice([{"binCount": 24}, {"binWidth": chance.choice([8, 20.5])}])
    if chance.random() < 0.3:
        setting |= {"preCrop": True, "padDistance": chance.choice([0, 3])}
    if chance.random() < 0.3:
        setting |= {"distances": [1, 2], "gldm_a": 1, "symmetricalGLCM": False, "weightingNorm": "euclidean"}
    images: dict[str, Any] = {"Original": {}, "LoG": {"sigma": [2, 3.5]}, "Wavelet": {"level": chance.choice([1, 2])}}
    images = {name: own for name, own in images.items() if chance.random() < 0.6} or {"Original": {}}
    names = ["firstorder", "shape", *chance.sample(["glcm", "glrlm", "glszm", "gldm", "ngtdm"], 2)]
    return yaml.safe_dump({"setting": setting, "imageType": images, "featureClass": dict.fromkeys(names)})


@pytest.mark.parametrize(
    ("name", "seed"), [("brain1", 1), ("brain1", 2), ("brain1", 3), *(("breast1", n) for n in range(4, 20))]
)
def test_values_are_those_of_plain_pyradiomics_under_random_settings(name: str, seed: int) -> None:
    text = random_profile(seed)
    image_file, mask_file, lesion = real(name)
    found = reference(lesion, settings_of(text))
    wanted = plain(text, image_file, mask_file)
    finite = {feature: value for feature, value in wanted.items() if np.isfinite(value)}
    assert set(found.missing) == set(wanted) - set(finite)
    assert worst_difference(found.values, finite) <= 1e-12


def test_every_image_type_gives_what_plain_pyradiomics_gives() -> None:
    image_file, mask_file, lesion = real("breast1")
    found = reference(lesion, settings_of(ALL_IMAGES))
    assert not found.missing
    wanted = plain(ALL_IMAGES, image_file, mask_file)
    assert worst_difference(found.values, wanted) <= 1e-12
    assert set(found.values) == set(feature_names(settings_of(ALL_IMAGES)))


def test_lbp3d_is_pyradiomics_own_where_scipy_still_had_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    old = types.ModuleType("scipy.ndimage.interpolation")
    old.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scipy.ndimage.interpolation", old)
    monkeypatch.setattr(
        scipy.special, "sph_harm", lambda m, n, theta, phi: scipy.special.sph_harm_y(n, m, phi, theta), raising=False
    )
    image, mask = sitk.GetImageFromArray(texture(3)), sitk.GetImageFromArray(ball().astype(np.uint32))
    arguments = {"label": 1, "lbp3DLevels": 3, "lbp3DIcosphereRadius": 1.5, "lbp3DIcosphereSubdivision": 1}
    ours = list(lbp3d_images(image, mask, **arguments))
    theirs = list(imageoperations.getLBP3DImage(image, mask, **arguments))
    assert [name for _, name, _ in ours] == [name for _, name, _ in theirs]
    assert len(ours) == 4
    for (one, _, _), (other, _, _) in zip(ours, theirs, strict=True):
        wanted = sitk.GetArrayFromImage(other)[ball()]
        np.testing.assert_allclose(sitk.GetArrayFromImage(one)[ball()], wanted, rtol=1e-10)


def test_lbp3d_features_are_all_there(extract: Extract) -> None:
    settings = settings_of("imageType: {LBP3D: {binWidth: 0.5}}\nfeatureClass: {firstorder: }")
    found = extract(tumour(), settings)
    assert set(found.values) == set(feature_names(settings))
    assert len(found.values) == 3 * len(FEATURES["firstorder"])


def test_only_what_is_asked_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("getLoGImage", "getWaveletImage", "getSquareImage"):
        original = getattr(imageoperations, name)

        def spied(
            image: object, mask: object, called: Derive = original, word: str = name, **arguments: object
        ) -> object:
            made.append(word)
            return called(image, mask, **arguments)

        monkeypatch.setattr(imageoperations, name, spied)
    settings = settings_of(ALL_IMAGES)
    names = ["wavelet-HHL_glcm_Idm", "original_shape_Sphericity"]
    found = reference(tumour(), settings, names)
    assert set(found.values) == set(names)
    assert made == ["getWaveletImage"]
    assert found.values.items() <= reference(tumour(), settings).values.items()


def test_any_subset_has_the_values_of_the_whole(extract: Extract) -> None:
    settings = settings_of(ALL_IMAGES)
    whole = extract(tumour(), settings).values
    chance = random.Random(5)
    for _ in range(10):
        names = chance.sample(sorted(whole), 4)
        assert extract(tumour(), settings, names).values == {name: whole[name] for name in names}


def test_nothing_asked_is_nothing_computed(extract: Extract) -> None:
    assert extract(tumour(), DEFAULT_PROFILE.for_modality("ct"), []).values == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("original_glcm_Kontrast", "did you mean original_glcm_Contrast"),
        ("wavelet-HHL_glcm_Contrast", "takes no image wavelet-HHL"),
        ("nonsense", "takes no feature nonsense"),
    ],
)
def test_a_name_that_the_profile_does_not_take_is_refused(extract: Extract, name: str, said: str) -> None:
    with pytest.raises(UnknownColumn, match=said):
        extract(tumour(), DEFAULT_PROFILE.for_modality("ct"), [name])


def test_calls_side_by_side_give_what_they_give_alone(extract: Extract) -> None:
    texts = [
        "setting: {binWidth: 10}",
        "setting: {normalize: true, binWidth: 0.1}",
        "imageType: {Wavelet: , LoG: {sigma: [2]}}",
    ]
    jobs = [(tumour(seed=seed), settings_of(text)) for seed in (1, 2) for text in texts]
    alone = [extract(*job) for job in jobs]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda job: extract(*job), jobs * 4))
    assert together == alone * 4


def test_a_call_stops_at_the_next_step_when_the_caller_is_gone(extract: Extract) -> None:
    calls = 0

    def check(limit: float) -> Callable[[], None]:
        def counted() -> None:
            nonlocal calls
            calls += 1
            if calls > limit:
                raise Cancelled("the caller no longer waits")

        return counted

    extract(tumour(), settings_of(ALL_IMAGES), check=check(float("inf")))
    assert calls > 100  # for each class of 14 images
    calls = 0
    with pytest.raises(Cancelled):
        extract(tumour(), settings_of(ALL_IMAGES), check=check(30))
    assert calls == 31


def test_it_neither_speaks_nor_changes_what_belongs_to_others(
    extract: Extract, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tolerance = sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance()
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with caplog.at_level(logging.DEBUG):
        extract(tumour(), settings_of(ALL_IMAGES))
        before_inside = list(root.handlers)
    assert before_inside
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert (root.level, list(root.handlers)) == before
    assert sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance() == tolerance


def some_voxels(*where: tuple[int, int, int]) -> Lesion:
    mask = np.zeros((12, 24, 24), dtype=bool)
    for one in where:
        mask[one] = True
    return tumour(mask)


@pytest.mark.parametrize(
    ("lesion", "text", "said"),
    [
        (some_voxels((5, 5, 5)), "", "one voxel in the lesion; wanted 2 or more"),
        (some_voxels((5, 5, 5), (5, 5, 6)), "", "extend in 1 dimension"),
        (tumour(), "setting: {minimumROISize: 5000}", "wanted more than 5000"),
        (tumour(), "setting: {resegmentRange: [5000, 6000]}", "fewer than 2 voxels"),
        (some_voxels((5, 5, 5), (6, 6, 6)), "setting: {resampledPixelSpacing: [40, 40, 40]}", "left after resampling"),
    ],
)
def test_a_lesion_too_small_is_refused_by_name(extract: Extract, lesion: Lesion, text: str, said: str) -> None:
    with pytest.raises(LesionTooSmall) as caught:
        extract(lesion, settings_of(text))
    assert said in str(caught.value)


def test_two_voxels_in_a_line_are_measured_where_the_profile_allows(extract: Extract) -> None:
    found = extract(some_voxels((5, 5, 5), (5, 5, 6)), settings_of("setting: {minimumROIDimensions: 1}"))
    assert found.values["original_shape_VoxelVolume"] == pytest.approx(4.0)
    assert all(np.isfinite(list(found.values.values())))
    assert set(found.values) | set(found.missing) == set(feature_names(DEFAULT_PROFILE.for_modality("ct")))


def test_one_slice_is_measured(extract: Extract) -> None:
    mask = ball()
    mask[:6] = mask[7:] = False
    found = extract(tumour(mask), settings_of("setting: {force2D: true}"))
    assert found.values["original_shape2D_PixelSurface"] == mask.sum()
    assert "original_glcm_Contrast" in found.values


def test_shape_in_the_plane_of_a_lesion_with_several_slices_is_missing_with_the_reason(extract: Extract) -> None:
    found = extract(tumour(), settings_of("setting: {force2D: true}\nfeatureClass: {shape2D: , firstorder: [Mean]}"))
    assert set(found.values) == {"original_firstorder_Mean"}
    assert "in one slice; this one lies in 8" in found.missing["original_shape2D_Sphericity"]


def test_a_flat_lesion_has_pyradiomics_values_or_a_reason_never_nan(extract: Extract) -> None:
    flat = tumour(image=np.full((12, 24, 24), 70, dtype=np.float32))
    found = extract(flat, settings_of(ALL_IMAGES))
    assert found.values["original_firstorder_Range"] == 0
    assert found.values["original_glcm_JointEntropy"] == pytest.approx(0, abs=1e-9)
    assert all(np.isfinite(list(found.values.values())))
    assert set(found.values) | set(found.missing) == set(feature_names(settings_of(ALL_IMAGES)))
    assert not set(found.values) & set(found.missing)


@pytest.mark.parametrize("intensity", [0, 70, -1000])
def test_a_flat_image_gives_a_value_or_a_reason_for_every_feature_of_every_image(
    extract: Extract, intensity: float
) -> None:
    flat = tumour(image=np.full((12, 24, 24), intensity, dtype=np.float32))
    settings = settings_of(f"{ALL_IMAGES}  LBP3D:\n")
    found = extract(flat, settings)
    assert set(found.values) | set(found.missing) == set(feature_names(settings))
    assert all(np.isfinite(list(found.values.values())))
    assert all(found.missing.values())


def test_an_image_that_cannot_be_derived_says_so_and_the_others_go_on(extract: Extract) -> None:
    thin = tumour(ball((3, 24, 24)))
    found = extract(thin, settings_of("imageType: {Original: , LoG: {sigma: [2]}}\nfeatureClass: {firstorder: [Mean]}"))
    assert set(found.values) == {"original_firstorder_Mean"}
    assert "cannot be derived" in found.missing["log-sigma-2-mm-3D_firstorder_Mean"]


def test_more_grey_levels_than_can_be_counted_are_missing_with_the_number(extract: Extract) -> None:
    found = extract(tumour(), settings_of("setting: {binWidth: 1.0e-6}"))
    assert "grey levels of binWidth 1e-06" in found.missing["original_glcm_Contrast"]
    assert "original_shape_Sphericity" in found.values


def test_a_grid_too_fine_is_refused_before_it_is_made(extract: Extract) -> None:
    with pytest.raises(BadLesion, match="wanted at most 64000000"):
        extract(tumour(), settings_of("setting: {resampledPixelSpacing: [0.001, 0.001, 0.001]}"))


def test_an_image_of_whole_numbers_is_resampled_to_whole_numbers_as_pyradiomics_does(extract: Extract) -> None:
    text = "setting: {resampledPixelSpacing: [0.7, 0.7, 0.7]}\nfeatureClass: {firstorder: [Median, Maximum]}"
    whole = extract(tumour(), settings_of(text)).values
    broken = extract(tumour(pixel_type="float32"), settings_of(text)).values
    assert float(whole["original_firstorder_Maximum"]).is_integer()
    assert not float(broken["original_firstorder_Maximum"]).is_integer()


def test_a_modality_has_its_own_settings(extract: Extract) -> None:
    names = ["original_glcm_Contrast"]
    ct, pt = (extract(tumour(), DEFAULT_PROFILE.for_modality(word), names) for word in ("ct", "pt"))
    assert ct.values != pt.values


def test_the_reference_is_the_installed_one() -> None:
    import radiomics  # noqa: PLC0415

    installed = radiomics.__version__.lstrip("v")
    assert f"pyradiomics {installed}" == REFERENCE
