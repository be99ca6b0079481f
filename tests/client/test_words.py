"""Columns, values and directions in words."""

import pytest

from radresponse.v1 import prediction_pb2
from radresponse.words import feature_parts, months, value_words


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("radiomics.ct.baseline.largest.original_glcm_Contrast", "contrast (GLCM texture) of the largest CT lesion"),
        ("radiomics.ct.baseline.largest.original_glcm_MCC", "MCC (GLCM texture) of the largest CT lesion"),
        (
            "radiomics.pt.latest.max.original_shape_Maximum2DDiameterSlice",
            "maximum 2D diameter slice of PET lesions, largest value, latest scan",
        ),
        (
            "radiomics.mr_t1.delta.mean.wavelet-LLH_firstorder_10Percentile",
            "10 percentile of intensity after wavelet-LLH of MR t1 lesions, mean, change since baseline",
        ),
        ("measure.ct.baseline.all.sum_of_diameters_mm", "sum of diameters of all CT lesions"),
        ("embedding.ct.baseline.largest.default.17", "image embedding 17 of the largest CT lesion"),
        ("clinical.age_years", "age"),
        ("clinical.sex", "sex"),
        ("clinical.smoking_pack_years", "smoking pack years"),
        ("therapy", "the therapy itself"),
        ("lab.crp", "lab.crp"),
        ("radiomics.ct.yesterday.largest.x", "radiomics.ct.yesterday.largest.x"),
    ],
)
def test_a_column_in_words(column: str, words: str) -> None:
    name, place = feature_parts(column)
    assert (f"{name} of {place}" if place else name) == words


@pytest.mark.parametrize(
    ("contribution", "words"),
    [
        (prediction_pb2.Contribution(feature="clinical.age_years", value=64, unit="years"), "64 years"),
        (prediction_pb2.Contribution(feature="measure.ct.baseline.all.volume_mm3", value=24012.4), "24,012 mm³"),
        (prediction_pb2.Contribution(feature="clinical.sex", category="female"), "female"),
        (prediction_pb2.Contribution(feature="clinical.pdl1_percent", value=40), "40 %"),
        (prediction_pb2.Contribution(feature="clinical.age_years", unit="years"), "missing"),
        (prediction_pb2.Contribution(feature="embedding.ct.baseline.largest.default.1", value=-0.12345), "-0.123"),
    ],
)
def test_a_value_in_words(contribution: prediction_pb2.Contribution, words: str) -> None:
    assert value_words(contribution) == words


def test_a_year_has_twelve_months() -> None:
    assert months(365.25) == "12.0"
