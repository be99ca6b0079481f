"""Patches of fixed size and spacing, against SimpleITK; images of one slice; odd lesions."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from builders.lesions import lesion

from features.embedding.brought import BROUGHT
from features.embedding.crop import crop
from features.embedding.encoder import default_encoder
from features.embedding.patch import Patch
from features.embedding.placement import cut
from features.embedding.preprocessing import Preprocessing, cube_round
from features.embedding.sampling import sample
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Floats

CPU = torch.device("cpu")
TILTED = (1.0, 0.0, 0.0, 0.0, 0.97, -0.2431, 0.0, 0.2431, 0.97)
STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def at(one: Lesion, direction: tuple[float, ...] = STRAIGHT) -> Lesion:
    """Smooth intensities in HU somewhere in the patient."""
    z, y, x = (np.arange(count, dtype=np.float32) for count in one.image.shape)
    image = one.image + 3.0 * x[None, None, :] - 5.0 * y[None, :, None] + 40.0 * np.sin(z)[:, None, None]
    matrix = np.linalg.qr(np.array(direction).reshape(3, 3))[0]
    matrix = matrix * np.sign(np.diag(matrix))
    grid = Grid(one.grid.size, one.grid.spacing_mm, (-40.0, 11.0, 300.0), tuple(matrix.ravel()))
    return Lesion(1, image.astype(np.float32), one.mask, grid)


def by_simpleitk(one: Lesion, patch: Patch) -> Floats:
    """The published pipelines' way: resample on a grid round the middle of the bounding box, pad, scale."""
    image = sitk.GetImageFromArray(one.image)
    image.SetSpacing(one.grid.spacing_mm)
    image.SetOrigin(one.grid.origin_mm)
    image.SetDirection(one.grid.direction)
    z, y, x = np.nonzero(one.mask)
    middle = [(int(axis.min()) + int(axis.max())) / 2.0 for axis in (x, y, z)]
    centre = np.array(image.TransformContinuousIndexToPhysicalPoint(middle))
    size, spacing = patch.size[::-1], patch.spacing_mm[::-1]
    origin = centre - (np.array(size) - 1) / 2.0 * spacing
    fine = sitk.Resample(
        image, list(size), sitk.Transform(), sitk.sitkLinear, origin.tolist(), list(spacing),
        np.eye(3).ravel().tolist(), patch.outside, sitk.sitkFloat64,
    )  # fmt: skip
    voxels = sitk.GetArrayFromImage(fine).astype(np.float64)
    if patch.scale == "window":
        scaled = (voxels - patch.low) / (patch.high - patch.low)
        return np.asarray(scaled.clip(0.0, 1.0) if patch.clip else scaled)
    shown = voxels != 0
    return np.where(shown, (voxels - voxels[shown].mean()) / voxels[shown].std(), 0.0)


@pytest.mark.parametrize("kind", ["fmcib", "ct_fm", "medicalnet_50"])
@pytest.mark.parametrize("direction", [STRAIGHT, TILTED], ids=["straight", "tilted"])
def test_patches_are_what_simpleitk_resamples(kind: str, direction: tuple[float, ...]) -> None:
    patch = BROUGHT[kind].patch
    one = at(lesion(14.0, spacing_mm=(0.83, 0.91, 4.7), shape="ball", margin_mm=12.0), direction)
    tensors = patch.tensors([patch.prepare(one, "ct")] * 2, CPU, together=False)
    assert tensors.shape == (2, 1, *patch.size)
    reference = by_simpleitk(one, patch)
    # A sample that falls exactly on the border of an image may be judged either way.
    assert (np.abs(tensors[0, 0].numpy() - reference) < 1e-4).mean() > 0.999
    together = patch.tensors([patch.prepare(one, "ct")] * 2, CPU, together=True)
    assert (together - tensors).abs().max() < 1e-4


