"""Trains the default encoder and writes it with its recipe."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from features.embedding.masked_pyramid import MaskedPyramid, Widths
from features.embedding.network import DECLARATION
from features.embedding.preprocessing import Preprocessing
from models.encoder_training.objective import disagreement, factor_error
from models.encoder_training.pool import Pool, make_pool
from models.encoder_training.recovery import Recovery, compare
from models.encoder_training.trainee import Trainee
from models.encoder_training.traits import FACTORS
from models.errors import BadCohort

Progress = Callable[[str, int, int], None]
"""Called with the part (`lesions`, `unseen lesions`, `training`), how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that the weights depend on beside the code."""

    seed: int = 1
    specimens: int = 6000
    views: int = 2
    """Scans of each specimen."""
    unseen: int = 200
    epochs: int = 4
    """Of the whole network."""
    batch: int = 32
    """Specimens, each on two scans."""
    rate: float = 3e-3
    decay: float = 0.02
    noise: float = 0.04
    """Largest standard deviation of the noise added each time a lesion is seen, in window units."""
    agreement: float = 0.5
    """Weight of the disagreement between scans beside the factors' error."""
    redundancy: float = 0.02
    looks: int = 3
    """How often each scan is summed up for the layers after the convolutions."""
    polish: int = 60
    """Epochs of those layers alone, on the sums."""
    polish_batch: int = 128


@dataclass(frozen=True, slots=True)
class Training:
    """What training gave."""

    recovery: tuple[Recovery, ...]
    loss: tuple[tuple[float, float], ...]
    """Mean of each epoch, of the whole network and then of its last layers: the factors' error, the disagreement."""
    seconds: float


