"""Trains an ensemble at once: every member on its own draw of patients, at several strengths of decay."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from features.types import Embeddings, Floats
from models.families.recipe import Architecture
from models.families.target import OutcomeTarget, ProgressionTarget, Target
from models.fusion.network import branches, exposure, shapes
from models.fusion.settings import FusionSettings

DECAYS = (0.02, 0.1, 0.5, 2.5)
"""Strengths of decay that are tried; the patients that a member did not draw choose among them."""
_STEPS = 250
_DECAY_OF = {"head.weight": 1.0, "therapy.weight": 1.0, "therapy.bias": 0.2, "time.weight": 3.0}
_DECAY_OF_BRANCH = 0.3
_FIXED = FusionSettings()


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The ensemble at the best decay."""

    weights: dict[str, Embeddings]
    decay: float
    held_out: Floats
    """Mean output for each patient by the members that had not drawn it, (n, outputs); NaN where all had."""
    loss: Floats
    """Negative log-likelihood of these, (n,); 0 where all had drawn the patient."""


def train(
    architecture: Architecture,
    X: Floats,
    target: Target,
    counts: Floats,
    *,
    seed: int,
    check: Callable[[], None],
    settings: FusionSettings = _FIXED,
    judged_only: bool = False,
) -> Trained:
    """Full-batch Adam on the weighted likelihood, all members and decays in one tensor.

    Args:
        architecture: Of the ensemble.
        X: Design, (n, width).
        target: Of these patients.
        counts: How often each member drew each patient, (members, n).
        seed: Of the initial weights and of hidden branches.
        check: Called between steps.
        settings: Whose width is the architecture's.
        judged_only: Whether no more is wanted than how well members do on patients that they had not drawn; the weights
            then are those without anchors, of no use but for that.
    """
    rows = torch.tensor(X, dtype=torch.float32)
    with _one_thread():
        return _train(_Training(architecture, rows, target, counts, check, settings), seed, judged_only=judged_only)


def _train(training: "_Training", seed: int, *, judged_only: bool) -> Trained:
    """First without anchors, at every decay, to choose one; then with them at that decay, to stay.

    Members whose anchors do not cancel would blur what those say who had not drawn a patient: the choice would
    fall on too much decay, and calibration on too little slope.
    """
    decays = DECAYS if training.settings.decay is None else (training.settings.decay,)
    weights = training.fit(decays, torch.Generator().manual_seed(seed), anchored=False)
    decay, held_out, loss = training.best(decays, weights)
    if not judged_only:
        weights = training.fit((decay,), torch.Generator().manual_seed(seed), anchored=True)
    kept = {name: tensor.detach().numpy().copy() for name, tensor in weights.items()}
    return Trained(kept, decay, held_out, loss)


@dataclass(frozen=True, slots=True, eq=False)
class _Training:
    """What each fit of an ensemble shares."""

    architecture: Architecture
    rows: Tensor
    target: Target
    counts: Floats
    check: Callable[[], None]
    settings: FusionSettings

    def fit(self, decays: Sequence[float], generator: torch.Generator, *, anchored: bool) -> dict[str, Tensor]:
        """Weights of all members at each decay, (decays x members, ...)."""
        architecture, rows = self.architecture, self.rows
        weight = torch.tensor(np.tile(self.counts, (len(decays), 1)), dtype=torch.float32)
        weight = weight / weight.sum(dim=1, keepdim=True)
        decay = torch.tensor(decays).repeat_interleave(architecture.members)[:, None, None]
        loss_of = _loss(self.target, architecture)
        weights = {
            name: tensor.requires_grad_()
            for name, tensor in _initial(architecture, rows.shape[1], len(decays), generator).items()
        }
        anchors = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
        if anchored:
            anchors = _anchors(weights, decay, rows.shape[0], generator)
        with torch.no_grad():
            weights["bias"] += _start(self.target, architecture)
        optimiser = torch.optim.Adam(weights.values(), lr=self.settings.rate, fused=True)
        pulls = {name: 2 * decay * _decay_of(name) for name in weights if _decay_of(name)}
        for step in range(_STEPS):
            self.check()
            for group in optimiser.param_groups:
                group["lr"] = self.settings.rate * 0.5 * (1 + np.cos(np.pi * step / _STEPS))
            optimiser.zero_grad()
            outputs = outputs_of(architecture, weights, _hide(rows, architecture, self.settings.left_out, generator))
            loss_of(outputs).backward(weight)  # type: ignore[no-untyped-call]
            with torch.no_grad():  # decay's own slope, which autograd would take longer to find
                for name, pull in pulls.items():
                    weights[name].grad.addcmul_(pull, weights[name] - anchors[name])  # type: ignore[union-attr]
            optimiser.step()
        return weights

    def best(self, decays: Sequence[float], weights: Mapping[str, Tensor]) -> tuple[float, Floats, Floats]:
        """Of the decays, the one whose members best predict the patients that they had not drawn.

        Returns:
            It, what they say, and the loss of that, (n,).
        """
        with torch.no_grad():
            outputs = outputs_of(self.architecture, weights, self.rows)
        n, outs = outputs.shape[1], outputs.shape[2]
        unseen = self.counts == 0
        times = unseen.sum(axis=0)
        each = outputs.reshape(len(decays), self.architecture.members, n, outs).double().numpy()
        total = (each * unseen[None, :, :, None]).sum(axis=1)
        held_out = np.where(times[None, :, None] > 0, total / np.maximum(times, 1)[None, :, None], np.nan)
        with torch.no_grad():
            loss = _loss(self.target, self.architecture)(torch.tensor(np.nan_to_num(held_out), dtype=torch.float32))
        told = loss.double().numpy() * (times > 0)
        best = int(np.argmin(told.sum(axis=1)))
        return decays[best], held_out[best], told[best]


