"""A perturbed scan is one that another visit and another reader might have given: near, different, and reproducible."""

import numpy as np
import pytest
from builders.lesions import lesion
from builders.tumours import ball, grid_of

from features.imaging.volume import Image
from features.lesion import Lesion
from features.types import Mask, Voxels
from models.stability.moved import MOST_DEGREES, MOST_VOXELS, moved, noise_level, noisier
from models.stability.perturb import perturb
from models.stability.redrawn import MOST_VOLUME, redrawn, resized

SPACING = (2.0, 1.0, 1.0)
SHAPE = (16, 40, 40)


def overlap(one: Mask, other: Mask) -> float:
    """Dice's."""
    return 2.0 * float((one & other).sum()) / float(one.sum() + other.sum())


def edged(mask: Mask, noise: float = 5.0) -> Voxels:
    """100 inside, 0 outside."""
    return np.asarray(100.0 * mask + np.random.default_rng(0).normal(0, noise, mask.shape), np.float32)


def test_noise_is_told_apart_from_what_the_image_shows() -> None:
    y, x = np.mgrid[:64, :64] / 64
    shown = 200 * np.sin(3 * y) * np.cos(2 * x)
    noise = np.random.default_rng(1).normal(0, 12, (20, 64, 64))
    assert noise_level(np.asarray(shown + noise, np.float32)) == pytest.approx(12, rel=0.05)
    assert noise_level(np.zeros((4, 32, 32), np.float32)) == 0.0
    assert noise_level(np.ones((4, 3, 3), np.float32)) == 0.0


def test_noise_comes_once_more_at_the_images_own_level() -> None:
    image = np.random.default_rng(2).normal(0, 7, (12, 64, 64)).astype(np.float32)
    added = noisier(image, np.random.default_rng(3)) - image
    assert float(added.std()) == pytest.approx(7, rel=0.05)
    magnitude = np.abs(image)
    assert noisier(magnitude, np.random.default_rng(3)).min() >= magnitude.min()


def test_image_and_outline_move_together_by_little() -> None:
    mask = ball(SHAPE, 6.0, (8, 18, 22))
    mask[6:9, 18:20, 22:34] = True
    turns = []
    for seed in range(6):
        image, (there,) = moved(edged(mask, 0.0), [mask], SPACING, np.random.default_rng(seed))
        assert overlap(image > 50, there) > 0.97
        assert there.sum() == pytest.approx(mask.sum(), rel=0.1)
        middle, was = (np.argwhere(one).mean(axis=0) for one in (there, mask))
        assert np.abs(middle - was).max() < MOST_VOXELS + 0.3
        turns.append(overlap(mask, there))
    assert max(turns) < 1.0 and min(turns) > 0.75


def test_a_turn_keeps_millimetres_where_voxels_are_oblong() -> None:
    """Twice as long along y as along x: a ball of millimetres stays one."""
    z, y, x = np.indices((1, 30, 60))
    mask = ((y - 15) * 2.0) ** 2 + (x - 30.0) ** 2 <= 20.0**2
    for seed in range(4):
        _, (there,) = moved(edged(mask, 0.0), [mask], (1.0, 2.0, 1.0), np.random.default_rng(seed))
        assert overlap(mask, there) > 0.95
    assert MOST_DEGREES > 0 and z.size


def test_a_lesion_grows_or_shrinks_along_its_border_within_bounds() -> None:
    mask, seen = ball(SHAPE, 6.0), []
    for seed in range(20):
        drawn = resized(mask, SPACING, np.random.default_rng(seed))
        assert (drawn | mask).sum() == max(drawn.sum(), mask.sum())  # one holds the other
        seen.append(drawn.sum() / mask.sum() - 1.0)
    assert max(map(abs, seen)) <= MOST_VOLUME + 1 / mask.sum()
    assert min(seen) < -0.08 and max(seen) > 0.08


def test_an_outline_on_a_sharp_edge_stays_and_one_through_noise_does_not() -> None:
    mask = ball(SHAPE, 6.0)
    noise = np.random.default_rng(4).normal(0, 5, mask.shape).astype(np.float32)
    sharp = [overlap(mask, redrawn(edged(mask), mask, SPACING, np.random.default_rng(seed))) for seed in range(8)]
    loose = [overlap(mask, redrawn(noise, mask, SPACING, np.random.default_rng(seed))) for seed in range(8)]
    assert min(sharp) > 0.95
    assert 0.7 < np.mean(loose) < np.mean(sharp) - 0.1


def scan(pixel_type: str = "int16") -> tuple[Image, tuple[Lesion, ...]]:
    """Two lesions in one image."""
    first, second = ball(SHAPE, 5.0, (8, 12, 12)), ball(SHAPE, 4.0, (8, 30, 30))
    voxels = edged(first | second).round() if pixel_type == "int16" else edged(first | second)
    on = grid_of(SHAPE)
    lesions = tuple(Lesion(label, voxels, mask, on, pixel_type) for label, mask in ((1, first), (3, second)))
    return Image(voxels, on, "0" * 64, pixel_type), lesions


def test_every_lesion_of_a_scan_is_there_again_under_its_label() -> None:
    image, lesions = scan()
    _, drawn = perturb(image, lesions, np.random.default_rng(0))
    for one in lesions:
        assert overlap(one.mask, drawn.labels == one.label) > 0.6
    assert set(np.unique(drawn.labels)) == {0, 1, 3}


def test_whole_numbers_stay_whole_and_within_what_their_file_holds() -> None:
    image, lesions = scan()
    again, _ = perturb(image, lesions, np.random.default_rng(0))
    assert (again.voxels == again.voxels.round()).all() and again.pixel_type == "int16"
    assert not (perturb(*scan("float32"), np.random.default_rng(0))[0].voxels % 1 == 0).all()
    low = Image(np.abs(image.voxels), image.grid, image.digest, "uint8")
    assert perturb(low, lesions, np.random.default_rng(0))[0].voxels.min() >= 0


def test_the_same_draw_gives_the_same_scan_and_another_draw_another() -> None:
    image, lesions = scan()
    one, same, other = (perturb(image, lesions, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one[0].voxels == same[0].voxels).all() and (one[1].labels == same[1].labels).all()
    assert (one[0].voxels != other[0].voxels).any() and (one[1].labels != other[1].labels).any()
    assert image.voxels is not one[0].voxels and (image.voxels == scan()[0].voxels).all()


@pytest.mark.parametrize("side_mm", [1.0, 2.0, 3.0])
def test_the_smallest_lesions_do_not_vanish(side_mm: float) -> None:
    tiny = lesion(side_mm)
    image = Image(tiny.image, tiny.grid, "0" * 64)
    for seed in range(5):
        assert perturb(image, [tiny], np.random.default_rng(seed))[1].labels.any()


def test_a_single_plane_can_be_perturbed() -> None:
    mask = ball((1, 40, 40), 8.0, (0, 20, 20))
    flat = Lesion(1, edged(mask), mask, grid_of(mask.shape))
    _, drawn = perturb(Image(flat.image, flat.grid, "0" * 64), [flat], np.random.default_rng(0))
    assert overlap(mask, drawn.labels == 1) > 0.8
