"""Radiographs and mammograms: segments drawn on them, features of a plane as pyradiomics has them, no volume."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from builders.dicom import CR, DX, MG, ROOT, STUDY, Array, named, projection, rtstruct, seg, series, source
from builders.images import grid, nrrd
from pydicom.dataset import Dataset
from pydicom.uid import UID

from features import errors
from features.case import Case, Scan, Source
from features.compute import all_columns, compute
from features.dicom.index import index
from features.dicom.pairs import LeftOut, Paired, paired
from features.dicom.parts import Part
from features.embedding.crop import crop
from features.embedding.encoder import default_encoder
from features.embedding.preprocessing import Preprocessing, cube_round
from features.imaging.header import Limits
from features.imaging.read import read_image, read_segmentation
from features.imaging.volume import Segmentation
from features.lesion import Lesion
from features.lesions import find_lesions
from features.measures import NO_VOLUME
from features.modalities import PROJECTIONS
from features.picture import draw
from features.profile import DEFAULT_PROFILE, Profile, shipped_profile
from features.radiomics import extract
from features.radiomics.catalogue import feature_names
from features.radiomics.compare import differences

ROWS, COLUMNS = 60, 48


def breast() -> tuple[Array, Array]:
    """12 bits of texture with a brighter ellipse, and labels (y, x): the ellipse 1, a speck 2."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    inside = ((y - 28) / 12) ** 2 + ((x - 22) / 15) ** 2 <= 1
    noise = np.random.default_rng(5).normal(0, 60, (ROWS, COLUMNS))
    pixels = np.clip(900 + 8 * x + 500 * inside + noise, 0, 4095).round().astype(np.uint16)
    labels = inside.astype(np.uint8)
    labels[50:54, 5:12] = 2
    return pixels, labels


PIXELS, LABELS = breast()
FILE = projection(PIXELS, MG)
DRAWN = seg([FILE], LABELS[None])


def lesion(label: int = 1) -> Lesion:
    image = read_image(source(FILE))
    mask = Segmentation(LABELS[None].astype(np.int32), image.grid, "")
    return find_lesions(image, mask, (label,))[0]


def scan(name: str = "mg", file: bytes = FILE, drawn: bytes = DRAWN, day: int = 0) -> Scan:
    return Scan(name, day, source(file), Source.of(drawn), (1,))


def refused(file: bytes, drawn: bytes) -> errors.FeatureError:
    with pytest.raises(errors.FeatureError) as caught:
        read_segmentation(Source.of(drawn), image=read_image(source(file)), structures=named("tumour"))
    return caught.value


@pytest.mark.parametrize("storage", [CR, DX, MG])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_drawn_on_a_projection_lie_on_its_pixels(storage: str, kind: str) -> None:
    file = projection(PIXELS, storage)
    drawn = seg([file], LABELS[None], kind=kind)
    found = read_segmentation(Source.of(drawn), image=read_image(source(file)), numbers=(1, 2))
    np.testing.assert_array_equal(found.labels[0], LABELS)


def test_segments_of_another_projection_are_refused() -> None:
    other = projection(PIXELS, MG, uid=ROOT + "44")
    assert isinstance(refused(other, DRAWN), errors.ReferenceMismatch)

    def elsewhere(data: Dataset) -> None:
        data.SeriesInstanceUID = UID(ROOT + "22")

    assert isinstance(refused(projection(PIXELS, MG, change=elsewhere), DRAWN), errors.ReferenceMismatch)
    wider = projection(np.pad(PIXELS, 1), MG)
    assert isinstance(error := refused(wider, DRAWN), errors.GridMismatch)
    assert "60 x 48 pixels, the projection has 62 x 50" in str(error)


def test_a_structure_set_has_no_place_on_a_projection() -> None:
    square = [[(1.0, 1.0, 0.0), (3.0, 1.0, 0.0), (3.0, 3.0, 0.0)]]

    def placed(data: Dataset) -> None:
        data.FrameOfReferenceUID = UID(ROOT + "3")

    for change in (lambda data: None, placed):
        error = refused(projection(PIXELS, DX, change=change), rtstruct({"tumour": square}))
        assert isinstance(error, errors.ReferenceMismatch) and "SEG" in str(error)


@pytest.mark.parametrize("word", PROJECTIONS)
def test_features_are_those_of_a_plane_as_pyradiomics_has_them(word: str) -> None:
    settings = DEFAULT_PROFILE.for_modality(word)
    names = feature_names(settings)
    assert "original_shape2D_Sphericity" in names and "original_shape_Sphericity" not in names
    ours, theirs = (extract(lesion(), settings, engine=engine) for engine in ("fused", "pyradiomics"))
    assert not differences(ours, theirs)
    assert set(ours.values) == set(names), ours.missing


