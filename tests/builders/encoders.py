"""Encoder files: of the published layout with random values, and the shipped one changed."""

import json
from collections.abc import Callable
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from features.embedding.brought import BROUGHT
from features.embedding.encoder import DEFAULT, Encoder
from features.embedding.network import DECLARATION


def values(module: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Random values of a network's names and shapes; norms stay near 1, so that embeddings stay finite."""
    random = torch.Generator().manual_seed(seed)
    found = {}
    for name, wanted in module.state_dict().items():
        if not wanted.dtype.is_floating_point:
            found[name] = torch.tensor(7, dtype=wanted.dtype)
        elif wanted.dim() > 1:
            found[name] = torch.randn(wanted.shape, generator=random) * (2.0 / wanted[0].numel()) ** 0.5
        else:
            found[name] = 1.0 + 0.1 * torch.rand(wanted.shape, generator=random)
    return found


def published(kind: str, folder: Path, change: Callable[[dict[str, Tensor]], object] = lambda tensors: None) -> Path:
    """The file as its authors publish it."""
    brought = BROUGHT[kind]
    own = values(brought.build())
    tensors = {brought.prefix + name.removeprefix(brought.within): value for name, value in own.items()}
    change(tensors)
    file = folder / kind
    if brought.container:
        torch.save({brought.container: tensors, "epoch": 3}, file)
    else:
        save_file(tensors, file)
    return file


def another(path: Path, name: str = "other") -> Encoder:
    """An encoder of other numbers, and of another name unless told."""
    with safetensors.safe_open(DEFAULT, framework="pt") as file:
        declared = json.loads(file.metadata()[DECLARATION])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    tensors["embedding.bias"] = tensors["embedding.bias"] + 1.0
    save_file(tensors, path, metadata={DECLARATION: json.dumps({**declared, "name": name})})
    return Encoder.load(path)
