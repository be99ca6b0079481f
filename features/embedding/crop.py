"""What a network sees of a lesion: its cube in windows, with mask and size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from features.embedding.placement import Cutout, cut
from features.embedding.preprocessing import Preprocessing, Window, cube_round
from features.embedding.sampling import sample, sample_together
from features.lesion import Lesion

CHANNELS = 4
_USUAL_SIDE_MM = 48.0


@dataclass(frozen=True, slots=True)
class CropView:
    """Cubes that hold the whole lesion."""

    preprocessing: Preprocessing

    def prepare(self, lesion: Lesion, modality: str) -> Cutout:
        """As much of the scan as the cube touches."""
        return cut(lesion, cube_round(lesion, self.preprocessing), modality)

    def tensors(self, cutouts: Sequence[Cutout], device: torch.device, *, together: bool) -> Tensor:
        """Four channels of each, (n, 4, size, size, size)."""
        return crops(cutouts, self.preprocessing, device, together=together)

    def featureless(self, tensors: Tensor) -> Tensor:
        """Each intensity channel becomes its mean over the lesion inside, and over the surroundings outside."""
        seen, inside = tensors[:, :2], tensors[:, 2:3]
        parts = (inside, 1.0 - inside)
        evened = sum((part * _mean(seen, part) for part in parts), torch.zeros_like(seen))
        return torch.cat([evened, tensors[:, 2:]], dim=1)

    def declared(self) -> dict[str, object]:
        """As an encoder's file has it."""
        return self.preprocessing.declared()


def crop(lesion: Lesion, modality: str, preprocessing: Preprocessing, device: torch.device) -> Tensor:
    """The channels of one lesion, (4, size, size, size), axes (S, P, L).

    Args:
        lesion: On its scan's own grid, however stored.
        modality: `ct` has fixed windows; any other word is scaled by the image itself.
        preprocessing: What to cut.
        device: Where to sample.
    """
    return crops([cut(lesion, cube_round(lesion, preprocessing), modality)], preprocessing, device)[0]


def crops(
    cutouts: Sequence[Cutout], preprocessing: Preprocessing, device: torch.device, *, together: bool = False
) -> Tensor:
    """The channels of lesions, (n, 4, size, size, size).

    Args:
        cutouts: Of lesions, by `cube_round`.
        preprocessing: What was cut.
        device: Where to sample.
        together: In few large products rather than each alone; within rounding the same.
    """
    outside = [preprocessing.outside_hu if one.modality == "ct" else preprocessing.outside for one in cutouts]
    if together:
        sampled = sample_together(cutouts, outside, device)
    else:
        sampled = [sample(one, beyond, device) for one, beyond in zip(cutouts, outside, strict=True)]
    return torch.stack([_channels(*both, one, preprocessing) for both, one in zip(sampled, cutouts, strict=True)])


def _channels(intensity: Tensor, mask: Tensor, cutout: Cutout, preprocessing: Preprocessing) -> Tensor:
    if cutout.modality == "ct":
        wide, narrow = _windowed(intensity, preprocessing.wide_hu), _windowed(intensity, preprocessing.narrow_hu)
    else:
        wide = _scaled(intensity, torch.ones_like(mask), preprocessing.wide_spread)
        narrow = _scaled(intensity, mask, preprocessing.narrow_spread)
    side = torch.full_like(mask, math.log(cutout.placement.side_mm / _USUAL_SIDE_MM))
    return torch.stack([wide, narrow, mask, side])


def _mean(seen: Tensor, weight: Tensor) -> Tensor:
    """Of each channel of each lesion, (n, channels, 1, 1, 1)."""
    total = weight.sum(dim=(2, 3, 4), keepdim=True).clamp(min=1e-6)
    return (seen * weight).sum(dim=(2, 3, 4), keepdim=True) / total


def _windowed(intensity: Tensor, window: Window) -> Tensor:
    """-1 at the window's lower end and below, 1 at its upper end and above."""
    middle, half = (window[0] + window[1]) / 2.0, (window[1] - window[0]) / 2.0
    return ((intensity - middle) / half).clamp(-1.0, 1.0)


def _scaled(intensity: Tensor, weight: Tensor, spread: float) -> Tensor:
    """0 at the weighted mean, -1 and 1 at so many standard deviations from it; 0 where all is flat."""
    values, share = intensity.double(), weight.double() / weight.sum(dtype=torch.float64).clamp(min=1e-6)
    mean = (values * share).sum()
    deviation = ((values - mean) ** 2 * share).sum().sqrt()
    # Rounding alone must not become contrast in a flat region.
    half = (spread * deviation).clamp(min=float(1e-5 * mean.abs()) + 1e-30)
    return ((values - mean) / half).clamp(-1.0, 1.0).to(intensity.dtype)
