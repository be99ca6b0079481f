"""A trained ensemble at work: scores, contributions, and its one safetensors file."""

from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from features.types import Embeddings, Floats
from models.errors import BrokenFile
from models.families.family import OutcomeScores, ProgressionScores, Scores
from models.families.recipe import Architecture
from models.fusion.network import backward, exposure, forward, shapes

FILE = "fusion.safetensors"
_MOST_MEMBERS = 64
_MOST_HIDDEN = 256
_LARGEST_LOG_HAZARD = 30.0
_NODES, _PARTS = (np.polynomial.legendre.leggauss(16) + np.array([[1.0], [0.0]])) / 2
"""Where on the way, and with what weight, gradients are taken."""


class FusionEngine:
    """An ensemble ready to predict, in double precision so that an answer does not depend on who else is asked.

    The estimate is the members' mean log-odds, or mean log cumulative hazard; the members are the replicates.
    """

    def __init__(
        self, architecture: Architecture, tensors: Mapping[str, Embeddings], time_days: Sequence[int], *, spread: bool
    ) -> None:
        """Takes tensors whose shapes were checked; `spread` says whether the members give intervals."""
        self._architecture = architecture
        self._tensors = dict(tensors)
        self._weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items() if name != "baseline"}
        self._baseline = tensors["baseline"].astype(np.float64)
        self._spread = spread
        self._passed = np.ones((1, 1))
        if architecture.outputs > 1:
            self._passed = exposure(architecture.breaks_days, np.asarray(time_days, dtype=np.float64))

    def score(self, X: Floats) -> Scores:
        """Raw log-odds, or cumulative hazards at the recipe's days."""
        outputs = forward(self._architecture, self._weights, X)
        if self._architecture.outputs == 1:
            each = outputs[:, :, 0]
            return OutcomeScores(each.mean(axis=0), each if self._spread else each[:0])
        hazards = _hazard(outputs) @ self._passed.T
        mean = np.exp(np.log(np.maximum(hazards, 1e-300)).mean(axis=0))
        mean[:, 0] = 0.0
        return ProgressionScores(mean, hazards if self._spread else hazards[:0])

    def contributions(self, X: Floats) -> Floats:
        """Integrated gradients (Sundararajan 2017) from the average training patient, by Gauss's quadrature."""
        offset = X - self._baseline
        path = (self._baseline + _NODES[:, None, None] * offset).reshape(-1, X.shape[1])
        outputs = forward(self._architecture, self._weights, path)
        gradient = backward(self._architecture, self._weights, path, self._slopes(outputs))
        shares: Floats = offset * (gradient.reshape(_NODES.size, *X.shape) * _PARTS[:, None, None]).sum(axis=0)
        return shares

    def _slopes(self, outputs: Floats) -> Floats:
        """How the additive score changes with each output, (members, n, outputs).

        The score is the members' mean log-odds, or log cumulative hazard at the horizon.
        """
        members = self._architecture.members
        if self._architecture.outputs == 1:
            return np.full(outputs.shape, 1.0 / members)
        parts = _hazard(outputs) * self._passed[-1]
        slopes: Floats = parts / parts.sum(axis=2, keepdims=True) / members
        return slopes

    def files(self) -> dict[str, bytes]:
        """One safetensors file."""
        return {FILE: save({name: np.ascontiguousarray(tensor) for name, tensor in sorted(self._tensors.items())})}


def _hazard(outputs: Floats) -> Floats:
    """Hazard in each interval."""
    hazard: Floats = np.exp(np.clip(outputs, -_LARGEST_LOG_HAZARD, _LARGEST_LOG_HAZARD))
    return hazard


def check_architecture(architecture: Architecture, width: int, therapies: int) -> None:
    """Refuses, before any tensor is made, what could not be a network over that design.

    Raises:
        BrokenFile: Columns out of range or in two branches, sizes beyond reason, breaks that do not rise.
    """
    columns = [*architecture.radiomics, *architecture.embedding, *architecture.clinical]
    ends = architecture.breaks_days
    rising = all(a < b for a, b in zip((0.0, *ends), ends, strict=False))
    right = (
        len(columns) > 0
        and sorted(columns) == list(range(width - therapies))
        and architecture.therapies == therapies
        and 0 < architecture.members <= _MOST_MEMBERS
        and 0 < architecture.hidden <= _MOST_HIDDEN
        and rising
        and architecture.outputs == max(1, len(ends))
        and len(ends) != 1
    )
    if not right:
        raise BrokenFile("the declared architecture is no network over the design's columns")


def read_tensors(content: bytes, architecture: Architecture, width: int) -> dict[str, Embeddings]:
    """The tensors of a file, exactly those of the declared architecture, all finite.

    Raises:
        BrokenFile: No safetensors, or other names, shapes, types or numbers.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BrokenFile(f"{FILE} is no safetensors file") from error
    wanted = shapes(architecture, width)
    seen = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if seen != wanted:
        differing = sorted(name for name in seen.keys() | wanted.keys() if seen.get(name) != wanted.get(name))
        raise BrokenFile(
            f"{FILE}: {', '.join(differing)[:300]} differ from the declared architecture", differing=differing
        )
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise BrokenFile(f"{FILE}: {name} is not all finite 32-bit numbers", tensor=name)
    return tensors
