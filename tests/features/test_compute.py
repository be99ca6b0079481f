"""Columns of a case: over lesions, over time, from the cache, and what is said where there is no value."""

import itertools
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from builders.tumours import ball, labels_of, nrrd, scan, texture, tumour
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cache import FeatureCache, Found
from features.case import Case, Scan, Source
from features.compute import FeatureValues, all_columns, compute
from features.embedding.encoder import default_encoder
from features.errors import (
    BadEncoder,
    BadImage,
    Cancelled,
    EmptySegmentation,
    GridMismatch,
    LabelNotFound,
    UnknownColumn,
)
from features.imaging.read import Limits, read_image
from features.imaging.volume import Image
from features.lesion import Lesion
from features.measures import measure_all, measure_lesion
from features.names import LESIONS
from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics import extract
from features.summary import change, summarise
from features.types import Mask

MEAN = "original_firstorder_Mean"
BIG = ball(centre=(5, 7, 7), radius=4.2)
SMALL = ball(centre=(6, 17, 17), radius=3.0)
ONE_VOXEL = ball(centre=(1, 1, 22), radius=0.5)


def column(lesions: str, when: str = "baseline", item: str = MEAN, kind: str = "radiomics", name: str = "ct") -> str:
    return f"{kind}.{name}.{when}.{lesions}.{item}"


def of(case: Case, *columns: str, **more: object) -> FeatureValues:
    return compute(case, columns, **{"profile": DEFAULT_PROFILE, **more})  # type: ignore[arg-type]


def mean_of(mask: Mask, seed: int = 7) -> float:
    return float(texture(seed, mask.shape)[mask].mean(dtype=np.float64))


