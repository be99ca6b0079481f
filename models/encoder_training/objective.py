"""What the encoder learns for: two scans of one lesion agree, and the numbers tell its factors, each something else."""

import torch
from torch import Tensor
from torch.nn import functional


def disagreement(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """0 where every dimension tells lesions apart the same on both scans, and no two dimensions say the same.

    Args:
        first: Embeddings of some lesions on one scan each, (n, dimension).
        second: Of the same lesions on another scan, in the same order.
        redundancy: How much the correlation between two dimensions counts against that within one.

    Source: Zbontar et al., Barlow Twins, ICML 2021.
    """
    first, second = ((part - part.mean(dim=0)) / (part.std(dim=0, correction=0) + 1e-4) for part in (first, second))
    correlation = first.T @ second / len(first)
    own = torch.diagonal(correlation)
    others = (correlation**2).sum() - (own**2).sum()
    return (((1.0 - own) ** 2).sum() + redundancy * others) / len(own)


def factor_error(guess: Tensor, factors: Tensor) -> Tensor:
    """Mean squared error over the factors that the images can show."""
    known = torch.isfinite(factors)
    return functional.mse_loss(guess[known], factors[known])