def outputs_of(architecture: Architecture, weights: Mapping[str, Tensor], rows: Tensor) -> Tensor:
    """The network of `models.fusion.network` in torch, for its gradients: (members, n, outputs) of (n, width).

    Training takes most of its time here: additions stand within products, and what meets the therapy is one product.
    """
    members = weights["bias"].shape[0]
    parts = {name: rows[:, list(columns)] for name, columns in branches(architecture).items()}
    hidden = [
        torch.baddbmm(weights[f"{name}.bias"], part.expand(members, -1, -1), weights[f"{name}.weight"]).tanh_()
        for name, part in parts.items()
    ]
    joined = torch.cat(hidden, dim=2)
    inputs = torch.cat(list(parts.values()), dim=1).expand(members, -1, -1)
    heads, given = weights["head.weight"], rows.new_ones(rows.shape[0], 1)
    if architecture.therapies:
        heads = torch.cat([heads, weights["therapy.weight"]], dim=2)
        given = torch.cat([given, rows[:, -architecture.therapies :]], dim=1)
    units = joined.shape[2]
    by_head = torch.baddbmm(torch.bmm(inputs, heads[:, units:]), joined, heads[:, :units])
    result = weights["bias"] + (given * by_head).sum(dim=2, keepdim=True)
    if architecture.therapies:
        result = result + given[:, 1:] @ weights["therapy.bias"]
    return torch.baddbmm(result, joined, weights["time.weight"]) if "time.weight" in weights else result


@contextmanager
def _one_thread() -> Iterator[None]:
    """So small a network is 20 times slower on several threads of a busy machine, and its last digits would differ."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _initial(architecture: Architecture, width: int, repeats: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Weights to start from: heads at 0, so that the net begins as the cohort's average; repeats start alike."""
    weights = {}
    for name, shape in shapes(architecture, width).items():
        if name == "baseline":
            continue
        start = torch.zeros(shape)
        if name.split(".")[0] in branches(architecture) and name.endswith("weight"):
            start = torch.randn(shape, generator=generator) / math.sqrt(shape[1])
        weights[name] = start.repeat(repeats, 1, 1)
    return weights


def _anchors(
    weights: Mapping[str, Tensor], decay: Tensor, patients: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Where decay pulls each member: a draw from the prior that the decay is, not 0 for all.

    Drawing patients alone would leave out what the decay hides, and be too sure. Members come in pairs
    with opposite anchors, so that their mean is pulled to 0.

    Source: Pearce et al., Uncertainty in neural networks: approximately Bayesian ensembling, AISTATS 2020.
    """
    anchors = {}
    for name, tensor in weights.items():
        half = torch.randn((tensor.shape[0] // 2, *tensor.shape[1:]), generator=generator)
        draw = torch.stack([half, -half], dim=1).flatten(0, 1)
        strength = 2 * patients * decay * _decay_of(name)
        anchors[name] = draw / strength.sqrt() if _decay_of(name) else torch.zeros_like(tensor)
    return anchors


def _loss(target: Target, architecture: Architecture) -> Callable[[Tensor], Tensor]:
    """Negative log-likelihood of each patient, (members, n), of outputs, (members, n, outputs)."""
    if isinstance(target, OutcomeTarget):
        response = torch.tensor(target.response, dtype=torch.float32)
        return lambda outputs: torch.nn.functional.softplus(outputs[:, :, 0]) - response * outputs[:, :, 0]
    passed, event = (torch.tensor(part, dtype=torch.float32) for part in _followed(target, architecture))
    # Piecewise constant hazards (Friedman, Ann Stat 10 (1982) 101): Poisson with the exposure.
    return lambda outputs: (passed * torch.exp(outputs.clamp(max=15.0)) - event * outputs).sum(dim=2)


def _followed(target: ProgressionTarget, architecture: Architecture) -> tuple[Floats, Floats]:
    """Exposure and event of each patient in each interval; what comes after the last one counts as censored."""
    ends = np.array(architecture.breaks_days)
    interval = np.searchsorted(ends, target.time_days, side="left")
    event = np.zeros((target.event.size, ends.size))
    inside = target.event & (interval < ends.size)
    event[np.flatnonzero(inside), interval[inside]] = 1.0
    return exposure(architecture.breaks_days, target.time_days), event


def _start(target: Target, architecture: Architecture) -> Tensor:
    """Outputs of a model that knows only the cohort."""
    if isinstance(target, OutcomeTarget):
        share = float(target.response.mean())
        return torch.tensor([np.log(share / (1 - share))], dtype=torch.float32)
    passed, event = _followed(target, architecture)
    rate = (event.sum(axis=0) + 0.5) / (passed.sum(axis=0) + 0.5)
    return torch.tensor(np.log(rate), dtype=torch.float32)


def _hide(rows: Tensor, architecture: Architecture, share: float, generator: torch.Generator) -> Tensor:
    """The rows with an image branch hidden here and there, at 0, which is the average patient."""
    shown = torch.ones_like(rows)
    for name, columns in branches(architecture).items():
        if name != "clinical":
            hidden = torch.rand(rows.shape[0], generator=generator) < share
            shown[:, list(columns)] = (~hidden).float()[:, None]
    return rows * shown


def _decay_of(name: str) -> float:
    if name == "bias":
        return 0.0
    return _DECAY_OF.get(name, 0.0 if name.endswith("bias") else _DECAY_OF_BRANCH)
