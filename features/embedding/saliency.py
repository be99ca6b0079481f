"""Where in a lesion a score rests on, through the embedding: places made featureless in turn, and a check of the map.

Occlusion sensitivity (Zeiler and Fergus, ECCV 2014) by MONAI: a box is led through the lesion; within it intensities
become the mean of their surroundings, outline and size stay. What is shown is how much higher the score is with the
place as it is. Such a map can look convincing and mean nothing, so the same is done with the network's weights shuffled
(Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018), and the strongest places are taken away together.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.embedding.network import Network
from features.embedding.placement import Cutout
from features.embedding.sampling import sample
from features.lesion import Lesion
from features.types import Embeddings, Floats, Mask

Score = Callable[[Embeddings], Floats]
"""From embeddings, (n, dimension), to scores that differences make sense of, (n, scores)."""

_BOXES = 4
"""A box has a quarter of the cube's side, and moves by half of itself."""
_BATCH = 8
_FIFTH = 0.2
_LIKE_CHANCE = 0.5
_TWICE = 2.0
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, eq=False)
class Saliency:
    """What places of a lesion do to scores."""

    change: Floats
    """Score with the place as it is, less that without; (scores, S, P, L), 0 outside the lesion's box."""
    whole: Floats
    """The same for the lesion and its surroundings as a whole, (scores,)."""
    strongest: Floats
    """The same for the fifth of the lesion where `change` is strongest, (scores,)."""
    weakest: Floats
    """The same for the fifth where it is weakest, (scores,)."""
    chance: Floats
    """Spearman's correlation of |change| over the lesion with that of a network of shuffled weights, (scores,)."""
    cutout: Cutout
    """Where the cube lies."""

    def telling(self, score: int) -> bool:
        """Whether the map says more than chance: another one than shuffled weights give, and places that matter do.

        Args:
            score: Which.
        """
        weight, rest = abs(float(self.strongest[score])), abs(float(self.weakest[score]))
        return abs(float(self.chance[score])) < _LIKE_CHANCE and weight > _TWICE * rest

    def at(self, indices: Floats, score: int) -> Floats:
        """The change at voxels of the scan, linear between those of the cube; 0 outside it.

        Args:
            indices: (x, y, z) on the scan's grid, (n, 3).
            score: Which.
        """
        from scipy.ndimage import map_coordinates  # noqa: PLC0415  loads slowly

        placement = self.cutout.placement
        low = -(self.cutout.inside[0] + 0.5)
        middle = (np.array(placement.reach) - 1) / 2.0
        # An axis of one slice has no step of its own: what is asked there lies in the cube's middle.
        away = (indices - low) - (placement.first + placement.steps @ middle)
        sampled = middle + away @ np.linalg.pinv(placement.steps).T
        voxels = (sampled - (placement.samples - 1) / 2.0) / placement.samples
        found: Floats = map_coordinates(self.change[score], voxels[:, ::-1].T, order=1, mode="constant")
        return found


def saliency(
    network: Network, lesion: Lesion, modality: str, score: Score, check: Callable[[], None] = lambda: None
) -> Saliency:
    """Leads a box through the lesion.

    On the CPU, with one thread, whatever device embeds: some hundred embeddings, twice.

    Args:
        network: Of the encoder.
        lesion: On its scan's grid.
        modality: `ct`, `pt` or `mr`.
        score: All that comes after the embedding.
        check: Called between batches; what it raises ends the work.

    Source: Zeiler and Fergus, ECCV 2014, section 4.2; Adebayo et al., NeurIPS 2018, section 4.2.
    """
    cutout = network.view.prepare(lesion, modality)
    torch.set_num_threads(1)  # of this thread: sums split over threads differ in the last digits
    with torch.inference_mode():
        seen = network.view.tensors([cutout], _CPU, together=False)
        even = network.view.featureless(seen)
        share = sample(cutout, 0.0, _CPU)[1].numpy()
        inside: Mask = share >= 0.5 if (share >= 0.5).any() else share > 0.0
        changed = _Change(network.module, seen, even, score, check)
        change = _occluded(changed, seen - even, inside)
        shuffled = _occluded(_Change(_shuffled(network.module), seen, even, score, check), seen - even, inside)
        ranked = np.abs(change[:, inside]).argsort(axis=1)
        fifth = max(1, round(_FIFTH * int(inside.sum())))
        everywhere = np.ones((1, *inside.shape), bool)
        return Saliency(
            change=change,
            whole=_without(changed, seen - even, everywhere)[:, 0],
            strongest=np.diagonal(_without(changed, seen - even, _places(inside, ranked[:, -fifth:]))).copy(),
            weakest=np.diagonal(_without(changed, seen - even, _places(inside, ranked[:, :fifth]))).copy(),
            chance=np.array([_rank_correlation(a[inside], b[inside]) for a, b in zip(change, shuffled, strict=True)]),
            cutout=cutout,
        )


