"""A small mask-aware 3-D network: what the lesion's core and border look like at three scales."""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_WINDOWS = 2
"""Channels of a crop that are intensities."""
_LEVELS = tuple(-0.85 + 0.17 * step for step in range(11))
"""Of the narrow window: how much of the core lies above each."""
_STEPS = ((4, 1), (4, 2), (3, 1), (3, 2), (2, 1))
"""Axis and voxels over which roughness is taken."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of each stage, and length of the embedding."""

    fine: int = 16
    middle: int = 32
    deep: int = 48
    whole: int = 64
    hidden: int = 192
    embedding: int = 64

    def declared(self) -> dict[str, int]:
        """As an encoder's file has it."""
        return asdict(self)


class MaskedPyramid(nn.Module):
    """Convolutions without any normalisation: a result never depends on who shares the batch.

    The windows themselves and each stage are summed up over the lesion's core, where texture is
    not drowned by the border, and over the band along its border: mean and log spread of each
    channel. The last stage is averaged over the whole cube.
    Training normalises between the layers and folds that into the weights (`models.encoder_training`).
    """

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__()
        self.fine = nn.Conv3d(channels, widths.fine, 4, stride=2, padding=1)
        self.middle = nn.Conv3d(widths.fine, widths.middle, 3, stride=2, padding=1)
        self.deep = nn.Conv3d(widths.middle, widths.deep, 3, padding=1)
        self.whole = nn.Conv3d(widths.deep, widths.whole, 3, stride=2, padding=1)
        self.hidden = nn.Linear(self.summary_length(widths), widths.hidden)
        self.embedding = nn.Linear(widths.hidden, widths.embedding)

    @staticmethod
    def summary_length(widths: Widths) -> int:
        """How many numbers `summary` gives."""
        described = _WINDOWS + widths.fine + widths.middle + widths.deep
        return 2 + len(_LEVELS) + 2 * len(_STEPS) + 4 * described + widths.whole

    def forward(self, crops: Tensor) -> Tensor:
        """Embeddings, (n, embedding), of crops (n, channels, size, size, size)."""
        return self.embed(self.summary(crops))

    def embed(self, summary: Tensor) -> Tensor:
        """From summary to embedding."""
        embedded: Tensor = self.embedding(torch.relu(self.hidden(summary)))
        return embedded

    def summary(self, crops: Tensor) -> Tensor:
        """Numbers of each lesion, (n, summary_length)."""
        mask = crops[:, 2:3]
        core, band = _core_and_band(mask)
        parts = [crops[:, 3, 0, 0, 0, None], mask.mean(dim=(2, 3, 4)), _moments(crops[:, :_WINDOWS], core, band)]
        parts += [_histogram(crops[:, 1:2], core), _roughness(crops[:, 1:2], core)]
        stage = crops
        for layer in (self.fine, self.middle, self.deep):
            stage = torch.relu(self.after(layer, stage))
            size = (stage.shape[2], stage.shape[3], stage.shape[4])
            parts.append(_moments(stage, *(functional.adaptive_avg_pool3d(part, size) for part in (core, band))))
        parts.append(torch.relu(self.after(self.whole, stage)).mean(dim=(2, 3, 4)))
        return torch.cat(parts, dim=1)

    def after(self, layer: nn.Module, stage: Tensor) -> Tensor:
        """One convolution; training puts its normalisation here."""
        out: Tensor = layer(stage)
        return out


def _core_and_band(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The lesion less one voxel, and two voxels along its border; a lesion without a core is all core."""
    grown = functional.max_pool3d(mask, 3, stride=1, padding=1)
    shrunk = 1.0 - functional.max_pool3d(1.0 - mask, 3, stride=1, padding=1)
    return shrunk + 1e-3 * mask, grown - shrunk


def _moments(stage: Tensor, core: Tensor, band: Tensor) -> Tensor:
    """Of each channel: mean and log spread in the core, then in the band; (n, 4 * channels)."""
    weights = torch.cat([core, band], dim=1).flatten(2)
    weights = (weights / (weights.sum(dim=2, keepdim=True) + 1e-6)).transpose(1, 2)
    values = stage.flatten(2)
    means = torch.bmm(values, weights)
    # Without the shift, rounding would be most of a small variance, and differ with the batch.
    shift = means[:, :, :1].detach()
    variances = (torch.bmm((values - shift) ** 2, weights) - (means - shift) ** 2).clamp(min=0.0)
    return torch.cat([means, 0.5 * torch.log(variances + 1e-4)], dim=2).flatten(1)


def _histogram(window: Tensor, core: Tensor) -> Tensor:
    """Share of the core above each level, softly, (n, levels)."""
    weights = core / (core.sum(dim=(2, 3, 4), keepdim=True) + 1e-9)
    return torch.cat(
        [(((window - level) / 0.2 + 0.5).clamp(0.0, 1.0) * weights).sum(dim=(2, 3, 4)) for level in _LEVELS], dim=1
    )


def _roughness(window: Tensor, core: Tensor) -> Tensor:
    """Log mean of the differences between neighbours in the core, and of larger ones, (n, 2 * steps)."""
    parts = []
    for axis, step in _STEPS:
        length = window.shape[axis] - step
        difference = (window.narrow(axis, step, length) - window.narrow(axis, 0, length)).abs()
        weights = core.narrow(axis, step, length) * core.narrow(axis, 0, length)
        weights = weights / (weights.sum(dim=(2, 3, 4), keepdim=True) + 1e-9)
        parts += [(power * weights).sum(dim=(2, 3, 4)) for power in (difference, difference**2)]
    return 0.5 * torch.log(torch.cat(parts, dim=1) + 1e-4)
