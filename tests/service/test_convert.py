"""What a case on the wire may hold, and how it is refused, field by field."""

import hashlib
import math
from collections.abc import Callable

import pytest
from builders.cases import case, covariate, image_file, mask_file, scan
from hypothesis import given
from hypothesis import strategies as st

from features.case import Case, Source
from features.errors import BadScanDate, DuplicateScan, FeatureError
from radresponse.v1 import case_pb2
from service.convert import MAX_SCANS, case_of, require_different, within_case
from service.errors import BadRequestField, ImageNotFound

IMAGE, MASK = image_file(), mask_file()


def no_upload(digest: str) -> Source:
    raise ImageNotFound


def taken(message: case_pb2.Case) -> Case:
    return case_of(message, no_upload)


def dated(*seconds: int) -> case_pb2.Case:
    message = case()
    for moment in seconds:
        one = scan(IMAGE, MASK)
        one.date.seconds = moment
        message.scans.append(one)
    return message


def test_a_case_comes_over_whole() -> None:
    message = case(
        scan(IMAGE, MASK, day=0, labels=[2, 5], resample=True),
        scan(IMAGE, MASK, modality=case_pb2.MODALITY_MR, series="t1", day=42),
        covariates={"age_years": 70.5, "sex": "male", "ER status": "positive"},
        features={"measure.ct.baseline.all.count": 2.0},
    )
    taken_over = taken(message)
    first, second = taken_over.scans
    assert (first.name, first.day, first.labels, first.resample_segmentation) == ("ct", 0, (2, 5), True)
    assert (second.name, second.day, second.labels, second.resample_segmentation) == ("mr_t1", 42, (), False)
    assert first.image == Source(hashlib.sha256(IMAGE).hexdigest(), IMAGE)
    assert first.segmentation.content == MASK
    assert taken_over.clinical == {"age_years": 70.5, "sex": "male", "ER status": "positive"}
    assert taken_over.given == {"measure.ct.baseline.all.count": 2.0}


def test_a_digest_is_opened_at_the_store() -> None:
    held = Source.of(IMAGE)
    message = case(scan(held.digest, MASK))
    assert case_of(message, {held.digest: held}.__getitem__).scans[0].image is held


def test_a_digest_that_the_store_does_not_know_is_named_by_place() -> None:
    with pytest.raises(ImageNotFound) as raised:
        taken(case(scan(IMAGE, MASK), scan(IMAGE, "0" * 64, series="b")))
    assert raised.value.place == "case.scans[1].segmentation.digest"


def with_scan(change: Callable[[case_pb2.Scan], object]) -> case_pb2.Case:
    one = scan(IMAGE, MASK)
    change(one)
    return case(one)


MALFORMED = {
    "case.subject": case(subject="Jane Doe"),
    "case.scans[0].modality": with_scan(lambda one: one.ClearField("modality")),
    "case.scans[0].series": with_scan(lambda one: setattr(one, "series", "T1")),
    "case.scans[0].image": with_scan(lambda one: one.ClearField("image")),
    "case.scans[0].segmentation": with_scan(lambda one: setattr(one.segmentation, "inline", b"")),
    "case.scans[0].image.digest": with_scan(lambda one: setattr(one.image, "digest", "A" * 64)),
    "case.scans[0].labels[1]": with_scan(lambda one: one.labels.extend([1, 0])),
    "case.scans[0].labels": with_scan(lambda one: one.labels.extend([3, 3])),
    "case.scans[0].date": dated(10**15),
    "case.scans": case(*[scan(IMAGE, MASK, series=f"s{index}") for index in range(MAX_SCANS + 1)]),
    "case.covariates": case(covariates={"": 1.0}),
    "case.covariates.age_years": case(covariates={"age_years": math.nan}),
    "case.covariates.sex": case(covariates={"sex": ""}),
    "case.features": case(features={"a\nb": 1.0}),
    "case.features.x": case(features={"x": math.inf}),
    "case.features.clinical.age_years": case(features={"clinical.age_years": 60.0}),
    "case.features.therapy": case(features={"therapy": 1.0}),
}


