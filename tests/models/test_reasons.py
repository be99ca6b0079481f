"""Every input is of one kind, and the kinds add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.answers import Contribution
from models.reasons import GROUPS, Contributions, group_of

SCALE = "log-odds of response"


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


def contributions(shares: dict[str, float]) -> Contributions:
    values: list[float | str | None] = [float(place) for place in range(len(shares))]
    ranked = len(values)
    return Contributions(
        tuple(shares),
        values,
        ["mm"] * len(shares),
        np.array(list(shares.values())),
        SCALE,
        lambda place: place / ranked,
    )


def test_kinds_add_up_in_their_order() -> None:
    found = contributions({"therapy": 0.5, "clinical.a": 0.25, "clinical.b": -1.0}).groups
    assert [(one.group, one.contribution) for one in found] == [("clinical record", -0.75), ("therapy", 0.5)]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40))
def test_contributions_are_those_of_a_tuple_made_at_once(shares: list[float]) -> None:
    names = tuple(
        ("clinical.a", "therapy", "site score", "embedding.ct.baseline.largest.default.1")[place % 4] + str(place)
        for place in range(len(shares))
    )
    found = contributions(dict(zip(names, shares, strict=True)))
    order = sorted(range(len(shares)), key=lambda place: -abs(shares[place]))
    whole = tuple(
        Contribution(names[place], float(place), "mm", shares[place], SCALE, place / len(shares)) for place in order
    )
    assert len(found) == len(whole) and tuple(found) == whole and found == whole and hash(found) == hash(whole)
    assert found[:10] == whole[:10] and found[-1] == whole[-1] and found[0] == whole[0]
    assert found != whole[:-1] and found != list(whole)
    sums: dict[str, float] = {}
    for one in whole:
        sums[group_of(one.column)] = sums.get(group_of(one.column), 0.0) + one.contribution
    assert {one.group: one.contribution for one in found.groups} == sums  # to the bit, in this order


def test_hundreds_are_in_the_same_order_as_a_few() -> None:
    shares = np.random.default_rng(0).integers(-9, 10, size=600).astype(np.float64)  # with many ties
    names = [f"clinical.c{place:03d}" for place in range(shares.size)]
    found = contributions(dict(zip(names, shares.tolist(), strict=True)))
    assert [one.column for one in found] == sorted(names, key=lambda name: -abs(shares[int(name[-3:])]))


def test_no_place_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        contributions({"therapy": 0.5})[1]
