"""Synthetic lesions as an encoder sees them: several scans of each, with the factors behind them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.embedding.crop import CHANNELS, crop
from features.embedding.preprocessing import Preprocessing
from features.types import Floats
from models.encoder_training.acquisition import acquire, draw_mapping
from models.encoder_training.specimen import make_specimen
from models.encoder_training.traits import draw_traits

Done = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Lesions, cut out and windowed."""

    crops: NDArray[np.float16]
    """(n, views, channels, size, size, size)."""
    factors: Floats
    """(n, factors), each roughly -1.7 to 1.7; NaN where the image cannot show it."""

    def view(self, chosen: NDArray[np.int64], number: int) -> Tensor:
        """Crops of one view of some lesions."""
        return torch.from_numpy(self.crops[chosen, number].astype(np.float32))

    def known(self, chosen: NDArray[np.int64]) -> Tensor:
        """Factors of some lesions."""
        return torch.tensor(self.factors[chosen], dtype=torch.float32)


def make_pool(specimens: int, views: int, seed: tuple[int, ...], preprocessing: Preprocessing, done: Done) -> Pool:
    """Draws lesions whose factors are independent of each other, so that none stands for another.

    Args:
        specimens: How many lesions.
        views: Scans of each.
        seed: A specimen depends on it and on its own number alone.
        preprocessing: How they are cut out.
        done: Called with specimens done and in all.
    """
    crops = np.empty((specimens, views, CHANNELS, *[preprocessing.size] * 3), np.float16)
    factors, device = [], torch.device("cpu")
    for index in range(specimens):
        rng = np.random.default_rng([*seed, index])
        specimen = make_specimen(draw_traits(rng), rng)
        kind = specimen.traits.kind
        mapping = draw_mapping(kind, rng)
        for view in range(views):
            crops[index, view] = crop(acquire(specimen, mapping, rng), kind, preprocessing, device).numpy()
        factors.append(specimen.traits.factors(specimen.contrast))
        done(index + 1, specimens)
    return Pool(crops, np.array(factors))
