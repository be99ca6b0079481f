"""Occlusion maps lie where the network looks, and say so when they mean nothing."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.lesions import lesion
from PIL import Image
from torch import Tensor, nn

from features.change_picture import NONE, draw_change
from features.embedding.crop import CropView
from features.embedding.encoder import default_encoder
from features.embedding.network import Network
from features.embedding.placement import index_to_mm, inside_indices
from features.embedding.preprocessing import Preprocessing
from features.embedding.saliency import Saliency, saliency
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.picture import draw
from features.types import Embeddings, Floats

SIZE = 32
DIRECTIONS = {
    "straight": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    "mirrored": (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0),
    "sagittal": (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "oblique": (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0),
}


class LooksAt(nn.Module):
    """The narrow window's intensity round one place of the cube; then nothing."""

    weight: Tensor

    def __init__(self, place: tuple[int, int, int]) -> None:
        super().__init__()
        axes = [torch.exp(-0.5 * ((torch.arange(SIZE) - middle) / 1.5) ** 2) for middle in place]
        weight = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
        self.register_buffer("weight", weight / weight.sum())

    def forward(self, crops: Tensor) -> Tensor:
        seen = (crops[:, 1] * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([seen, 0.0 * seen], dim=1)


def looking_at(place: tuple[int, int, int]) -> Network:
    return Network("planted", "planted", 2, CropView(Preprocessing()), LooksAt(place))


def as_it_is(embeddings: Embeddings) -> Floats:
    return embeddings.astype(np.float64)


def stored(direction: str) -> Lesion:
    """A ball, brighter towards one side, stored along these axes."""
    one = lesion(20.0, spacing_mm=(1.0, 0.8, 1.25), shape="ball")
    z, y, x = (np.arange(count, dtype=np.float32) for count in one.image.shape)
    ramp = x[None, None, :] + y[None, :, None] + z[:, None, None]
    image = one.image + 8.0 * (ramp - ramp[one.mask].mean())
    return replace(
        one,
        image=image.astype(np.float32),
        grid=Grid(one.grid.size, one.grid.spacing_mm, (5.0, -9.0, 40.0), DIRECTIONS[direction]),
    )


def hottest_mm(one: Lesion, found: Saliency) -> Floats:
    """Where the map is strongest, from the lesion's middle along L, P and S."""
    inside = inside_indices(one)
    strength = np.abs(found.at(inside, 0))
    top = inside[strength > 0.9 * strength.max()].mean(axis=0)
    return np.asarray(index_to_mm(one) @ (top - inside.mean(axis=0)))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_map_is_strongest_where_the_network_looks_however_the_scan_is_stored(direction: str) -> None:
    one = stored(direction)
    place = (20, 11, 13)  # S, P, L
    found = saliency(looking_at(place), one, "ct", as_it_is)
    voxel_mm = found.cutout.placement.side_mm / SIZE
    wanted = (np.array(place[::-1]) - (SIZE - 1) / 2.0) * voxel_mm
    np.testing.assert_allclose(hottest_mm(one, found), wanted, atol=2.5 * voxel_mm)
    assert abs(found.strongest[0]) > 0.5 * abs(found.whole[0]) > 10.0 * abs(found.weakest[0])


def test_a_map_that_is_the_same_everywhere_fails_its_check() -> None:
    found = saliency(looking_at((20, 11, 13)), stored("straight"), "ct", as_it_is)
    assert found.telling(0)
    assert not found.telling(1)  # of the number that is always 0
    assert (found.change[1] == 0.0).all()
    assert (found.whole[1], found.chance[1]) == (0.0, 0.0)


class Mean(nn.Module):
    """Of the cube: no weight of it says where to look."""

    def forward(self, crops: Tensor) -> Tensor:
        return crops[:, 1:2].mean(dim=(2, 3, 4))


def test_a_map_that_shuffled_weights_give_too_fails_its_check() -> None:
    plain = Network("mean", "mean", 1, CropView(Preprocessing()), Mean())
    found = saliency(plain, stored("straight"), "ct", as_it_is)
    assert found.chance[0] == pytest.approx(1.0)
    assert not found.telling(0)


def test_the_shipped_encoder_gives_the_same_map_twice_and_none_of_a_score_that_does_not_listen() -> None:
    one, encoder = stored("straight"), default_encoder()
    weights = np.random.default_rng(0).normal(size=(encoder.dimension, 1))

    def score(embeddings: Embeddings) -> Floats:
        return np.hstack([embeddings @ weights, np.full((len(embeddings), 1), 3.0)])

    first, again = (encoder.saliency(one, "ct", score) for _ in range(2))
    np.testing.assert_array_equal(first.change, again.change)
    assert np.ptp(first.change[0]) > 0.0
    assert (first.change[1] == 0.0).all()


def test_a_scan_of_one_slice_has_a_map_too() -> None:
    flat = lesion(12.0, spacing_mm=(1.0, 1.0, 12.0), margin_mm=6.0)
    middle = flat.image.shape[0] // 2
    grid = Grid((*flat.grid.size[:2], 1), flat.grid.spacing_mm, flat.grid.origin_mm, flat.grid.direction)
    one = Lesion(1, flat.image[middle : middle + 1], flat.mask[middle : middle + 1], grid)
    found = saliency(looking_at((16, 12, 12)), one, "ct", as_it_is)
    at = found.at(inside_indices(one), 0)
    assert np.isfinite(at).all()
    assert np.abs(at).max() > 0.0


def test_nobody_who_left_is_waited_for() -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        saliency(looking_at((16, 16, 16)), stored("straight"), "ct", as_it_is, check)
    assert len(calls) == 3


def test_the_drawn_map_has_the_pixels_of_the_picture_and_its_scale() -> None:
    one = stored("mirrored")
    drawn = draw_change(one, lambda indices: indices[:, 0] - indices[:, 0].mean())
    picture = draw(one, "ct")
    grey, overlay = (np.asarray(Image.open(io.BytesIO(png))) for png in (drawn.png, drawn.overlay_png))
    assert grey.shape == overlay.shape[:2] == (picture.height, picture.width)
    x = inside_indices(one)[:, 0]
    assert drawn.full_scale == pytest.approx(np.abs(x - x.mean()).max())
    assert (grey[0] == NONE).all()
    assert (grey.min(), grey.max()) == (1, 255)
    # Stored from the patient's left: high indices lie on the right, which is shown on the left.
    assert grey[:, : picture.width // 2].max() == 255
    assert tuple(overlay[grey == 255][0]) == (255, 157, 46, 200)
    assert tuple(overlay[grey == 1][0]) == (77, 180, 255, 200)
    assert (overlay[grey == NONE][:, 3] <= 1).all()
    assert draw_change(one, lambda indices: 0.0 * indices[:, 0]).full_scale == 0.0