class _Change(nn.Module):
    """From what a lesion still shows beyond its featureless twin to what its scores were higher by."""

    def __init__(self, embed: nn.Module, seen: Tensor, even: Tensor, score: Score, check: Callable[[], None]) -> None:
        super().__init__()
        self._embed = embed
        self._even = even
        self._score = score
        self._check = check
        self._as_it_is = self._scored(seen - even)

    def forward(self, beyond: Tensor) -> Tensor:
        return torch.from_numpy(self._as_it_is - self._scored(beyond))

    def _scored(self, beyond: Tensor) -> Floats:
        self._check()
        return self._score(self._embed(self._even + beyond).float().numpy())


def _occluded(changed: _Change, beyond: Tensor, inside: Mask) -> Floats:
    """(scores, S, P, L)."""
    from monai.visualize.occlusion_sensitivity import OcclusionSensitivity  # noqa: PLC0415  loads slowly

    # Said by monai 1.6 on torch 2.13; both mean the same by it.
    warnings.filterwarnings("ignore", "Using a non-tuple sequence for multidimensional indexing", UserWarning)
    ends = [(int(places[0]), int(places[-1]) + 1) for places in _extent(inside)]
    # What is led through fades the box to nothing beyond the featureless lesion, most in its middle.
    maker = OcclusionSensitivity(
        changed,
        mask_size=[max(2, size // _BOXES) for size in inside.shape],
        n_batch=_BATCH,
        verbose=False,
        mode="gaussian",
        overlap=0.5,
        activate=False,
    )
    found, _ = maker(beyond, b_box=[end for pair in ends for end in pair])
    where = tuple(slice(first, last) for first, last in ends)
    change = np.zeros((found.shape[1], *inside.shape))
    change[(slice(None), *where)] = found[0].numpy()
    return change


def _extent(inside: Mask) -> list[NDArray[np.intp]]:
    axes = range(inside.ndim)
    return [np.flatnonzero(inside.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]


def _places(inside: Mask, ranks: NDArray[np.intp]) -> Mask:
    """For each score the ranked voxels of the lesion, (scores, S, P, L)."""
    places = np.zeros((len(ranks), *inside.shape), bool)
    lesion = np.flatnonzero(inside)
    for row, chosen in enumerate(ranks):
        places[row].flat[lesion[chosen]] = True
    return places


def _without(changed: _Change, beyond: Tensor, places: Mask) -> Floats:
    """Change of each score, for each of the places, (scores, places)."""
    left = [torch.where(torch.from_numpy(place), 0.0, beyond) for place in places]
    return np.asarray(changed(torch.cat(left))).T


def _shuffled(module: nn.Module) -> nn.Module:
    """The same weights in another order, tensor by tensor; the same each time."""
    draw = torch.Generator().manual_seed(0)
    other = copy.deepcopy(module)
    for tensor in other.state_dict().values():
        if tensor.is_floating_point():
            order = torch.randperm(tensor.numel(), generator=draw)
            tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))
    return other


def _rank_correlation(one: Floats, other: Floats) -> float:
    """Of magnitudes; 0 where one is the same everywhere."""
    from scipy.stats import spearmanr  # noqa: PLC0415  loads slowly

    first, second = np.abs(one), np.abs(other)
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0
    return float(spearmanr(first, second).statistic)
