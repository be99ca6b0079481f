"""The network in numpy, forward and backward: a branch each for radiomics, embedding and covariates, then therapy.

Serving needs no torch: on so small a network torch's threads cost more than its work, and wait for each other when
calls run side by side. A test holds it equal to `models.fusion.training`'s torch, values and gradients.
"""

from collections.abc import Mapping

import numpy as np

from features.types import Floats
from models.families.recipe import Architecture

Weights = Mapping[str, Floats]
"""By name; the first axis of each is the member of the ensemble."""


def shapes(architecture: Architecture, width: int) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of the file, by name.

    Args:
        architecture: What the manifest declares.
        width: Columns of the design.
    """
    members, hidden, outputs = architecture.members, architecture.hidden, architecture.outputs
    wanted: dict[str, tuple[int, ...]] = {"baseline": (width,), "bias": (members, 1, outputs)}
    joined = 0
    for name, columns in branches(architecture).items():
        wanted[f"{name}.weight"] = (members, len(columns), hidden)
        wanted[f"{name}.bias"] = (members, 1, hidden)
        joined += hidden
    inputs = sum(len(columns) for columns in branches(architecture).values())
    wanted["head.weight"] = (members, joined + inputs, 1)
    if outputs > 1:
        wanted["time.weight"] = (members, joined, outputs)
    if architecture.therapies:
        wanted["therapy.bias"] = (members, architecture.therapies, 1)
        wanted["therapy.weight"] = (members, joined + inputs, architecture.therapies)
    return wanted


def branches(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Design columns of each branch that has any."""
    every = {
        "radiomics": architecture.radiomics,
        "embedding": architecture.embedding,
        "clinical": architecture.clinical,
    }
    return {name: columns for name, columns in every.items() if columns}


def forward(architecture: Architecture, weights: Weights, X: Floats) -> Floats:
    """Log-odds of response, or log-hazard in each interval of time.

    Args:
        architecture: What the manifest declares.
        weights: As in `shapes`.
        X: Design rows, (n, width).

    Returns:
        (members, n, outputs).
    """
    joined, both = _features(architecture, weights, X)
    result = weights["bias"] + both @ weights["head.weight"]
    if "time.weight" in weights:
        result = result + joined @ weights["time.weight"]
    if architecture.therapies:
        given = X[:, -architecture.therapies :]
        result = result + given @ weights["therapy.bias"]
        result = result + (given * (both @ weights["therapy.weight"])).sum(axis=2, keepdims=True)
    return result


def backward(architecture: Architecture, weights: Weights, X: Floats, slopes: Floats) -> Floats:
    """How a scalar for each row changes with the row, (n, width), summed over members.

    Args:
        architecture: What the manifest declares.
        weights: As in `shapes`.
        X: Design rows, (n, width).
        slopes: How the scalar changes with each output, (members, n, outputs).
    """
    joined, both = _features(architecture, weights, X)
    shared = slopes.sum(axis=2, keepdims=True)
    to_both = shared * weights["head.weight"].transpose(0, 2, 1)
    gradient = np.zeros(X.shape)
    if architecture.therapies:
        given = X[:, -architecture.therapies :]
        to_both = to_both + (shared * given) @ weights["therapy.weight"].transpose(0, 2, 1)
        to_given = weights["therapy.bias"].transpose(0, 2, 1) + both @ weights["therapy.weight"]
        gradient[:, -architecture.therapies :] = (shared * to_given).sum(axis=0)
    width = joined.shape[2]
    to_joined, to_inputs = to_both[:, :, :width], to_both[:, :, width:]
    if "time.weight" in weights:
        to_joined = to_joined + slopes @ weights["time.weight"].transpose(0, 2, 1)
    to_units = to_joined * (1 - joined**2)
    at = 0
    for index, (name, columns) in enumerate(branches(architecture).items()):
        units = to_units[:, :, index * architecture.hidden : (index + 1) * architecture.hidden]
        to_part = units @ weights[f"{name}.weight"].transpose(0, 2, 1) + to_inputs[:, :, at : at + len(columns)]
        gradient[:, list(columns)] = to_part.sum(axis=0)
        at += len(columns)
    return gradient


def exposure(breaks_days: tuple[float, ...], days: Floats) -> Floats:
    """How much of each interval has passed by each day, (days, intervals), 0 to 1."""
    ends = np.array(breaks_days)
    starts = np.concatenate([[0.0], ends[:-1]])
    passed: Floats = np.clip((days[:, None] - starts) / (ends - starts), 0.0, 1.0)
    return passed


def _features(architecture: Architecture, weights: Weights, X: Floats) -> tuple[Floats, Floats]:
    """Hidden units, and hidden units beside the inputs themselves, (members, n, ...)."""
    parts = {name: X[:, list(columns)] for name, columns in branches(architecture).items()}
    hidden = [np.tanh(part @ weights[f"{name}.weight"] + weights[f"{name}.bias"]) for name, part in parts.items()]
    joined = np.concatenate(hidden, axis=2)
    inputs = np.concatenate(list(parts.values()), axis=1)
    both = np.concatenate([joined, np.broadcast_to(inputs, (joined.shape[0], *inputs.shape))], axis=2)
    return joined, both
