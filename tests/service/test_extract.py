"""ExtractFeatures, over a real server: the numbers themselves, what is missing, and what made them."""

import numpy as np
import pytest
from builders.cases import case, file_of, image_file, mask_file, scan
from builders.serving import Service, warnings_of
from builders.tumours import ball

from features.case import Case, Scan, Source
from features.compute import all_columns, compute
from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics import ENGINE
from radresponse.v1 import case_pb2, prediction_pb2
from service.version import VERSION

IMAGE, MASK = image_file(), mask_file()
VOLUME, MEAN = "measure.ct.baseline.largest.volume_mm3", "radiomics.ct.baseline.largest.original_firstorder_Mean"


def extract(
    service: Service, one: case_pb2.Case, *columns: str, profile: str = ""
) -> prediction_pb2.ExtractFeaturesResponse:
    return service.extract(prediction_pb2.ExtractFeaturesRequest(case=one, columns=columns, profile=profile))


def test_without_columns_all_of_the_profile_is_given(service: Service) -> None:
    taken = Case((Scan("ct", 0, Source.of(IMAGE), Source.of(MASK)),))
    columns = all_columns(taken, DEFAULT_PROFILE)
    truth = compute(taken, columns, profile=DEFAULT_PROFILE)
    answer = extract(service, case(scan(IMAGE, MASK)))
    assert dict(answer.features) == truth.values
    assert set(answer.features) == set(columns)
    assert len(columns) > 90
    assert not answer.missing


def test_only_the_asked_columns_are_given_and_each_date_its_own(service: Service) -> None:
    shrunk = mask_file(radius=3.0)
    one = case(scan(IMAGE, MASK, day=0), scan(IMAGE, shrunk, day=60))
    columns = [f"measure.ct.{when}.largest.volume_mm3" for when in ("baseline", "latest", "delta")]
    before, after = 2.0 * ball(radius=4).sum(), 2.0 * ball(radius=3).sum()
    assert dict(extract(service, one, *columns).features) == pytest.approx(
        dict(zip(columns, (before, after, (after - before) / before), strict=True))
    )


def test_what_has_no_value_is_named_with_the_reason(service: Service) -> None:
    delta, other = "measure.ct.delta.largest.volume_mm3", "measure.pt.baseline.all.count"
    answer = extract(service, case(scan(IMAGE, MASK)), VOLUME, delta, other)
    assert set(answer.features) == {VOLUME}
    assert "two dates" in answer.missing[delta]
    assert "pt" in answer.missing[other]


def test_a_lesion_that_cannot_be_measured_is_said_and_the_others_go_on(service: Service) -> None:
    labels = ball(radius=4.0).astype(np.uint8)
    labels[0, 0, 0] = 2
    one = case(scan(IMAGE, file_of(labels)))
    contrast = "radiomics.ct.baseline.{}.original_glcm_Contrast"
    answer = extract(service, one, contrast.format("largest"), contrast.format("mean"))
    assert answer.features[contrast.format("largest")] > 0
    assert len(warnings_of(answer)) == len(warnings_of(answer, "LESION_LEFT_OUT")) == 1


def test_a_profile_says_how_features_are_taken(service: Service) -> None:
    coarse = "imageType: {Original: {}}\nsetting: {binWidth: 100}\n"
    contrast = "radiomics.ct.baseline.largest.original_glcm_Contrast"
    one = case(scan(IMAGE, MASK))
    fine, rough = extract(service, one, contrast), extract(service, one, contrast, profile=coarse)
    assert rough.features[contrast] < fine.features[contrast] / 4
    assert list(rough.provenance.profile_digests) == [Profile.parse(coarse).digest]
    assert list(fine.provenance.profile_digests) == [DEFAULT_PROFILE.digest]


def test_given_features_are_taken_as_they_come(service: Service) -> None:
    answer = extract(service, case(scan(IMAGE, MASK), features={MEAN: 7.5, VOLUME: 1.0}), MEAN)
    assert dict(answer.features) == {MEAN: 7.5}
    assert list(answer.provenance.given_features) == [MEAN]
    assert not answer.provenance.scans


def test_an_answer_says_what_made_it(service: Service) -> None:
    made = extract(service, case(scan(IMAGE, MASK)), MEAN).provenance
    assert [(one.image_digest, one.segmentation_digest) for one in made.scans] == [
        (Source.of(IMAGE).digest, Source.of(MASK).digest)
    ]
    assert (made.software_version, made.radiomics_engine) == (VERSION, ENGINE)
    assert not made.models
    measured = extract(service, case(scan(IMAGE, MASK)), VOLUME).provenance
    assert not measured.radiomics_engine and not measured.profile_digests


def test_the_same_request_gets_the_same_bytes(service: Service) -> None:
    first, second = (extract(service, case(scan(IMAGE, MASK))) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
