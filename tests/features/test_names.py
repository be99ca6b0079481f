"""The grammar of columns: read, printed, refused."""

import pytest
from builders.tumours import tumour
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UnknownColumn
from features.measures import measure_all, measure_lesion
from features.names import (
    ALL_QUANTITIES,
    LESION_QUANTITIES,
    LESIONS,
    WHENS,
    ClinicalColumn,
    Column,
    EmbeddingColumn,
    MeasureColumn,
    OtherColumn,
    RadiomicsColumn,
    TherapyColumn,
    parse,
)

scans = st.sampled_from(["ct", "pt", "mr", "mr_t1", "ct_2"])
names = st.from_regex(r"[a-z0-9-]{1,9}_[a-z]{1,6}_[A-Za-z0-9]{1,9}", fullmatch=True)
columns = st.one_of(
    st.builds(RadiomicsColumn, scans, st.sampled_from(WHENS), st.sampled_from(LESIONS), names),
    st.builds(
        EmbeddingColumn,
        scans,
        st.sampled_from(WHENS[:2]),
        st.sampled_from(LESIONS),
        st.from_regex(r"[a-z0-9_-]{1,9}", fullmatch=True),
        st.integers(0, 9999),
    ),
    st.builds(
        MeasureColumn,
        scans,
        st.sampled_from(WHENS),
        st.sampled_from(LESIONS[:-1]),
        st.sampled_from(LESION_QUANTITIES),
    ),
    st.builds(MeasureColumn, scans, st.sampled_from(WHENS), st.just("all"), st.sampled_from(ALL_QUANTITIES)),
    st.builds(ClinicalColumn, st.from_regex(r"[a-z_]{1,9}", fullmatch=True)),
    st.just(TherapyColumn()),
    st.builds(OtherColumn, st.from_regex(r"[a-z_]{1,5}x", fullmatch=True)),
)


@given(columns)
def test_a_printed_column_reads_back_as_itself(column: Column) -> None:
    assert parse(str(column)) == column


@given(st.text(max_size=80))
def test_any_text_prints_back_or_is_refused(text: str) -> None:
    try:
        assert str(parse(text)) == text
    except UnknownColumn as error:
        assert error.details["wanted"]


@pytest.mark.parametrize(
    "column",
    [
        "radiomics.pt.baseline.largest.original_glcm_Contrast",
        "radiomics.mr_t1.delta.spread.wavelet-HHL_firstorder_10Percentile",
        "radiomics.ct.latest.all.log-sigma-3-0-mm-3D_glszm_ZoneEntropy",
        "embedding.ct.baseline.largest.default.17",
        "measure.ct.delta.all.sum_of_diameters_mm",
    ],
)
def test_the_examples_of_the_design_are_read(column: str) -> None:
    assert str(parse(column)) == column
    assert parse(column) == parse(column)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("radiomics.ct.now.largest.original_glcm_Contrast", "baseline or latest or delta"),
        ("radiomics.us.baseline.largest.original_glcm_Contrast", "ct, mr, pt"),
        ("radiomics.CT.baseline.largest.original_glcm_Contrast", "ct, mr, pt"),
        ("radiomics.ct.baseline.biggest.original_glcm_Contrast", "largest or sum"),
        ("radiomics.ct.baseline.largest.Contrast", "pyradiomics name"),
        ("radiomics.ct.baseline.largest", "<when>"),
        ("embedding.ct.delta.largest.default.1", "baseline or latest"),
        ("embedding.ct.latest.largest.default.01", "without padding"),
        ("embedding.ct.latest.largest.default.-1", "without padding"),
        ("measure.ct.baseline.all.long_axis_mm", "count or"),
        ("measure.ct.baseline.largest.count", "volume_mm3 or"),
        ("measure.ct.baseline.largest.volume", "volume_mm3 or"),
        ("clinical.", "a covariate's name"),
    ],
)
def test_a_column_that_only_begins_well_is_refused_with_what_is_wanted(column: str, said: str) -> None:
    with pytest.raises(UnknownColumn) as caught:
        parse(column)
    assert said in str(caught.value)


def test_the_quantities_of_the_grammar_are_those_that_are_measured() -> None:
    assert set(measure_lesion(tumour())) == set(LESION_QUANTITIES)
    assert set(measure_all((tumour(),))) == set(ALL_QUANTITIES)
