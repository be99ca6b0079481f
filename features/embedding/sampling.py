"""Intensity and mask of cutouts on the voxels of their blocks, sampled by torch on a device, alone or in batches."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from features.embedding.placement import Cutout
from features.types import Floats

Along = tuple[int, int, int]


def sample(cutout: Cutout, outside: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Intensity and mask on the block's voxels, each (S, P, L) float32.

    Trilinear between voxel centres; up to half a voxel beyond the outermost centre the border's
    value holds, farther out `outside` (as SimpleITK's resampling has it). A voxel of the block is
    the mean of its samples, so that a fine image is not aliased.
    """
    both = _uploaded([cutout], cutout.image.shape, device)[0]
    along = _storage_axes(cutout)
    sampled, share = _oblique(both, cutout) if along is None else _along_axes(both, cutout, along)
    return sampled[0] + outside * (1.0 - share), sampled[1]


def sample_together(
    cutouts: Sequence[Cutout], outside: Sequence[float], device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """The same for many of one size at once, in a few large products: for a device that starts work slowly.

    Each (S, P, L) float64, so that who else is in the batch changes nothing that float32 would show; within rounding
    (1e-3 HU) of `sample`. Scans that lie oblique to the patient are sampled one by one.
    """
    axes = [_storage_axes(cutout) for cutout in cutouts]
    straight = [index for index, along in enumerate(axes) if along is not None]
    found: dict[int, tuple[Tensor, Tensor]] = {
        index: _doubled(sample(cutouts[index], outside[index], device))
        for index, along in enumerate(axes)
        if along is None
    }
    if straight:
        chosen = [cutouts[index] for index in straight]
        shape = tuple(max(one.image.shape[axis] for one in chosen) for axis in range(3))
        both = _uploaded(chosen, shape, device).double()
        shares = []
        for axis in range(3):
            weights = [_matrix(cutouts[index], axis, axes[index] or (0, 1, 2)) for index in straight]
            matrix = _stacked(weights, both.shape[4 - axis], device)
            moved = torch.movedim(both, 4 - axis, -1)
            product = torch.bmm(moved.reshape(len(chosen), -1, moved.shape[-1]), matrix.transpose(1, 2))
            both = torch.movedim(product.reshape(*moved.shape[:-1], matrix.shape[1]), -1, 4 - axis)
            shares.append(matrix.sum(dim=2).clamp(max=1.0))
        for row, index in enumerate(straight):
            along = axes[index] or (0, 1, 2)
            share = _outer([shares[axis][row] for axis in along])
            one = both[row].permute(0, *[3 - along[lps] for lps in (2, 1, 0)])
            found[index] = one[0] + outside[index] * (1.0 - share), one[1]
    return [found[index] for index in range(len(cutouts))]


def _uploaded(cutouts: Sequence[Cutout], shape: Sequence[int], device: torch.device) -> Tensor:
    """Image and mask, (n, 2, z, y, x), with zeros behind what is smaller: the device puts them there."""
    sizes = [cutout.image.size for cutout in cutouts]
    both = torch.zeros(len(cutouts), 2, *shape, device=device)
    for channel, dtype in enumerate((torch.float32, torch.bool)):
        parts = [(cutout.image, cutout.mask)[channel] for cutout in cutouts]
        host = torch.empty(sum(sizes), dtype=dtype, pin_memory=device.type == "cuda")
        np.concatenate([part.ravel() for part in parts], out=host.numpy())
        for row, voxels in enumerate(torch.split(host.to(device, non_blocking=True), sizes)):
            z, y, x = parts[row].shape
            both[row, channel, :z, :y, :x] = voxels.reshape(z, y, x)
    return both


def _storage_axes(cutout: Cutout) -> Along | None:
    """Which storage axis (x 0, y 1, z 2) runs along each LPS axis; None where the scan is oblique or flat."""
    size = np.abs(cutout.placement.steps)
    main = size.argmax(axis=0)
    aside = size.sum(axis=0) - size.max(axis=0)
    if len(set(main.tolist())) < 3 or bool((aside > 1e-7 * size.max(axis=0)).any()):
        return None
    return int(main[0]), int(main[1]), int(main[2])


def _along_axes(both: Tensor, cutout: Cutout, along: Along) -> tuple[Tensor, Tensor]:
    """One matrix an axis: interpolates and averages at once. Most scans are so."""
    shares = []
    for axis in range(3):
        matrix = torch.tensor(_matrix(cutout, axis, along), dtype=torch.float32, device=both.device)
        both = torch.movedim(torch.movedim(both, 3 - axis, -1) @ matrix.T, -1, 3 - axis)
        shares.append(matrix.sum(dim=1).clamp(max=1.0))
    share = _outer([shares[axis] for axis in along])
    return both.permute(0, *[3 - along[lps] for lps in (2, 1, 0)]), share


def _matrix(cutout: Cutout, axis: int, along: Along) -> Floats:
    """Weights of the scan's voxels along a storage axis in each voxel of the block, (voxels, scan's voxels)."""
    lps, block = along.index(axis), cutout.placement
    samples = block.first[axis] + block.steps[axis, lps] * np.arange(block.reach[lps])
    weights = _weights(samples, cutout.inside[:, axis], cutout.image.shape[2 - axis])
    return np.asarray(weights.reshape(block.counts[lps], block.samples, -1).mean(axis=1))


def _weights(samples: Floats, inside: Floats, count: int) -> Floats:
    """Linear weights of `count` voxels for each sample, (samples, count); none where it lies outside."""
    clamped = np.clip(samples, 0.0, count - 1.0)
    weights = np.maximum(0.0, 1.0 - np.abs(clamped[:, None] - np.arange(count)))
    weights[(samples < inside[0]) | (samples > inside[1])] = 0.0
    return np.asarray(weights)


def _stacked(matrices: Sequence[Floats], width: int, device: torch.device) -> Tensor:
    """(n, voxels, width); zeros behind what is narrower, or shorter."""
    tall = max(len(matrix) for matrix in matrices)
    stacked = np.zeros((len(matrices), tall, width))
    for row, matrix in enumerate(matrices):
        stacked[row, : matrix.shape[0], : matrix.shape[1]] = matrix
    return torch.from_numpy(stacked).to(device)


def _doubled(sampled: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return sampled[0].double(), sampled[1].double()


def _outer(shares: Sequence[Tensor]) -> Tensor:
    """From shares along L, P and S to (S, P, L)."""
    left, posterior, superior = shares
    return superior[:, None, None] * posterior[None, :, None] * left[None, None, :]


def _oblique(both: Tensor, cutout: Cutout) -> tuple[Tensor, Tensor]:
    """Every sample on its own: for scans whose axes are not the patient's, and for images of one slice."""
    device, block = both.device, cutout.placement
    first, inside, steps = (
        torch.tensor(part, dtype=torch.float32, device=device) for part in (block.first, cutout.inside, block.steps)
    )
    left, posterior, superior = (torch.arange(count, dtype=torch.float32, device=device) for count in block.reach)
    index = (
        first
        + superior[:, None, None, None] * steps[:, 2]
        + posterior[None, :, None, None] * steps[:, 1]
        + left[None, None, :, None] * steps[:, 0]
    )
    within = ((index >= inside[0]) & (index <= inside[1])).all(dim=-1).float()
    last = torch.tensor(both.shape[:0:-1], dtype=torch.float32, device=device) - 1.0
    sampled = functional.grid_sample(
        both[None],
        (2.0 * index / last.clamp(min=1.0) - 1.0)[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[0]
    pooled = functional.avg_pool3d(torch.cat([sampled * within, within[None]])[None], block.samples)[0]
    return pooled[:2], pooled[2]
