"""A patch of fixed size and spacing round the lesion's centre: what published encoders were trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Self

import numpy as np
import torch
from torch import Tensor

from features.embedding.placement import Cutout, cut, inside_indices, place
from features.embedding.sampling import sample, sample_together
from features.errors import BadEncoder
from features.lesion import Lesion

KIND = "patch/1"
"""Raise the number when the same parameters would give other voxels."""
SCALES = ("window", "nonzero_zscore")
_LARGEST_VOXELS = 256**3


@dataclass(frozen=True, slots=True)
class Patch:
    """One channel, axes (S, P, L), linear between voxels, round the middle of the lesion's bounding box."""

    size: tuple[int, int, int]
    """Voxels along S, P and L."""
    spacing_mm: tuple[float, float, float]
    """Along S, P and L."""
    scale: str
    """window: (value - low) / (high - low); nonzero_zscore: mean 0, deviation 1 over voxels that are not 0."""
    low: float = 0.0
    high: float = 1.0
    clip: bool = False
    """Whether what lies outside the window is set to its ends."""
    outside: float = 0.0
    """What lies beyond the scan's border, in the image's units."""

    def __post_init__(self) -> None:
        usable = (
            self.scale in SCALES
            and min(self.size) >= 8
            and int(np.prod(self.size)) <= _LARGEST_VOXELS
            and min(self.spacing_mm) > 0
            and self.low < self.high
        )
        if not usable:
            raise BadEncoder("the encoder's preprocessing has a value outside its range", preprocessing=self)

    @classmethod
    def parse(cls, declared: Mapping[str, object]) -> Self:
        """Reads what an encoder's file declares.

        Raises:
            BadEncoder: A key that is missing or unknown, a value of another type.
        """
        wanted, seen = {field.name for field in fields(cls)}, set(declared) - {"kind"}
        if seen != wanted:
            raise BadEncoder(
                f"preprocessing lacks {sorted(wanted - seen)} and has unknown {sorted(seen - wanted)}",
                missing=sorted(wanted - seen),
                unknown=sorted(seen - wanted),
            )
        return cls(**{name: _value(name, declared[name]) for name in wanted})  # type: ignore[arg-type]

    def declared(self) -> dict[str, object]:
        """What `parse` reads."""
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {"kind": KIND, **listed}

    def prepare(self, lesion: Lesion, modality: str) -> Cutout:
        """As much of the scan as the patch touches."""
        inside = inside_indices(lesion)
        middle = (inside.min(axis=0) + inside.max(axis=0)) / 2.0
        superior, posterior, left = self.spacing_mm
        counts = (self.size[2], self.size[1], self.size[0])
        return cut(lesion, place(lesion, middle, counts, (left, posterior, superior), 1), modality)

    def tensors(self, cutouts: Sequence[Cutout], device: torch.device, *, together: bool) -> Tensor:
        """(n, 1, S, P, L)."""
        outside = [self.outside] * len(cutouts)
        if together:
            sampled = sample_together(cutouts, outside, device)
        else:
            sampled = [sample(cutout, self.outside, device) for cutout in cutouts]
        return torch.stack([self._scaled(intensity)[None] for intensity, _ in sampled])

    def featureless(self, tensors: Tensor) -> Tensor:
        """The patch's mean everywhere."""
        return tensors.mean(dim=(2, 3, 4), keepdim=True).expand_as(tensors)

    def _scaled(self, intensity: Tensor) -> Tensor:
        if self.scale == "window":
            part = (intensity - self.low) / (self.high - self.low)
            return part.clamp(0.0, 1.0) if self.clip else part
        values = intensity.double()
        shown = values != 0
        if not bool(shown.any()):
            return intensity
        mean = values[shown].mean()
        spread = values[shown].std(correction=0).clamp(min=float(1e-5 * mean.abs()) + 1e-30)
        return torch.where(shown, (values - mean) / spread, 0.0).to(intensity.dtype)


def _value(name: str, value: object) -> object:
    if name in ("size", "spacing_mm"):
        kinds = int if name == "size" else (int, float)
        if isinstance(value, list) and len(value) == 3 and all(_is(part, kinds) for part in value):
            return tuple(value)
    elif name == "scale":
        if isinstance(value, str):
            return value
    elif name == "clip":
        if isinstance(value, bool):
            return value
    elif _is(value, (int, float)) and np.isfinite(value):  # type: ignore[call-overload]
        return float(value)  # type: ignore[arg-type]
    raise BadEncoder(f"preprocessing's {name} is {value!r}", name=name)


def _is(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