def test_filters_of_a_plane_are_pyradiomics_too() -> None:
    profile = Profile.parse("imageType: {Wavelet: {}, LoG: {sigma: [1.0]}, Gradient: {}, LBP2D: {}}\n")
    settings = profile.for_modality("mg")
    ours, theirs = (extract(lesion(), settings, engine=engine) for engine in ("fused", "pyradiomics"))
    assert not differences(ours, theirs)
    assert {name.split("_")[0] for name in ours.values} >= {"wavelet-LH", "wavelet-LL", "gradient", "lbp-2D"}


def test_the_standards_features_of_a_plane_are_without_a_shape() -> None:
    settings = Profile.parse("setting: {binCount: 32}\nradresponse: {definitions: ibsi}\n").for_modality("dx")
    found = extract(lesion(), settings)
    assert len(found.values) > 80
    assert not any("shape" in name for name in found.values)


def test_a_profile_means_the_same_whether_or_not_it_could_be_asked_of_a_projection() -> None:
    """Digests of the shipped profiles from before projections were taken."""
    assert shipped_profile("ibsi").digest == "63e66b651e2e09b556f3ab5f21d1864ab14bc64a5b2e6b8c3b5ae5ca19bf31fd"
    said = "radresponse: {modalities: {mg: {setting: {binCount: 32}}}}\n"
    assert Profile.parse(said).digest != Profile.parse("setting: {}\n").digest
    assert Profile.parse(said).for_modality("mg").setting["binCount"] == 32
    assert Profile.parse(said).for_modality("dx").setting["binCount"] is None


def test_measures_of_a_plane_have_an_area_and_no_volume() -> None:
    case = Case((scan(),))
    wanted = [f"measure.mg.baseline.largest.{name}" for name in ("area_mm2", "long_axis_mm", "volume_mm3")]
    found = compute(case, [*wanted, "measure.mg.baseline.all.volume_mm3"], profile=DEFAULT_PROFILE)
    # 0.1 mm between columns, 0.2 mm between rows
    assert found.values[wanted[0]] == pytest.approx(np.count_nonzero(LABELS == 1) * 0.02)
    assert found.values[wanted[1]] == pytest.approx(2 * 12 * 0.2, rel=0.05)
    assert found.missing == dict.fromkeys((wanted[2], "measure.mg.baseline.all.volume_mm3"), NO_VOLUME)
    names = all_columns(case, DEFAULT_PROFILE)
    assert "measure.mg.baseline.largest.area_mm2" in names
    assert not any("volume" in name.lower() for name in names)
    assert not compute(case, names, profile=DEFAULT_PROFILE).missing


def test_a_change_between_two_mammograms_is_a_column() -> None:
    smaller = np.where(np.arange(COLUMNS)[None, :] < 22, LABELS, 0).astype(np.uint8)
    later = projection(PIXELS, MG)
    case = Case((scan(), scan(file=later, drawn=seg([later], smaller[None], labels=("tumour", "node")), day=90)))
    column = "measure.mg.delta.largest.area_mm2"
    before, after = np.count_nonzero(LABELS == 1), np.count_nonzero(smaller == 1)
    found = compute(case, [column], profile=DEFAULT_PROFILE).values[column]
    assert found == pytest.approx((after - before) / before)


def test_a_scan_is_what_it_is_said_to_be() -> None:
    def mismatch(name: str, content: Source) -> str:
        with pytest.raises(errors.ModalityMismatch) as caught:
            compute(Case((Scan(name, 0, content, Source.of(b"x")),)), [f"measure.{name}.baseline.all.count"],
                    profile=DEFAULT_PROFILE)  # fmt: skip
        assert caught.value.place == "scans[0].image"
        return str(caught.value)

    assert "modality MG, the scan is said to be CT" in mismatch("ct", source(FILE))
    assert "modality CT, the scan is said to be MR" in mismatch("mr_t1", source(series(np.zeros((4, 8, 8), np.int16))))
    volume = nrrd(np.zeros((3, 8, 8), np.int16), grid((8, 8, 3)))
    assert "3 planes" in mismatch("dx", Source.of(volume))


