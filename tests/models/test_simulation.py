"""The simulated cohort: its bytes, its files, and that the image matters as the mechanism says."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from scipy import ndimage

from models.errors import BadCohort
from models.simulation import simulate
from models.simulation.cohort import simulate_one
from models.simulation.mechanism import Fate, draw_course, fate, fates
from models.simulation.patient import THERAPIES, Patient, draw_patient, propensities, size_score
from models.simulation.render import render
from models.simulation.scanner import Scanner
from models.simulation.shape import _sphere, draw_shape
from models.simulation.tumour import Tumour, draw_tumour

TUMOUR = Tumour(
    volume_mm3=6_000.0,
    texture_scale_mm=2.0,
    heterogeneity_hu=30.0,
    necrosis=0.2,
    spiculation=0.3,
    lobulation=0.3,
    density_hu=35.0,
    wall_attached=False,
)
SCANNER = Scanner(pixel_mm=0.8, slice_mm=3.0, blur_mm=0.5, noise_hu=8.0, noise_grain_mm=0.4, reader_threshold=0.5)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "cohort"
    simulate(folder, 12, seed=5)
    return folder


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    return [draw_patient(np.random.default_rng([11, index])) for index in range(3_000)]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", 12, seed=5)
    assert digests(tmp_path / "again") == digests(cohort)


def test_another_seed_gives_other_images(cohort: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "other", 2, seed=6)
    other, first = digests(tmp_path / "other"), digests(cohort)
    images = [name for name in other if name.startswith("images/")]
    assert len(images) == 4
    assert all(other[name] != first[name] for name in images)


def test_a_patient_does_not_depend_on_how_many_follow(cohort: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "few", 3, seed=5)
    few, many = digests(tmp_path / "few"), digests(cohort)
    images = [name for name in few if name.startswith("images/")]
    assert [few[name] for name in images] == [many[name] for name in images]
    for table in ("cohort.csv", "truth.csv"):
        lines = (tmp_path / "few" / table).read_text().splitlines()
        assert (cohort / table).read_text().splitlines()[: len(lines)] == lines


def test_the_tables_say_one_row_a_patient_and_their_images_open(cohort: Path) -> None:
    table = pd.read_csv(cohort / "cohort.csv")
    truth = pd.read_csv(cohort / "truth.csv")
    assert list(table["subject"]) == list(truth["subject"])
    assert table["subject"].is_unique
    for row in table.to_dict("records"):
        image = sitk.ReadImage(str(cohort / str(row["ct.baseline.image"])))
        mask = sitk.ReadImage(str(cohort / str(row["ct.baseline.mask"])))
        assert image.GetSize() == mask.GetSize()
        assert image.GetSpacing() == mask.GetSpacing()
        hu = sitk.GetArrayFromImage(image)
        labels = sitk.GetArrayFromImage(mask)
        assert -1024 <= hu.min() < hu.max() <= 3071
        lesions = int(truth.loc[truth["subject"] == row["subject"], "lesions"].iloc[0])
        assert set(np.unique(labels)) == set(range(lesions + 1))


def test_every_file_that_is_read_by_people_says_simulated(cohort: Path) -> None:
    assert "simulated" in (cohort / "README.md").read_text().splitlines()[0]
    declared = yaml.safe_load((cohort / "columns.yaml").read_text())
    assert declared["simulated"] is True
    assert declared["evidence"] == "simulated"
    assert all(word.startswith("simulated") for word in declared["endpoint"].values())
    table = pd.read_csv(cohort / "cohort.csv")
    assert {f"clinical.{name}" for name in ("age_years", "sex", "ecog")} <= set(table.columns)
    assert set(declared["columns"]) == {name for name in table.columns if name.startswith("clinical.")}
    assert table["subject"].str.startswith("sim-").all()


def test_covariates_lie_within_what_the_columns_declare(cohort: Path, people: list[Patient]) -> None:
    declared = yaml.safe_load((cohort / "columns.yaml").read_text())["columns"]
    for name, spec in declared.items():
        values = [getattr(patient.covariates, name.removeprefix("clinical.")) for patient in people]
        if "categories" in spec:
            assert set(values) == set(spec["categories"])
        else:
            assert spec["lower"] <= min(values) < max(values) <= spec["upper"]


@pytest.mark.parametrize(("patients", "seed"), [(0, 1), (-3, 1), (2, -1)])
def test_numbers_out_of_range_are_refused(tmp_path: Path, patients: int, seed: int) -> None:
    with pytest.raises(BadCohort, match="wanted at least 1 patient"):
        simulate(tmp_path / "none", patients, seed)
    assert not (tmp_path / "none").exists()


def test_a_folder_with_a_cohort_is_not_written_over(cohort: Path) -> None:
    before = digests(cohort)
    with pytest.raises(BadCohort, match="holds a cohort already"):
        simulate(cohort, 2, seed=9)
    assert digests(cohort) == before


def test_progress_counts_every_patient(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate(tmp_path / "two", 2, seed=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "other",
    [
        replace(TUMOUR, heterogeneity_hu=60.0),
        replace(TUMOUR, texture_scale_mm=4.5),
        replace(TUMOUR, necrosis=0.5),
        replace(TUMOUR, spiculation=0.95),
    ],
    ids=["heterogeneity", "texture scale", "necrosis", "spiculation"],
)
def test_another_texture_or_shape_changes_the_fate_with_all_else_fixed(other: Tumour) -> None:
    covariates = draw_patient(np.random.default_rng(3)).covariates
    before, after = fates(covariates, TUMOUR), fates(covariates, other)
    moved = [after[name].response_probability - before[name].response_probability for name in THERAPIES]
    assert max(abs(change) for change in moved) > 0.05
    assert max(moved) - min(moved) > 0.05, "it acts differently by therapy"
    assert any(abs(after[name].median_days / before[name].median_days - 1.0) > 0.1 for name in THERAPIES)


@pytest.mark.parametrize(
    "other",
    [
        replace(TUMOUR, heterogeneity_hu=60.0),
        replace(TUMOUR, texture_scale_mm=4.5),
        replace(TUMOUR, necrosis=0.5),
        replace(TUMOUR, spiculation=0.95),
    ],
    ids=["heterogeneity", "texture scale", "necrosis", "spiculation"],
)
def test_a_factor_shows_in_the_image_and_only_in_its_part(other: Tumour) -> None:
    first = render([TUMOUR], SCANNER, np.random.default_rng(1))
    again = render([TUMOUR], SCANNER, np.random.default_rng(1))
    assert np.array_equal(first.hu, again.hu)
    changed = render([other], SCANNER, np.random.default_rng(1))
    if changed.hu.shape == first.hu.shape:
        differs = first.hu != changed.hu
        assert differs[first.labels == 1].mean() > 0.1
        far = np.ones(first.labels.shape, bool)
        far[1:-1, 4:-4, 4:-4] = False
        assert not differs[far].any(), "lung and noise at the border stay"
    else:
        assert other.spiculation != TUMOUR.spiculation, "only a shape may need more room"


def test_measured_texture_follows_the_factor() -> None:
    """A first-order and a neighbour-difference feature, taken from the image alone."""
    spread, steps, heterogeneity, scale = [], [], [], []
    for index in range(40):
        rng = np.random.default_rng([4, index])
        drawn = draw_tumour(rng)
        tumour = replace(drawn, volume_mm3=15_000.0, necrosis=0.0, spiculation=0.0, lobulation=0.0)
        picture = render([tumour], SCANNER, rng)
        hu = picture.hu.astype(float)
        core = ndimage.binary_erosion(picture.labels == 1, np.ones((1, 5, 5)))
        neighbours = core[:, :, 1:] & core[:, :, :-1]
        spread.append(hu[core].std())
        steps.append(np.log(np.abs(np.diff(hu, axis=2))[neighbours].mean() / hu[core].std()))
        heterogeneity.append(tumour.heterogeneity_hu)
        scale.append(np.log(tumour.texture_scale_mm))
    assert np.corrcoef(spread, heterogeneity)[0, 1] > 0.95
    big = np.array(heterogeneity) > 20.0
    assert np.corrcoef(np.array(steps)[big], np.array(scale)[big])[0, 1] < -0.7


def test_a_shape_holds_its_volume_and_spikes_make_its_surface_rough() -> None:
    directions = _sphere(20_000)
    rough = []
    for spiculation in (0.0, 1.0):
        tumour = replace(TUMOUR, spiculation=spiculation)
        radius = draw_shape(tumour, np.random.default_rng(2)).radius_mm(*directions.T).astype(float)
        assert 4.0 * np.pi / 3.0 * np.mean(radius**3) == pytest.approx(tumour.volume_mm3, rel=0.01)
        rough.append(radius.std() / radius.mean())
    assert rough[1] > 1.5 * rough[0]


def test_the_drawn_mask_has_about_the_tumours_volume() -> None:
    for index in range(12):
        one = simulate_one(index, seed=5)
        tumour = one.patient.tumours[0]
        drawn = np.count_nonzero(one.picture.labels == 1) * np.prod(one.picture.spacing_mm)
        assert drawn == pytest.approx(tumour.volume_mm3, rel=0.35)


def test_real_lesions_lie_within_the_simulated_sizes_and_spacings(people: list[Patient]) -> None:
    """lung1 and lung2 of pyradiomics' archive: 1.4 and 48 cm3, pixels of 0.57 and 0.63 mm, slices of 5 mm."""
    volumes = np.array([patient.tumours[0].volume_mm3 for patient in people])
    for real in (1_361.0, 48_434.0):
        assert 0.02 < (volumes < real).mean() < 0.98
    assert {patient.scanner.slice_mm for patient in people} >= {2.5, 5.0}
    assert min(patient.scanner.pixel_mm for patient in people) < 0.63


