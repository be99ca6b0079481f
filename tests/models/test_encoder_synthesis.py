"""The synthesis that the default encoder learns from: what is drawn is what is there, and scans of it agree."""

import dataclasses

import numpy as np
import pytest
import torch

from models.encoder_training.acquisition import acquire, draw_mapping
from models.encoder_training.objective import disagreement, factor_error
from models.encoder_training.specimen import make_specimen
from models.encoder_training.traits import FACTORS, KINDS, Traits, draw_traits


def drawn(kind: str = "ct", **changed: object) -> Traits:
    plain = Traits(kind, 12.0, 0.2, 0.0, 0.0, 0.1, 0.2, 0.5, 0.0, 0.0, 0.0, 0.5)
    return dataclasses.replace(plain, **changed)  # type: ignore[arg-type]


def test_a_specimen_has_the_volume_it_was_drawn_with() -> None:
    for radius in (4.0, 12.0, 25.0):
        specimen = make_specimen(drawn(radius_mm=radius), np.random.default_rng(1))
        volume = float(specimen.share.sum()) * specimen.voxel_mm**3
        assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.2)


def test_a_trait_changes_only_its_own_part() -> None:
    base = make_specimen(drawn(), np.random.default_rng(2))
    denser = make_specimen(drawn(density=0.9), np.random.default_rng(2))
    assert np.array_equal(base.share, denser.share)
    outside = base.share == 0.0
    assert np.array_equal(base.intensity[outside], denser.intensity[outside])
    inside = base.share == 1.0
    assert float((denser.intensity - base.intensity)[inside].mean()) == pytest.approx(44.0, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_each_scan_is_another_and_holds_the_whole_lesion(kind: str) -> None:
    rng = np.random.default_rng([3, KINDS.index(kind)])
    specimen = make_specimen(drawn(kind), rng)
    mapping = draw_mapping(kind, rng)
    first, second = (acquire(specimen, mapping, rng) for _ in range(2))
    assert first.grid != second.grid
    for lesion in (first, second):
        assert np.isfinite(lesion.image).all()
        assert lesion.volume_mm3 == pytest.approx(4 / 3 * np.pi * 12.0**3, rel=0.6)
        edges = [lesion.mask[[0, -1]], lesion.mask[:, [0, -1]], lesion.mask[:, :, [0, -1]]]
        assert not any(edge.any() for edge in edges)


def test_factors_are_centred_and_say_what_an_image_cannot_show() -> None:
    rows = {kind: [] for kind in KINDS}  # type: dict[str, list[list[float]]]
    for seed in range(600):
        traits = draw_traits(np.random.default_rng([4, seed]))
        rows[traits.kind].append(traits.factors(0.0))
    assert all(len(row) == len(FACTORS) for part in rows.values() for row in part)
    everyone = np.array([row for part in rows.values() for row in part])[:, : FACTORS.index("calcification")]
    assert np.abs(everyone.mean(axis=0)).max() < 0.2
    assert np.abs(everyone.std(axis=0) - 1.0).max() < 0.15
    assert np.isnan(np.array(rows["mr"])[:, FACTORS.index("density")]).all()
    assert np.isnan(np.array(rows["ct"])[:, FACTORS.index("tracer")]).all()


def test_scans_that_agree_in_numbers_that_differ_cost_nothing() -> None:
    random = torch.Generator().manual_seed(0)
    lesions = torch.linalg.qr(torch.randn(64, 8, generator=random) - 0.0)[0]
    lesions = torch.linalg.qr(lesions - lesions.mean(dim=0))[0]
    assert float(disagreement(lesions, lesions, 0.02)) < 1e-3
    assert float(disagreement(lesions, -lesions, 0.02)) == pytest.approx(4.0, abs=0.01)
    repeated = lesions[:, :1].repeat(1, 8)
    assert float(disagreement(repeated, repeated, 0.02)) == pytest.approx(0.02 * 7, abs=0.01)
    unknown = torch.full((64, 2), torch.nan)
    known = torch.cat([torch.zeros(64, 1), unknown], dim=1)
    assert float(factor_error(torch.full((64, 3), 2.0), known)) == pytest.approx(4.0)
