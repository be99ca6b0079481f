"""The figures by which an encoder is judged: what they say of features that are known to be good or useless."""

import numpy as np
import pytest
from benchmarks import encoder as worth
from builders.lesions import lesion


def test_another_scan_of_a_lesion_is_another_and_keeps_its_size() -> None:
    one = lesion(16.0, spacing_mm=(0.9, 0.9, 2.0), shape="ball", margin_mm=10.0)
    again = worth.perturbed(one, np.random.default_rng(0))
    assert again.grid != one.grid
    assert again.volume_mm3 == pytest.approx(one.volume_mm3, rel=0.35)
    assert np.allclose(np.linalg.det(np.array(again.grid.direction).reshape(3, 3)), 1.0)
    assert len(worth.statistics(one)) == 31
    assert worth.boxed(one, margin_mm=2.0).voxel_count == one.voxel_count


def test_features_of_the_lesion_are_found_again_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    own = rng.standard_normal((40, 6))
    good = worth.scaled([own + 0.1 * rng.standard_normal(own.shape) for _ in range(3)])
    noise = worth.scaled([rng.standard_normal(own.shape) for _ in range(3)])
    words = ["mr"] * 20 + ["pt"] * 20
    assert worth.interval(worth.retrieved(good, words))[0] > 0.95
    assert worth.interval(worth.retrieved(noise, words))[0] < 0.2, "chance is 1 in 20"
    assert worth.agreement(good).min() > 0.9
    assert np.abs(np.median(worth.agreement(noise))) < 0.25
    assert worth.left_out(own, own @ np.arange(6.0), ridge=0.1) > 0.95
    assert worth.left_out(own, rng.standard_normal(40)) < 0.2
    signs = own[:, 0] > 0
    assert worth.interval(worth.left_out_sign(own, signs))[0] > 0.8


def test_an_interval_holds_its_mean() -> None:
    mean, low, high = worth.interval(np.array([0.0, 1.0, 1.0, 1.0, 0.5] * 8))
    assert mean == pytest.approx(0.7)
    assert low < mean < high
