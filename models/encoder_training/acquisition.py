"""One scan of a specimen: pose, voxels, sharpness, bias, noise and reader are drawn anew each time."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Floats, Mask
from models.encoder_training.grain import Single, grain, smooth
from models.encoder_training.specimen import SIDE, Specimen

_FIELD = 1.3
"""How much wider than the specimen a scan is; beyond it, its mirror image."""
_MOST_ACROSS = 64
"""Voxels along a row: a finer scan would cost more and show no more."""
_FEWEST_SLICES = 7
_FEWEST_VOXELS = 8
_STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Mapping:
    """How intensities of one patient's MR or PET look: the same at every visit."""

    inverted: bool
    gamma: float
    scale: float

    def apply(self, voxels: Single) -> Single:
        """From units of the lesion's level to the image's own."""
        curve = np.maximum(voxels, 0.0) ** np.float32(self.gamma)
        if self.inverted:
            curve = np.maximum(np.float32(2.2) - curve, 0.0)
        return np.asarray(curve * np.float32(self.scale), np.float32)


def draw_mapping(kind: str, rng: np.random.Generator) -> Mapping:
    """Of one patient; for CT none is used."""
    gamma, scale = float(rng.uniform(0.7, 1.4)), float(np.exp(rng.uniform(0.0, np.log(1000.0))))
    inverted = bool(rng.random() < 0.25)
    if kind == "pt":
        return Mapping(inverted=False, gamma=1.0, scale=float(np.exp(rng.uniform(np.log(1.5), np.log(15.0)))))
    return Mapping(inverted, gamma, scale)


def acquire(specimen: Specimen, mapping: Mapping, rng: np.random.Generator) -> Lesion:
    """One scan with the lesion drawn by one reader."""
    kind, across_mm = specimen.traits.kind, _FIELD * SIDE * specimen.voxel_mm
    if kind == "pt":
        pixel_mm = float(rng.uniform(2.5, 5.0))
        slice_mm, blur_mm = float(rng.uniform(2.0, 4.5)), float(rng.uniform(1.6, 2.8))
    else:
        pixel_mm = float(rng.uniform(0.5, 1.2))
        slice_mm, blur_mm = float(rng.choice([1.0, 1.25, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0])), float(rng.uniform(0.3, 1.0))
    pixel_mm = min(max(pixel_mm, across_mm / _MOST_ACROSS), across_mm / _FEWEST_SLICES)
    slice_mm = min(max(slice_mm, across_mm / _MOST_ACROSS), across_mm / _FEWEST_SLICES)
    spacing = (slice_mm, pixel_mm, pixel_mm)
    intensity, share = _sampled(specimen, blur_mm, spacing, rng)
    mask = _drawn(share, rng)
    voxels = _recorded(intensity, specimen, mapping, rng)
    size = (mask.shape[2], mask.shape[1], mask.shape[0])
    return Lesion(1, voxels, mask, Grid(size, spacing[::-1], (0.0, 0.0, 0.0), _STRAIGHT))


def _sampled(
    specimen: Specimen, blur_mm: float, spacing: tuple[float, float, float], rng: np.random.Generator
) -> tuple[Single, Single]:
    """Intensity and share on the scan's grid, the specimen turned at random, each slice the mean of two."""
    parts = np.stack([smooth(part, blur_mm / specimen.voxel_mm) for part in (specimen.intensity, specimen.share)])
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    across = SIDE * specimen.voxel_mm
    field_mm = _FIELD * across
    shift = rng.uniform(-0.5, 0.5, 3) * spacing
    axes = [
        (np.arange(max(1, round(field_mm / step))) + 0.5) * step - field_mm / 2.0 + move
        for step, move in zip(spacing, shift, strict=True)
    ]
    field = torch.from_numpy(parts)[None]
    total = sum(
        functional.grid_sample(
            field, _places(axes, turn, across, offset * spacing[0]), padding_mode="reflection", align_corners=False
        )
        for offset in (-0.25, 0.25)
    )
    both = (0.5 * total[0]).numpy()  # type: ignore[index]
    return np.asarray(both[0]), np.asarray(both[1])


def _places(axes: list[Floats], turn: Floats, across: float, along_slices: float) -> torch.Tensor:
    """Where each voxel lies in the specimen, -1 to 1, last axis (x, y, z)."""
    z, y, x = (torch.tensor(axis / across * 2.0, dtype=torch.float32) for axis in axes)
    z = z + along_slices / across * 2.0
    rows = torch.tensor(turn, dtype=torch.float32)
    place = z[:, None, None, None] * rows[:, 0] + y[None, :, None, None] * rows[:, 1]
    return (place + x[None, None, :, None] * rows[:, 2])[None]


def _recorded(intensity: Single, specimen: Specimen, mapping: Mapping, rng: np.random.Generator) -> Single:
    """With bias and noise of the kind."""
    shape = (intensity.shape[0], intensity.shape[1], intensity.shape[2])
    if specimen.traits.kind == "ct":
        within = float(rng.uniform(0.3, 0.8))
        correlated = grain(shape, (0.0, within, within), rng)
        noisy = intensity + np.float32(rng.uniform(4.0, 30.0)) * correlated
        return np.asarray(np.clip(np.rint(noisy), -1024.0, 3071.0), np.float32)
    amount = np.float32(np.exp(rng.uniform(np.log(0.01), np.log(0.1))))
    if specimen.traits.kind == "pt":
        noisy = intensity + amount * np.sqrt(np.maximum(intensity, 0.02)) * grain(shape, 0.6, rng)
        return mapping.apply(np.maximum(noisy, 0.0))
    bias = np.exp(
        np.float32(rng.uniform(0.0, 0.2)) * grain(shape, (0.4 * shape[0], 0.4 * shape[1], 0.4 * shape[2]), rng)
    )
    # Magnitude images: noise of two channels (Rician).
    real, imaginary = (amount * rng.standard_normal(shape, np.float32) for _ in range(2))
    return mapping.apply(np.hypot(intensity * bias + real, imaginary))


def _drawn(share: Single, rng: np.random.Generator) -> Mask:
    """What a reader draws: a little too wide, too narrow or ragged; in one piece."""
    ragged = np.float32(rng.uniform(0.0, 0.2)) * grain((share.shape[0], share.shape[1], share.shape[2]), 2.0, rng)
    threshold = float(rng.uniform(0.35, 0.65))
    for mask in (share + ragged > threshold, share > threshold, share > 0.5 * float(share.max())):
        parts, count = ndimage.label(mask)
        if count:
            sizes = np.bincount(parts.ravel())[1:]
            if sizes.max() >= _FEWEST_VOXELS:
                return np.asarray(parts == 1 + int(sizes.argmax()))
    return np.asarray(share >= np.partition(share.ravel(), -_FEWEST_VOXELS)[-_FEWEST_VOXELS])
