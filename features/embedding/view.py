"""What a network is shown of a lesion: cut out on the host, made into tensors on the device."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from features.embedding.placement import Cutout
from features.lesion import Lesion


class View(Protocol):
    """A preprocessing; part of an encoder's identity."""

    def prepare(self, lesion: Lesion, modality: str) -> Cutout:
        """As much of the scan as is shown; cheap, on the caller's thread."""

    def tensors(self, cutouts: Sequence[Cutout], device: torch.device, *, together: bool) -> Tensor:
        """What the network takes, (n, channels, S, P, L) float32; float64 where `together`.

        Args:
            cutouts: From `prepare`.
            device: Where to sample.
            together: In few large products rather than each alone; within rounding the same.
        """

    def featureless(self, tensors: Tensor) -> Tensor:
        """The same lesions with nothing to see in them: intensities evened out, size and outline kept."""

    def declared(self) -> dict[str, object]:
        """All that the tensors depend on, as an encoder's file has it."""
