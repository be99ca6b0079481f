"""Cubes round lesions: where they lie, what is in them, against SimpleITK."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from features.embedding.crop import CHANNELS, crop
from features.embedding.placement import Placement, cut
from features.embedding.preprocessing import Preprocessing, cube_round
from features.embedding.sampling import sample
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Floats

CPU = torch.device("cpu")
STRAIGHT = np.eye(3)
AXES = [np.diag(signs)[:, list(order)] for signs in product((1.0, -1.0), repeat=3) for order in permutations(range(3))]


def turned(degrees: float) -> Floats:
    """A gantry's tilt and a turn in plane."""
    a = np.deg2rad(degrees)
    tilt = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return np.asarray(tilt @ turn)


def make(
    direction: Floats = STRAIGHT,
    *,
    shape: tuple[int, int, int] = (14, 40, 36),
    spacing_mm: tuple[float, float, float] = (0.7, 0.9, 3.0),
    centre: tuple[int, int, int] = (6, 22, 15),
    radius_mm: float = 7.0,
    seed: int = 0,
) -> Lesion:
    """An uneven blob off the middle, in HU that vary smoothly and with noise."""
    rng = np.random.default_rng(seed)
    z, y, x = ((np.arange(n) - c) * step for n, c, step in zip(shape, centre, spacing_mm[::-1], strict=True))
    distance = np.sqrt(z[:, None, None] ** 2 + 1.3 * y[None, :, None] ** 2 + 0.8 * x[None, None, :] ** 2)
    mask = distance + 0.2 * x[None, None, :] < radius_mm
    image = np.where(mask, 40.0, -800.0) + 5.0 * x[None, None, :] + rng.normal(0.0, 20.0, shape)
    grid = Grid(shape[::-1], spacing_mm, (-30.0, 12.5, 700.0), tuple(direction.ravel()))  # type: ignore[arg-type]
    return Lesion(1, image.astype(np.float32), mask, grid)


def stored_along(lesion: Lesion, axes: Floats) -> Lesion:
    """The same voxels in the same places, stored in another order: new axis j runs along column j of `axes`."""
    spacing = np.array(lesion.grid.spacing_mm)
    direction = np.array(lesion.grid.direction).reshape(3, 3)
    old = [int(np.abs(axes[:, j]).argmax()) for j in range(3)]
    reverse = [axes[old[j], j] < 0 for j in range(3)]
    first = np.array([lesion.grid.size[axis] - 1 if back else 0 for axis, back in zip(old, reverse, strict=True)])
    index = np.zeros(3)
    index[old] = first
    origin = np.array(lesion.grid.origin_mm) + direction @ (spacing * index)

    size = tuple(lesion.grid.size[axis] for axis in old)
    grid = Grid(size, tuple(spacing[old]), tuple(origin), tuple((direction @ axes).ravel()))  # type: ignore[arg-type]
    image, mask = (
        np.flip(array.transpose(2, 1, 0).transpose(old), tuple(j for j in range(3) if reverse[j])).transpose(2, 1, 0)
        for array in (lesion.image, lesion.mask.astype(np.float32))
    )
    return Lesion(lesion.label, np.ascontiguousarray(image), np.ascontiguousarray(mask > 0), grid)