def test_therapies_are_given_with_confounding(people: list[Patient]) -> None:
    """Those who get a therapy differ in size and covariates; everyone had a chance of each."""
    rng = np.random.default_rng(8)
    given = []
    for patient in people:
        chances = propensities(patient.covariates, patient.tumours[0])
        assert sum(chances.values()) == pytest.approx(1.0)
        assert min(chances.values()) > 0.001
        given.append(rng.choice(THERAPIES, p=[chances[name] for name in THERAPIES]))
    size = pd.Series([size_score(patient.tumours[0]) for patient in people]).groupby(given).mean()
    stained = pd.Series([patient.covariates.pdl1_percent for patient in people]).groupby(given).mean()
    assert size["chemoimmunotherapy"] - size["immunotherapy"] > 0.3
    assert stained["immunotherapy"] - stained["chemotherapy"] > 8.0
    assert min(pd.Series(given).value_counts(normalize=True)) > 0.2


def test_what_is_seen_follows_the_stated_mechanism() -> None:
    """Response at its probability, progression at its median, in spite of their kinship and of censoring."""
    truth = Fate(response_probability=0.3, scale_days=200.0)
    rng = np.random.default_rng(4)
    courses = [draw_course(truth, rng) for _ in range(6_000)]
    response = np.array([course.response for course in courses])
    time_days = np.array([course.time_days for course in courses])
    assert response.mean() == pytest.approx(0.3, abs=0.02)
    # Nobody's follow-up ends with the study before day 300, and few are lost before the median.
    assert np.median(time_days) == pytest.approx(truth.median_days, rel=0.06)
    assert time_days[response == 1].mean() > 1.3 * time_days[response == 0].mean()


def test_restricted_mean_and_median_belong_to_one_curve() -> None:
    truth = Fate(response_probability=0.3, scale_days=200.0)
    assert truth.survival(truth.median_days) == pytest.approx(0.5)
    days = np.linspace(0.0, 730.0, 20_001)
    area = np.trapezoid([truth.survival(day) for day in days], days)
    assert truth.restricted_mean_days(730.0) == pytest.approx(area, rel=1e-4)


def test_a_reasonable_share_is_censored_and_some_covariates_are_missing(people: list[Patient]) -> None:
    rng = np.random.default_rng(2)
    events, responses = [], []
    for patient in people:
        chances = propensities(patient.covariates, patient.tumours[0])
        therapy = rng.choice(THERAPIES, p=[chances[name] for name in THERAPIES])
        course = draw_course(fate(patient.covariates, patient.tumours[0], str(therapy)), rng)
        events.append(course.event)
        responses.append(course.response)
    assert 0.15 < 1.0 - np.mean(events) < 0.4
    assert 0.35 < np.mean(responses) < 0.65
    assert 0.05 < np.mean(["smoking_pack_years" in patient.unrecorded for patient in people]) < 0.12
    assert 0.05 < np.mean([len(patient.tumours) == 2 for patient in people]) < 0.3
