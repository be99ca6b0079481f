"""How much of known factors a linear probe reads off frozen embeddings of unseen lesions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from features.types import Floats
from models.encoder_training.pool import Pool

_RIDGE = 10.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """Share of a factor's variance that is explained on unseen lesions, at most 1; 0 is the mean's."""

    factor: str
    trained: float
    untrained: float
    """By the same network before training."""


def embed_pool(module: nn.Module, pool: Pool, view: int = 0) -> Floats:
    """Embeddings of one view of a pool, (n, dimension)."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(pool.crops), 64):
            crops = pool.view(np.arange(start, min(start + 64, len(pool.crops))), view)
            rows.append(module(crops).numpy().astype(np.float64))
    return np.concatenate(rows)


def explained(seen: tuple[Floats, Floats], unseen: tuple[Floats, Floats]) -> list[float]:
    """Explained variance of each factor by ridge regression.

    Args:
        seen: Embeddings and factors to fit on.
        unseen: Embeddings and factors to judge on.
    """
    mean, spread = seen[0].mean(axis=0), seen[0].std(axis=0) + 1e-9
    shares = []
    for column in range(seen[1].shape[1]):
        known, judged = np.isfinite(seen[1][:, column]), np.isfinite(unseen[1][:, column])
        X = (seen[0][known] - mean) / spread
        y = seen[1][known, column]
        weights = np.linalg.solve(X.T @ X + _RIDGE * np.eye(X.shape[1]), X.T @ (y - y.mean()))
        truth = unseen[1][judged, column]
        guess = (unseen[0][judged] - mean) / spread @ weights + y.mean()
        shares.append(float(1.0 - np.mean((truth - guess) ** 2) / truth.var()))
    return shares


def compare(
    factors: Sequence[str], trained: nn.Module, untrained: nn.Module, seen: Pool, unseen: Pool
) -> tuple[Recovery, ...]:
    """Both networks judged alike."""
    shares = [
        explained((embed_pool(module, seen), seen.factors), (embed_pool(module, unseen), unseen.factors))
        for module in (trained, untrained)
    ]
    return tuple(Recovery(factor, a, b) for factor, a, b in zip(factors, *shares, strict=True))