def by_simpleitk(lesion: Lesion, cube: Placement, size: int, outside: float) -> Floats:
    """Intensity and mask on the cube, (2, size, size, size)."""
    direction = np.array(lesion.grid.direction).reshape(3, 3)
    to_mm = direction * np.array(lesion.grid.spacing_mm)
    first = np.array(lesion.grid.origin_mm) + to_mm @ cube.first
    step = cube.side_mm / size / cube.samples
    count = size * cube.samples
    parts = []
    for array, default in ((lesion.image, outside), (lesion.mask.astype(np.float32), 0.0)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(lesion.grid.spacing_mm)
        image.SetOrigin(lesion.grid.origin_mm)
        image.SetDirection(lesion.grid.direction)
        fine = sitk.Resample(
            image, [count] * 3, sitk.Transform(), sitk.sitkLinear, first.tolist(), [step] * 3,
            np.eye(3).ravel().tolist(), default, sitk.sitkFloat64,
        )  # fmt: skip
        blocks = sitk.GetArrayFromImage(fine).reshape(size, cube.samples, size, cube.samples, size, cube.samples)
        parts.append(blocks.mean(axis=(1, 3, 5)))
    return np.stack(parts)


@pytest.mark.parametrize("direction", [STRAIGHT, AXES[13], turned(14.0)], ids=["straight", "reordered", "oblique"])
@pytest.mark.parametrize("finest_mm", [2.0, 0.75, 0.4], ids=["one sample", "two", "more"])
def test_a_cube_holds_what_simpleitk_resamples(direction: Floats, finest_mm: float) -> None:
    lesion = make(direction)
    cube = cube_round(lesion, Preprocessing(finest_mm=finest_mm))
    intensity, mask = sample(cut(lesion, cube, "ct"), -1000.0, CPU)
    reference = by_simpleitk(lesion, cube, 32, -1000.0)
    # A sample that falls exactly on the border of an image may be judged either way.
    near = np.abs(intensity.numpy() - reference[0]) < 0.02
    assert near.mean() > 0.999
    assert np.abs(mask.numpy() - reference[1]).max() < 1e-4
    assert (reference[0] == -1000.0).any(), "the cube reaches beyond the scan, so the border is tested"


@pytest.mark.parametrize("axes", AXES)
def test_a_cube_does_not_depend_on_the_order_of_the_stored_axes(axes: Floats) -> None:
    lesion = make(turned(9.0))
    straight = make()
    for one in (lesion, straight):
        other = stored_along(one, axes)
        a, b = (crop(each, "ct", Preprocessing(), CPU) for each in (one, other))
        assert (a - b).abs().max() < 2e-5


def test_axes_of_a_cube_are_the_patients() -> None:
    """HU rises towards the patient's left (x), which is the last axis of a cube, however stored."""
    for lesion in (make(), stored_along(make(), AXES[20])):
        intensity = crop(lesion, "ct", Preprocessing(), CPU)[1].numpy()
        middle = intensity[16, 16, 12:20]
        assert np.polyfit(np.arange(8), middle, 1)[0] > 0.0


def test_a_whole_lesion_lies_in_its_cube() -> None:
    for radius in (2.0, 7.0, 11.0):
        lesion = make(radius_mm=radius)
        cube = cube_round(lesion, Preprocessing())
        _, mask = sample(cut(lesion, cube, "ct"), -1000.0, CPU)
        volume = float(mask.sum()) * (cube.side_mm / 32) ** 3
        assert volume == pytest.approx(lesion.volume_mm3, rel=0.05)
        edge = torch.cat([mask[[0, -1]].flatten(), mask[:, [0, -1]].flatten(), mask[:, :, [0, -1]].flatten()])
        assert edge.max() == 0.0


def test_a_lesion_larger_than_anything_usual_and_at_the_border_is_whole_too() -> None:
    shape = (30, 60, 60)
    grid = Grid((60, 60, 30), (4.0, 4.0, 5.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    mask = np.zeros(shape, bool)
    mask[:, :, :57] = True
    lesion = Lesion(1, np.full(shape, 30.0, np.float32), mask, grid)
    wide, narrow, share, side = crop(lesion, "ct", Preprocessing(), CPU)
    cube = cube_round(lesion, Preprocessing())
    assert float(share.sum()) * (cube.side_mm / 32) ** 3 == pytest.approx(lesion.volume_mm3, rel=0.02)
    assert wide[0, 0, 0] == -1.0, "beyond the scan there is air"
    assert narrow[16, 16, 16] == pytest.approx((30.0 - 40.0) / 200.0)
    assert float(side.min()) == float(side.max()) == pytest.approx(np.log(cube.side_mm / 48.0))


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_one_voxel_one_slice_and_flat_lesions_have_finite_cubes(modality: str) -> None:
    lesion = make()
    one = np.zeros_like(lesion.mask)
    one[6, 22, 15] = True
    flat_grid = replace(lesion.grid, size=(36, 40, 1))
    lesions = (
        Lesion(1, lesion.image, one, lesion.grid),
        Lesion(1, lesion.image[6:7], lesion.mask[6:7], flat_grid),
        Lesion(1, np.full_like(lesion.image, 1000.0), lesion.mask, lesion.grid),
        Lesion(1, np.zeros_like(lesion.image), lesion.mask, lesion.grid),
        Lesion(1, lesion.image * np.float32(1e30), lesion.mask, lesion.grid),
    )
    for each in lesions:
        channels = crop(each, modality, Preprocessing(), CPU)
        assert channels.shape == (CHANNELS, 32, 32, 32)
        assert torch.isfinite(channels).all()
        assert channels[:3].abs().max() <= 1.0
        assert channels[2].sum() > 0.0
    interior = crop(lesions[3], modality, Preprocessing(), CPU)[1][channels[2] == 1.0]
    assert interior.min() == interior.max()


def test_ct_has_fixed_windows_and_other_modalities_none() -> None:
    lesion = make()
    brighter = Lesion(1, lesion.image * np.float32(3.0) + np.float32(5000.0), lesion.mask, lesion.grid)
    # Beyond the border an image has the fixed value 0: keep the cube inside the scan.
    inside = Preprocessing(stretch=0.1, margin_mm=0.0, smallest_mm=12.0)
    a, b = (crop(each, "mr", inside, CPU) for each in (lesion, brighter))
    assert (a - b).abs().max() < 1e-4
    a, b = (crop(each, "ct", inside, CPU) for each in (lesion, brighter))
    assert (a[0] - b[0]).abs().max() > 0.5
    hu = sample(cut(lesion, cube_round(lesion, inside), "ct"), -1000.0, CPU)[0]
    assert torch.allclose(a[0], ((hu + 300.0) / 700.0).clamp(-1.0, 1.0))
    assert torch.allclose(a[1], ((hu - 40.0) / 200.0).clamp(-1.0, 1.0))
