"""Which features stand for volume is found by ranks, and how much of a model rests on them is told."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from models.families.columns import ColumnSpec
from models.redundancy import SURROGATE_FROM, Redundancy, in_words, of_model, redundancy

VOLUME = "measure.ct.baseline.all.volume_mm3"
SURFACE, SPHERICITY, NOISE, HALF, COPY = (
    f"radiomics.ct.baseline.largest.original_{name}"
    for name in ("shape_SurfaceArea", "shape_Sphericity", "glcm_Noise", "glcm_Half", "glcm_Copy")
)
COLUMNS = [ColumnSpec(name) for name in (VOLUME, SURFACE, SPHERICITY, NOISE, HALF, COPY)]


def cohort(patients: int = 150, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    volume = draw.lognormal(8, 1, patients)
    noise = draw.normal(size=patients)
    return pd.DataFrame({
        VOLUME: volume,
        SURFACE: 4.8 * volume ** (2 / 3),  # of balls: the same order
        SPHERICITY: -np.log(volume) + draw.normal(0, 0.05, patients),  # falls with volume
        NOISE: noise,
        HALF: np.log(volume) + draw.normal(0, 1.2, patients),
        COPY: np.exp(noise),
    })  # fmt: skip


def test_what_rises_or_falls_with_volume_stands_for_it() -> None:
    frame = cohort()
    found = redundancy(frame, COLUMNS)
    assert found is not None
    assert (found.volume, found.features) == (VOLUME, 5)
    assert [one.column for one in found.surrogates] == [SURFACE, SPHERICITY]
    assert found.surrogates[0].correlation == pytest.approx(1.0)
    assert found.surrogates[1].correlation == pytest.approx(spearmanr(frame[VOLUME], frame[SPHERICITY]).statistic)


def test_missing_values_are_left_aside_pair_by_pair() -> None:
    frame = cohort()
    frame.loc[::3, SPHERICITY] = np.nan
    frame.loc[5:, NOISE] = np.nan  # too few to tell
    found = redundancy(frame, COLUMNS)
    assert found is not None
    both = frame.dropna(subset=[SPHERICITY])
    told = {one.column: one.correlation for one in found.surrogates}
    assert told[SPHERICITY] == pytest.approx(spearmanr(both[VOLUME], both[SPHERICITY]).statistic)
    assert NOISE not in told


def test_how_much_of_a_model_rests_on_volume() -> None:
    frame = cohort()
    found = redundancy(frame, COLUMNS)
    assert found is not None
    names = [SURFACE, NOISE, COPY]
    shares = np.tile([3.0, -0.5, 0.5, 0.0], (len(frame), 1))  # the last is the therapy's
    told = of_model(found, frame, names, shares)
    assert [one.column for one in told.used] == [SURFACE]
    assert told.volume_share == pytest.approx(0.75)
    assert told.alike == ((NOISE, COPY),)
    said = " ".join(in_words(told))
    assert "2 of 5 image features stand for tumour volume" in said
    assert "carry 75 %".replace(" %", "%") in said and f"{SURFACE} (+1.00)" in said


def test_without_a_volume_or_without_image_features_it_says_so() -> None:
    frame = cohort().drop(columns=VOLUME)
    found = redundancy(frame, [ColumnSpec(NOISE), ColumnSpec(HALF)])
    assert found == Redundancy("", 2, ())
    assert "No column measures volume" in in_words(found)[0]
    assert redundancy(frame, [ColumnSpec("sex", "category", categories=("f", "m"))]) is None


def test_constant_features_stand_for_nothing() -> None:
    frame = cohort().assign(**{HALF: 1.0})
    found = redundancy(frame, COLUMNS)
    assert found is not None
    assert found.features == 4
    assert all(abs(one.correlation) >= SURROGATE_FROM for one in found.surrogates)
