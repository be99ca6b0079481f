"""Every input is of one kind, and the kinds add up."""

import pytest

from models.answers import Contribution
from models.reasons import GROUPS, group_of, grouped


@pytest.mark.parametrize(
    ("column", "group"),
    [
        ("radiomics.ct.baseline.largest.original_shape_Sphericity", "size and shape"),
        ("radiomics.ct.baseline.largest.original_shape2D_Elongation", "size and shape"),
        ("measure.ct.delta.all.sum_of_diameters_mm", "size and shape"),
        ("radiomics.pt.baseline.largest.wavelet-LLH_firstorder_Mean", "intensity"),
        ("radiomics.mr_t1.latest.mean.log-sigma-2-0-mm-3D_glszm_ZoneEntropy", "texture"),
        ("embedding.ct.baseline.largest.default.17", "image embedding"),
        ("clinical.age_years", "clinical record"),
        ("therapy", "therapy"),
        ("site score", "other"),
        ("radiomics.ct.never.largest.original_glcm_Contrast", "other"),
    ],
)
def test_a_column_is_of_one_kind(column: str, group: str) -> None:
    assert group_of(column) == group
    assert group in GROUPS


def test_kinds_add_up_in_their_order() -> None:
    reasons = [
        Contribution(column, 1.0, "", share, "log-odds of response")
        for column, share in (("therapy", 0.5), ("clinical.a", 0.25), ("clinical.b", -1.0))
    ]
    found = grouped(reasons)
    assert [(one.group, one.contribution) for one in found] == [("clinical record", -0.75), ("therapy", 0.5)]