def test_a_plain_image_of_one_plane_is_a_projection_where_it_is_said_to_be() -> None:
    plane = grid((COLUMNS, ROWS, 1), (0.1, 0.2, 1.0))
    image, mask = nrrd(PIXELS[None].astype(np.int16), plane), nrrd(LABELS[None], plane)
    plain = Case((Scan("mg", 0, Source.of(image), Source.of(mask), (1,)),))
    names = all_columns(plain, DEFAULT_PROFILE)
    ours, dicom = (compute(case, names, profile=DEFAULT_PROFILE).values for case in (plain, Case((scan(),))))
    assert ours == pytest.approx(dicom)


def test_the_encoder_sees_a_projection_as_alike_at_every_depth() -> None:
    """Against SimpleITK in two dimensions: pixels and mask of the plane, the mean of each voxel's samples."""
    one, preprocessing = lesion(), Preprocessing()
    cube = cube_round(one, preprocessing)
    channels = crop(one, "mg", preprocessing, torch.device("cpu")).numpy()
    assert np.ptp(channels, axis=1).max() == 0.0
    step, count = cube.side_mm / preprocessing.size / cube.samples, preprocessing.size * cube.samples
    planes = []
    for array in (one.image[0], one.mask[0].astype(np.float32)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.1, 0.2))
        first = (cube.first[:2] * (0.1, 0.2)).tolist()
        fine = sitk.Resample(image, [count] * 2, sitk.Transform(2, sitk.sitkIdentity), sitk.sitkLinear, first,
                             [step] * 2, (1.0, 0.0, 0.0, 1.0), 0.0, sitk.sitkFloat64)  # fmt: skip
        blocks = sitk.GetArrayFromImage(fine).reshape(preprocessing.size, cube.samples, preprocessing.size, -1)
        planes.append(blocks.mean(axis=(1, 3)))
    seen, mask = planes
    np.testing.assert_allclose(channels[2, 0], mask, atol=1e-4)
    assert mask.sum() * (cube.side_mm / preprocessing.size) ** 2 == pytest.approx(
        np.count_nonzero(one.mask) * 0.02, rel=0.01
    )
    inside = (seen * mask).sum() / mask.sum()
    spread = np.sqrt((mask * (seen - inside) ** 2).sum() / mask.sum())
    narrow = np.clip((seen - inside) / (preprocessing.narrow_spread * spread), -1, 1)
    np.testing.assert_allclose(channels[1, 0], narrow, atol=1e-3)


def test_embeddings_of_a_projection_are_columns_and_tell_lesions_apart() -> None:
    columns = [f"embedding.mg.baseline.largest.default.{index}" for index in range(4)]
    found = compute(Case((scan(),)), columns, profile=DEFAULT_PROFILE, encoder=default_encoder())
    assert set(found.values) == set(columns)
    one, other = default_encoder().embed([lesion(1), lesion(2)], ["mg", "mg"])
    assert np.linalg.norm(one - other) > 0.1


def test_a_projection_is_shown_as_it_is_stored_and_no_end_of_it_is_named() -> None:
    picture = draw(lesion(), "mg")
    assert (picture.left, picture.right, picture.top, picture.bottom) == ("", "", "", "")
    assert (picture.slice, picture.slices, picture.column_spacing_mm) == (0, 1, 0.1)
    assert draw(lesion(), "mr").left == "R"


@pytest.mark.parametrize("own", [True, False], ids=["drawn on it", "drawn on another"])
def test_a_cohort_takes_projections_with_the_segments_drawn_on_them(own: bool, tmp_path: Path) -> None:
    def at(uid: str) -> Callable[[Dataset], None]:
        def change(data: Dataset) -> None:
            data.SeriesInstanceUID, data.StudyDate = UID(uid), "20260102"

        return change

    file = projection(PIXELS, MG, uid=ROOT + "41", change=at(ROOT + "21"))
    other = projection(PIXELS, MG, uid=ROOT + "42", change=at(ROOT + "23"))
    files = [file, other, seg([file if own else other], LABELS[None])]
    parts = [Part(len(one), lambda one=one: one) for one in files]  # type: ignore[misc]
    found = list(paired(index(parts, Limits(), identified=True), named("tumour"), Limits()))
    (taken,) = (one for one in found if isinstance(one, Paired))
    (left,) = (one for one in found if isinstance(one, LeftOut))
    assert (taken.scan, taken.series) == ("mg", ROOT + ("21" if own else "23"))
    np.testing.assert_array_equal(taken.segmentation.labels[0], LABELS == 1)
    assert (left.reason, left.kind) == ("NO_SEGMENTATION", "MG") and "drawn on it" in left.message
    assert STUDY not in str(left)