def test_axes_of_a_patch_are_superior_posterior_left() -> None:
    one = at(lesion(30.0, margin_mm=30.0))
    patch = Patch((24, 32, 40), (2.0, 1.0, 1.0), "window", 0.0, 1.0)
    block = patch.tensors([patch.prepare(one, "ct")], CPU, together=False)[0, 0].numpy()
    assert block.shape == (24, 32, 40)
    assert np.polyfit(np.arange(40), block.mean(axis=(0, 1)), 1)[0] == pytest.approx(3.0, rel=0.05)
    assert np.polyfit(np.arange(32), block.mean(axis=(0, 2)), 1)[0] == pytest.approx(-5.0, rel=0.05)


@pytest.mark.parametrize("kind", ["fmcib", "ct_fm", "medicalnet_10"])
def test_odd_lesions_have_finite_patches(kind: str) -> None:
    patch = BROUGHT[kind].patch
    whole = at(lesion(20.0, spacing_mm=(1.0, 1.0, 5.0), margin_mm=3.0))
    corner = np.zeros_like(whole.mask)
    corner[0, 0, 0] = True
    wide = Lesion(1, np.full((30, 60, 60), 30.0, np.float32), np.ones((30, 60, 60), bool),
                  Grid((60, 60, 30), (4.0, 4.0, 5.0), (0.0, 0.0, 0.0), STRAIGHT))  # fmt: skip
    for one in (
        whole,
        Lesion(1, whole.image, corner, whole.grid),
        wide,
        Lesion(1, np.zeros_like(whole.image), whole.mask, whole.grid),
    ):
        block = patch.tensors([patch.prepare(one, "ct")], CPU, together=False)
        assert torch.isfinite(block).all()
    assert patch.tensors([patch.prepare(wide, "ct")], CPU, together=False).std() == pytest.approx(0.0, abs=1e-5), (
        "a lesion larger than the patch fills it"
    )


def flat(pixel_mm: float = 0.2, thickness_mm: float = 1.0, turn: tuple[float, ...] = STRAIGHT) -> Lesion:
    """A radiograph: one slice, whose thickness means nothing."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:120, :100]
    mask = ((y - 60) ** 2 + 1.5 * (x - 45) ** 2 < 30**2)[None]
    image = rng.normal(0.0, 10.0, mask.shape) + 200.0 * mask + x
    grid = Grid((100, 120, 1), (pixel_mm, pixel_mm, thickness_mm), (0.0, 0.0, 0.0), turn)  # type: ignore[arg-type]
    return Lesion(1, image.astype(np.float32), mask, grid)


def test_an_image_of_one_slice_goes_on_alike_on_both_sides() -> None:
    one = flat()
    channels = crop(one, "mr", Preprocessing(), CPU)
    assert (channels - channels[:, :1]).abs().max() < 1e-6, "all slices of the cube are the same"
    assert channels[2].max() > 0.9
    cutout = cut(one, cube_round(one, Preprocessing()), "mr")
    share = sample(cutout, 1.0, CPU)[0] - sample(cutout, 0.0, CPU)[0]
    assert share[:, 16, 16].max() == 0.0, "nothing before or behind the slice counts as outside"
    block = BROUGHT["fmcib"].patch.tensors([BROUGHT["fmcib"].patch.prepare(one, "ct")], CPU, together=False)
    assert (block - block[:, :, :1]).abs().max() < 1e-6


def test_the_thickness_of_an_image_of_one_slice_means_nothing() -> None:
    encoder = default_encoder()
    thin, thick = flat(thickness_mm=0.1), flat(thickness_mm=50.0)
    side = replace(thin.grid, direction=(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    a, b, turned = encoder.embed([thin, thick, Lesion(1, thin.image, thin.mask, side)], ["mr"] * 3)
    assert np.abs(a - b).max() < 1e-4
    assert np.isfinite(turned).all()
    turned_over = Lesion(1, thin.image[:, ::-1].copy() * 2, thin.mask, thin.grid)
    assert np.abs(a - encoder.embed([turned_over], ["mr"])[0]).max() > 1e-2