@pytest.mark.parametrize("place", MALFORMED)
def test_a_malformed_field_is_refused_by_name(place: str) -> None:
    with pytest.raises(BadRequestField) as raised:
        taken(MALFORMED[place])
    assert raised.value.place == place
    assert str(raised.value).startswith(f"{place}: ")


@pytest.mark.parametrize("subject", ["", "Jane Doe", "Müller", "a/b", "x" * 129])
def test_a_subject_of_the_wrong_form_is_not_repeated(subject: str) -> None:
    with pytest.raises(BadRequestField) as raised:
        taken(case(subject=subject))
    assert not subject or subject not in str(raised.value)


@given(st.text(alphabet="abcXYZ019._-", min_size=1, max_size=128))
def test_every_pseudonym_of_the_contract_is_taken(subject: str) -> None:
    assert taken(case(subject=subject)).scans == ()


@given(st.dictionaries(st.text(max_size=12), st.floats() | st.text(max_size=5), max_size=4))
def test_covariates_are_taken_whole_or_refused_by_field(covariates: dict[str, float | str]) -> None:
    message = case_pb2.Case(subject="s")
    for name, value in covariates.items():
        message.covariates[name].CopyFrom(covariate(value))
    try:
        assert taken(message).clinical == covariates
    except BadRequestField as error:
        assert error.place.startswith("case.covariates")


DAY = 86_400
MORNING, EVENING = 1_700_031_600, 1_700_070_000  # 2023-11-15, 07:00 and 17:40 UTC


def test_dates_count_from_the_first_one() -> None:
    case_days = [one.day for one in taken(dated(EVENING + 42 * DAY, MORNING)).scans]
    assert case_days == [42, 0]


def test_two_images_of_one_date_are_of_one_day() -> None:
    message = dated(MORNING, EVENING)
    message.scans[1].series = "b"
    assert [one.day for one in taken(message).scans] == [0, 0]


def test_scans_without_dates_are_all_of_the_baseline() -> None:
    assert [one.day for one in taken(case(scan(IMAGE, MASK), scan(IMAGE, MASK, series="b"))).scans] == [0, 0]


def refused_dates(message: case_pb2.Case) -> FeatureError:
    with pytest.raises(BadScanDate) as raised:
        taken(message)
    return raised.value


def test_dates_mixed_with_days_are_refused() -> None:
    message = dated(MORNING, EVENING)
    message.scans[1].day = 3
    assert refused_dates(message).place == "case.scans[1].day"
    message.scans[1].ClearField("taken")
    assert refused_dates(message).place == "case.scans[1].date"


def test_a_day_before_the_baseline_is_refused() -> None:
    assert refused_dates(case(scan(IMAGE, MASK, day=0), scan(IMAGE, MASK, day=-3))).place == "case.scans[1].day"


def test_days_that_do_not_start_at_the_baseline_are_refused() -> None:
    assert refused_dates(case(scan(IMAGE, MASK, day=9))).place == "case.scans[0].day"


def test_the_same_scan_twice_is_refused() -> None:
    with pytest.raises(DuplicateScan) as raised:
        taken(case(scan(IMAGE, MASK, day=0), scan(IMAGE, MASK, day=0)))
    assert raised.value.place == "case.scans[1]"


def test_places_of_features_become_places_of_the_contract() -> None:
    with pytest.raises(FeatureError) as raised, within_case():
        raise FeatureError("seen and wanted", place="scans[3].segmentation")
    assert raised.value.place == "case.scans[3].segmentation"


def test_a_name_that_stands_twice_is_refused_where_it_stands() -> None:
    assert require_different(["a", "b"], "therapies") == ("a", "b")
    for names in (["a", "b", "a"], ["a", "b", ""]):
        with pytest.raises(BadRequestField) as raised:
            require_different(names, "therapies")
        assert raised.value.place == "therapies[2]"