class Decodings:
    """Counts how often an image is decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def counted(source: Source, limits: Limits) -> Image:
            self.count += 1
            return read_image(source, limits)

        monkeypatch.setattr("features.opened.read_image", counted)


def test_lesions_are_summarised_as_the_grammar_says() -> None:
    found = of(Case((scan("ct", 0, SMALL, BIG),)), *(column(lesions) for lesions in LESIONS))
    small, big = mean_of(SMALL), mean_of(BIG)
    wanted = {
        "largest": big,
        "sum": small + big,
        "mean": (small + big) / 2,
        "max": max(small, big),
        "spread": abs(small - big) / 2,
        "all": mean_of(SMALL | BIG),
    }
    assert not found.missing
    assert found.values == {column(lesions): pytest.approx(value, rel=1e-6) for lesions, value in wanted.items()}


def test_the_largest_of_equals_is_the_one_with_the_lowest_label() -> None:
    one, other = ball(centre=(4, 6, 6), radius=3.0), ball(centre=(7, 17, 17), radius=3.0)
    assert one.sum() == other.sum()
    for masks in ((one, other), (other, one)):
        found = of(Case((scan("ct", 0, *masks),)), column("largest"))
        assert found.values[column("largest")] == pytest.approx(mean_of(masks[0]), rel=1e-6)


def test_asked_labels_are_the_lesions() -> None:
    found = of(
        Case((scan("ct", 0, BIG, SMALL, labels=(2,)),)), column("largest"), column("all", item="count", kind="measure")
    )
    assert found.values[column("largest")] == pytest.approx(mean_of(SMALL), rel=1e-6)
    assert found.values[column("all", item="count", kind="measure")] == 1


def test_measures_are_those_of_measures_py() -> None:
    big, small = tumour(BIG), tumour(SMALL)
    names = [column("largest", item="long_axis_mm", kind="measure"), column("sum", item="volume_mm3", kind="measure")]
    names += [column("all", item=item, kind="measure") for item in ("count", "sum_of_diameters_mm", "volume_mm3")]
    found = of(Case((scan("ct", 0, BIG, SMALL),)), *names)
    together = measure_all((big, small))
    assert [found.values[name] for name in names] == pytest.approx(
        [
            measure_lesion(big)["long_axis_mm"],
            big.volume_mm3 + small.volume_mm3,
            together["count"],
            together["sum_of_diameters_mm"],
            together["volume_mm3"],
        ]
    )


def test_baseline_is_the_first_date_latest_the_last_and_delta_the_relative_change_between() -> None:
    case = Case((scan("ct", 90, BIG, seed=3), scan("ct", 0, BIG, seed=1), scan("ct", 45, BIG, seed=2), scan("pt", 9)))
    found = of(case, *(column("largest", when) for when in ("baseline", "latest", "delta")))
    first, last = mean_of(BIG, 1), mean_of(BIG, 3)
    assert list(found.values.values()) == pytest.approx([first, last, (last - first) / abs(first)], rel=1e-5)


def test_of_one_date_baseline_and_latest_are_the_same_and_delta_is_missing_with_the_reason() -> None:
    found = of(Case((scan("ct", 12),)), *(column("largest", when) for when in ("baseline", "latest", "delta")))
    assert found.values[column("largest")] == found.values[column("largest", "latest")]
    assert found.missing == {column("largest", "delta"): "a change needs two dates; the case has one scan ct"}


def test_a_change_from_zero_is_missing_with_the_reason() -> None:
    flat = np.full((12, 24, 24), 50, dtype=np.int16)
    name = column("largest", "delta", "original_firstorder_Range")
    found = of(Case((scan("ct", 0, voxels=flat), scan("ct", 30))), name)
    assert found.missing == {name: "a relative change needs a baseline that is not 0"}


def test_a_scan_that_is_not_there_is_missing_by_name() -> None:
    found = of(Case((scan("ct"),)), column("largest", name="mr_t1"), column("largest"))
    assert found.missing == {column("largest", name="mr_t1"): "the case has no scan mr_t1"}
    assert set(found.values) == {column("largest")}


def test_each_scan_is_taken_by_its_own_modality() -> None:
    names = [column("largest", item="original_glcm_Contrast", name=name) for name in ("ct", "pt", "mr_t1", "mr_t2")]
    case = Case((scan("ct"), scan("pt"), scan("mr_t1"), scan("mr_t2")))
    found = of(case, *names)
    for name in names:
        word = name.split(".")[1]
        wanted = extract(tumour(), DEFAULT_PROFILE.for_modality(word), ["original_glcm_Contrast"]).values
        assert found.values[name] == wanted["original_glcm_Contrast"]
    assert len(set(found.values.values())) == 3


def test_a_lesion_that_cannot_be_measured_is_left_out_with_a_notice_and_the_others_go_on() -> None:
    case = Case((scan("ct", 0, BIG, ONE_VOXEL),))
    found = of(
        case, column("mean"), column("sum"), column("largest"), column("mean", item="volume_mm3", kind="measure")
    )
    assert not found.missing
    assert found.values[column("mean")] == pytest.approx(mean_of(BIG), rel=1e-6)
    assert found.values[column("mean", item="volume_mm3", kind="measure")] == pytest.approx(BIG.sum() + 1)
    (notice,) = found.notices
    assert notice.reason == "LESION_LEFT_OUT"
    assert notice.message == (
        "scan ct, day 0: lesion 2 left out of 2 radiomics columns: one voxel in the lesion; wanted 2 or more"
    )


def test_where_no_lesion_can_be_measured_the_columns_are_missing_with_the_reason() -> None:
    other = ball(centre=(9, 20, 2), radius=0.5)
    found = of(Case((scan("ct", 0, ONE_VOXEL, other),)), column("largest"), column("mean"))
    assert found.missing[column("largest")] == "one voxel in the lesion; wanted 2 or more"
    assert "none of 2 lesions has it: one voxel" in found.missing[column("mean")]
    assert not found.values


def test_a_given_feature_is_taken_as_it_comes_and_its_scan_is_not_opened() -> None:
    broken = Scan("pt", 0, Source.of(b"nothing"), Source.of(b"nothing"))
    case = Case((broken,), given={column("largest", name="pt"): 3.5, "lab.ldh": 200.0, "unasked": 1.0})
    found = of(case, column("largest", name="pt"), "lab.ldh", "clinical.age_years", "therapy", "lab.other")
    assert found.values == {column("largest", name="pt"): 3.5, "lab.ldh": 200.0}
    assert found.given == (column("largest", name="pt"), "lab.ldh")
    assert not found.missing


def test_a_given_value_that_is_no_number_is_missing() -> None:
    found = of(Case(given={"lab.ldh": math.nan}), "lab.ldh")
    assert found.missing == {"lab.ldh": "the given value is no finite number (nan)"}


@pytest.mark.parametrize(
    "name",
    [
        "radiomics.ct.baseline.largest.original_glcm_Kontrast",
        "radiomics.ct.baseline.largest.wavelet-HHL_glcm_Contrast",
        "radiomics.ct.baseline.biggest.original_glcm_Contrast",
        "measure.ct.baseline.largest.count",
    ],
)
def test_an_unknown_column_is_refused_before_anything_is_opened(name: str) -> None:
    broken = Scan("ct", 0, Source.of(b"nothing"), Source.of(b"nothing"))
    with pytest.raises(UnknownColumn, match=r"ct\.baseline"):
        of(Case((broken,)), name)


def test_a_scan_that_cannot_be_used_says_which_and_which_part() -> None:
    good = scan("pt")
    shifted = Source.of(nrrd(labels_of(ball()), (1.0, 1.0, 3.0)))
    empty = Source.of(nrrd(np.zeros((12, 24, 24), dtype=np.int16)))
    bad: list[tuple[Scan, type[Exception], str]] = [
        (Scan("ct", 0, Source.of(b"nothing"), good.segmentation), BadImage, "scans[1].image"),
        (Scan("ct", 0, good.image, Source.of(b"nothing")), Exception, "scans[1].segmentation"),
        (Scan("ct", 0, good.image, shifted), GridMismatch, "scans[1].segmentation"),
        (Scan("ct", 0, good.image, empty), EmptySegmentation, "scans[1].segmentation"),
        (Scan("ct", 0, good.image, good.segmentation, (9,)), LabelNotFound, "scans[1].segmentation"),
    ]
    for one, error, place in bad:
        with pytest.raises(error) as caught:
            of(Case((good, one)), column("largest", name="pt"), column("largest"))
        assert getattr(caught.value, "place", "") == place


def test_what_is_cached_is_not_decoded_again_and_more_computes_only_the_more(monkeypatch: pytest.MonkeyPatch) -> None:
    decodings, cache = Decodings(monkeypatch), FeatureCache()
    asked: list[list[str]] = []

    def spied(lesion: Lesion, some: object, names: list[str], *rest: object, **more: object) -> object:
        asked.append(list(names))
        return extract(lesion, some, names, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("features.scan_features.extract", spied)
    case = Case((scan("ct", 0, BIG, SMALL), scan("ct", 30, BIG, seed=2)))
    first = of(case, column("largest"), column("mean"), cache=cache)
    assert (decodings.count, asked) == (1, [[MEAN], [MEAN]])
    again = of(case, column("largest"), column("mean"), cache=cache)
    assert (decodings.count, len(asked)) == (1, 2)
    assert again.values == first.values
    assert set(again.seconds.values()) == {0.0}
    more = of(case, column("largest"), column("largest", item="original_glcm_Idm"), cache=cache)
    assert (decodings.count, asked[2:]) == (2, [["original_glcm_Idm"]])
    assert more.values[column("largest")] == first.values[column("largest")]
    of(case, column("largest"), column("largest", "latest"), cache=cache)
    assert (decodings.count, asked[3:]) == (3, [[MEAN]])


def test_why_there_is_no_value_is_cached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    decodings, cache = Decodings(monkeypatch), FeatureCache()
    case = Case((scan("ct", 0, BIG, ONE_VOXEL),))
    first = of(case, column("mean"), cache=cache)
    assert of(case, column("mean"), cache=cache).notices == first.notices
    assert decodings.count == 1


def test_features_of_one_profile_are_never_used_under_another(monkeypatch: pytest.MonkeyPatch) -> None:
    decodings, cache = Decodings(monkeypatch), FeatureCache()
    name = column("largest", item="original_glcm_Contrast")
    case = Case((scan("ct"),))
    profiles = [Profile.parse(f"setting: {{binWidth: {width}}}") for width in (5, 10, 5)]
    found = [of(case, name, cache=cache, profile=profile).values[name] for profile in profiles]
    assert decodings.count == 2
    assert found[0] == found[2] != found[1]


def test_another_image_mask_label_or_modality_is_another_entry() -> None:
    cache = FeatureCache()
    cases = [
        scan("ct", 0, BIG, SMALL),
        scan("ct", 0, BIG, SMALL, seed=8),
        scan("ct", 0, SMALL, BIG & ~SMALL),
        scan("ct", 0, BIG, SMALL, labels=(2,)),
        scan("pt", 0, BIG, SMALL),
    ]
    item = "original_glcm_Contrast"
    for one, lesions in itertools.product(cases, ("largest", "mean", "all")):
        name = column(lesions, item=item, name=one.name)
        assert of(Case((one,)), name, cache=cache).values == of(Case((one,)), name).values


def test_calls_side_by_side_with_one_cache_give_what_they_give_alone() -> None:
    cache = FeatureCache()
    cases = [Case((scan("ct", 0, BIG, SMALL, seed=seed),)) for seed in range(3)]
    items = ["original_glcm_Idm", "original_firstorder_Mean", "original_shape_Sphericity", "original_ngtdm_Busyness"]
    jobs = [(case, column("mean", item=item)) for case in cases for item in items]
    alone = [of(*job).values for job in jobs]
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(lambda job: of(job[0], job[1], cache=cache).values, jobs * 3))
    assert together == alone * 3


def test_a_call_that_nobody_waits_for_stops_and_leaves_what_was_done_in_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decodings, cache = Decodings(monkeypatch), FeatureCache()
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 12:
            raise Cancelled("the caller no longer waits")

    case = Case(tuple(scan("ct", day, BIG, seed=day) for day in (0, 30)))
    columns = [column("largest"), column("largest", "latest"), column("largest", "latest", "original_glcm_Idm")]
    with pytest.raises(Cancelled):
        of(case, *columns, cache=cache, check=check)
    assert decodings.count == 2
    assert of(case, column("largest"), cache=cache).values
    assert decodings.count == 2


def test_all_columns_are_every_feature_and_measure_of_every_scan() -> None:
    case = Case((scan("ct"), scan("pt"), scan("ct", 20)))
    names = all_columns(case, DEFAULT_PROFILE)
    assert len(names) == len(set(names)) == 2 * (107 + 6)
    found = of(case, *names)
    assert set(found.values) | set(found.missing) == set(names)
    assert not found.missing


def test_a_case_without_scans_gives_what_was_given() -> None:
    assert of(Case(), "clinical.age_years").values == {}
    assert all_columns(Case(), DEFAULT_PROFILE) == ()


def test_an_embedding_needs_the_encoder_that_the_column_names() -> None:
    with pytest.raises(BadEncoder, match="wants the encoder default; there is none"):
        of(Case((scan("ct"),)), "embedding.ct.baseline.largest.default.0")


@settings(max_examples=200)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_summaries_follow_their_definitions(values: list[float]) -> None:
    by_lesion: dict[str, Found] = {str(label): {"x": value} for label, value in enumerate(values, start=1)}
    found = {word: summarise(word, "x", by_lesion) for word in ("sum", "mean", "max", "spread")}
    assert found["sum"] == pytest.approx(np.sum(values), rel=1e-9, abs=1e-6)
    assert found["mean"] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert found["max"] == max(values)
    assert found["spread"] == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_change_has_the_sign_of_the_difference_or_says_why_there_is_none(baseline: float, latest: float) -> None:
    found = change(baseline, latest)
    if isinstance(found, str):
        assert baseline == 0 or abs(baseline) < 1e-290
    else:
        assert np.sign(found) == np.sign(latest - baseline)


def test_embeddings_are_the_encoders_over_lesions_as_over_features_and_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, cache, decodings = default_encoder(), FeatureCache(), Decodings(monkeypatch)
    case = Case((scan("ct", 0, BIG, SMALL), scan("pt", 0, BIG, seed=9)))
    columns = [f"embedding.ct.baseline.{lesions}.default.3" for lesions in ("largest", "max", "all")]
    columns += ["embedding.pt.latest.largest.default.0"]
    found = of(case, *columns, encoder=encoder, cache=cache)
    regions = encoder.embed([tumour(BIG), tumour(SMALL), tumour(BIG | SMALL)], ["ct"] * 3)[:, 3]
    pet = encoder.embed([tumour(BIG, seed=9)], ["pt"])[0, 0]
    wanted = [regions[0], max(regions[:2]), regions[2], pet]
    assert list(found.values.values()) == pytest.approx([float(one) for one in wanted], abs=1e-5)
    assert found.seconds["embedding"] > 0
    assert of(case, *columns, encoder=encoder, cache=cache).values == found.values
    assert decodings.count == 2
    with pytest.raises(BadEncoder, match="wants the encoder other; there is default"):
        of(case, "embedding.ct.baseline.largest.other.3", encoder=encoder)
    with pytest.raises(UnknownColumn, match="the encoder gives 0 to"):
        of(case, "embedding.ct.baseline.largest.default.99999", encoder=encoder)


def test_neither_torch_nor_pyradiomics_is_loaded_before_it_is_needed() -> None:
    code = "import sys, features.compute; print(sorted({'torch', 'radiomics'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "[]\n"