def train(
    out: Path,
    *,
    seed: int = 1,
    recipe: Recipe | None = None,
    name: str = "default",
    progress: Progress = lambda part, done, total: None,
) -> Training:
    """Trains an encoder on synthetic lesions and writes it as safetensors.

    Twenty minutes on two cores, 4 GiB. The same seed on the same machine, with torch on one thread, gives the same
    bytes.

    Args:
        out: The file to write; replaced when it is there.
        seed: Of lesions, first weights and order.
        recipe: All else; its own seed is replaced by `seed`.
        name: Under which columns name its embeddings.
        progress: Called as work goes on.

    Raises:
        BadCohort: The recipe has too few lesions to learn from.
    """
    began = time.monotonic()
    recipe = Recipe(**{**asdict(recipe or Recipe()), "seed": seed})
    few = min(recipe.specimens, recipe.unseen) < recipe.batch or recipe.batch < 4
    if few or recipe.views < 2 or recipe.epochs < 1 or seed < 0:
        raise BadCohort(
            f"{recipe}; wanted specimens and unseen of at least one batch, two views, and one epoch", seed=seed
        )
    preprocessing, widths = Preprocessing(), Widths()
    seen = make_pool(recipe.specimens, recipe.views, (seed, 0), preprocessing, partial(progress, "lesions"))
    unseen = make_pool(recipe.unseen, 1, (seed, 1), preprocessing, partial(progress, "unseen lesions"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trainee = Trainee(widths)
    untrained = untrained_twin(trainee, widths, seen, recipe.batch)
    loss = _learn(trainee, seen, recipe, progress) + _polish(trainee, seen, recipe, progress)
    trained = trainee.folded(widths)
    recovery = compare(FACTORS, trained, untrained, seen, unseen)
    declaration = {
        "name": name,
        "architecture": {"kind": "masked_pyramid/1", **widths.declared()},
        "preprocessing": preprocessing.declared(),
        **_story(recipe, recovery, loss),
    }
    _write(out, trained, declaration)
    return Training(recovery, loss, time.monotonic() - began)


def untrained_twin(trainee: Trainee, widths: Widths, pool: Pool, batch: int) -> MaskedPyramid:
    """The twin that never learned: first weights, with norms that have seen the lesions."""
    trainee.train()
    with torch.no_grad():
        for start in range(0, min(len(pool.crops), 40 * batch) - batch + 1, batch):
            trainee(pool.view(np.arange(start, start + batch), 0))
    return trainee.folded(widths)


def _learn(trainee: Trainee, pool: Pool, recipe: Recipe, progress: Progress) -> tuple[tuple[float, float], ...]:
    rng = np.random.default_rng([recipe.seed, 2])
    per_epoch = len(pool.crops) // recipe.batch
    steps = recipe.epochs * per_epoch
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.rate, total_steps=steps)
    curve = []
    trainee.train()
    for epoch in range(recipe.epochs):
        total = np.zeros(2)
        order = rng.permutation(len(pool.crops))
        for index in range(per_epoch):
            chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
            numbers = rng.permutation(recipe.views)[:2]
            seen = torch.cat([_view(pool.view(chosen, int(number)), rng, recipe.noise) for number in numbers])
            embedded = trainee(seen)
            error = factor_error(trainee.head(embedded), pool.known(chosen).repeat(2, 1))
            apart = disagreement(embedded[: recipe.batch], embedded[recipe.batch :], recipe.redundancy)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(error + recipe.agreement * apart)
            nn.utils.clip_grad_norm_(trainee.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += float(error.detach()), float(apart.detach())
            progress("training", epoch * per_epoch + index + 1, steps)
        curve.append((float(total[0]) / per_epoch, float(total[1]) / per_epoch))
    return tuple(curve)


def _polish(trainee: Trainee, pool: Pool, recipe: Recipe, progress: Progress) -> tuple[tuple[float, float], ...]:
    """The layers after the convolutions learn on: what the convolutions give is summed up once and kept."""
    rng = np.random.default_rng([recipe.seed, 3])
    sums = _sums(trainee, pool, recipe, rng, progress)
    learned = [
        parameter for part in (trainee.hidden, trainee.embedding, trainee.head) for parameter in part.parameters()
    ]
    optimizer = torch.optim.AdamW(learned, lr=recipe.rate, weight_decay=recipe.decay)
    batch = min(recipe.polish_batch, len(pool.crops))
    per_epoch = len(pool.crops) // batch
    steps = max(1, recipe.polish * per_epoch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    curve = []
    trainee.train()
    for epoch in range(recipe.polish):
        total = np.zeros(2)
        order = rng.permutation(len(pool.crops))
        for index in range(per_epoch):
            chosen = order[index * batch : (index + 1) * batch]
            looks, views = rng.integers(recipe.looks, size=2), rng.permutation(recipe.views)[:2]
            pair = torch.cat([sums[int(a), int(b)][chosen] for a, b in zip(looks, views, strict=True)])
            embedded = trainee.embed(pair)
            error = factor_error(trainee.head(embedded), pool.known(chosen).repeat(2, 1))
            apart = disagreement(embedded[:batch], embedded[batch:], recipe.redundancy)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(error + recipe.agreement * apart)
            optimizer.step()
            schedule.step()
            total += float(error.detach()), float(apart.detach())
            progress("polish", epoch * per_epoch + index + 1, steps)
        curve.append((float(total[0]) / per_epoch, float(total[1]) / per_epoch))
    return tuple(curve)


def _sums(
    trainee: Trainee, pool: Pool, recipe: Recipe, rng: np.random.Generator, progress: Progress
) -> dict[tuple[int, int], Tensor]:
    """What the convolutions give of each scan, by look and view, (n, summary)."""
    trainee.eval()
    found = {}
    with torch.no_grad():
        for look in range(recipe.looks):
            for view in range(recipe.views):
                parts = []
                for start in range(0, len(pool.crops), recipe.batch):
                    chosen = np.arange(start, min(start + recipe.batch, len(pool.crops)))
                    parts.append(trainee.summary(_view(pool.view(chosen, view), rng, recipe.noise)))
                found[look, view] = torch.cat(parts)
                progress("sums", look * recipe.views + view + 1, recipe.looks * recipe.views)
    return found


def _view(crops: Tensor, rng: np.random.Generator, noise: float) -> Tensor:
    """The same lesions turned and mirrored (slices stay slices), with noise of their own."""
    flips = [axis for axis in (2, 3, 4) if rng.random() < 0.5]
    view = torch.flip(crops, flips)
    if rng.random() < 0.5:
        view = view.transpose(3, 4)
    view = view.clone()
    # The narrow window magnifies the noise that the wide one shows.
    amount = rng.uniform(0.0, noise, (len(crops), 1, 1, 1, 1)) * np.array([0.3, 1.0]).reshape(1, 2, 1, 1, 1)
    grains = torch.Generator().manual_seed(int(rng.integers(2**62)))
    speckle = torch.randn(view[:, :2].shape, generator=grains) * torch.tensor(amount, dtype=torch.float32)
    view[:, :2] = (view[:, :2] + speckle).clamp(-1.0, 1.0)
    return view


def _story(recipe: Recipe, recovery: tuple[Recovery, ...], loss: tuple[tuple[float, float], ...]) -> dict[str, object]:
    """How the weights came about; no part of the encoder's identity."""
    return {
        "recipe": asdict(recipe),
        "trained_on": "synthetic lesions of randomised shape, tissue and scanner only (models/encoder_training)",
        "explained_variance": {
            part.factor: {"trained": round(part.trained, 3), "untrained": round(part.untrained, 3)} for part in recovery
        },
        "loss": [{"factors": round(error, 4), "disagreement": round(apart, 4)} for error, apart in loss],
    }


def _write(out: Path, module: MaskedPyramid, declaration: dict[str, object]) -> None:
    tensors = {key: tensor.detach().contiguous() for key, tensor in module.state_dict().items()}
    content = save(tensors, metadata={DECLARATION: json.dumps(declaration, sort_keys=True)})
    partial = out.with_name(out.name + ".part")
    partial.write_bytes(content)
    partial.replace(out)
