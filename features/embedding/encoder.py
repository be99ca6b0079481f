"""The encoder: lesions in, embeddings out. torch is imported when one is loaded, not before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from features.lesion import Lesion
from features.types import Embeddings

if TYPE_CHECKING:
    from features.embedding.network import Network
    from features.embedding.saliency import Saliency, Score
    from features.embedding.workers import LaneState, Workers

DEFAULT = Path(__file__).with_name("default.safetensors")


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A network that turns lesions into numbers, with the preprocessing that belongs to it.

    Safe for concurrent calls. On one CPU a lesion's embedding is the same bit for bit, whoever shares the batch and
    whatever else runs; between CPU and CUDA within 1e-4 where the precision is exact.
    """

    _network: "Network"
    _workers: "Workers"

    @classmethod
    def load(cls, path: Path, device: str = "cpu", *, workers: "Workers | None" = None) -> Self:
        """Reads an encoder from its safetensors file.

        Args:
            path: The file; its metadata declares architecture and preprocessing.
            device: `cpu`, `cuda`, `cuda:<n>`, several joined by commas, or `auto` for CUDA where there is one. A
                device that is not there or fails is stood in for by the CPU; `states` says so.
            workers: Those of the process, shared with other encoders; then `device` counts for nothing.

        Raises:
            BadEncoder: The file is damaged, or its tensors do not fit what it declares.
        """
        # torch takes seconds and 200 MB
        from features.embedding.network import load_network  # noqa: PLC0415
        from features.embedding.workers import Workers  # noqa: PLC0415

        return cls(load_network(path), workers or Workers(device))

    @property
    def name(self) -> str:
        """As in the columns' names, e.g. `default`."""
        return self._network.name

    @property
    def identity(self) -> str:
        """SHA-256 over weights, architecture and preprocessing: the same for the same numbers."""
        return self._network.identity

    @property
    def variant(self) -> str:
        """Under which numbers may be kept: the identity, and the precision where it is not exact."""
        precision = self._workers.precision
        return self.identity if precision == "exact" else f"{self.identity} {precision}"

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._network.dimension

    @property
    def states(self) -> "tuple[LaneState, ...]":
        """How its devices do."""
        return self._workers.states

    def embed(
        self, lesions: Sequence[Lesion], modalities: Sequence[str], check: Callable[[], None] = lambda: None
    ) -> Embeddings:
        """Embeds lesions, one row each.

        Args:
            lesions: Any number; each on its own scan's grid.
            modalities: Of each lesion's scan: `ct`, `pt`, `mr`, `cr`, `dx`, `mg`; a series may follow (`mr_t1`).
            check: Called while the lesions wait for a device; what it raises ends the waiting.

        Returns:
            (n_lesions, dimension).
        """
        cutouts = [
            self._network.view.prepare(lesion, word.partition("_")[0])
            for lesion, word in zip(lesions, modalities, strict=True)
        ]
        rows = self._workers.run(self._network, cutouts, check)
        return np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)

    def saliency(
        self, lesion: Lesion, modality: str, score: "Score", check: Callable[[], None] = lambda: None
    ) -> "Saliency":
        """Where in a lesion a score of its embedding rests; seconds of one CPU (`features.embedding.saliency`)."""
        from features.embedding.saliency import saliency  # noqa: PLC0415 - with torch, and not before

        return saliency(self._network, lesion, modality.partition("_")[0], score, check)


def default_encoder(device: str = "cpu", *, workers: "Workers | None" = None) -> Encoder:
    """The encoder that is shipped beside this file."""
    return Encoder.load(DEFAULT, device, workers=workers)
