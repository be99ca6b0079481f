"""Published encoders from their own files: every tensor is matched by name, and the file's digest is kept."""

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from features.embedding.brought import BROUGHT, Brought
from features.embedding.network import DECLARATION, fill, load_network
from features.errors import BadEncoder


@dataclass(frozen=True, slots=True)
class Imported:
    """An encoder that was brought."""

    name: str
    identity: str
    dimension: int
    source_digest: str
    """SHA-256 of the file that it came in."""


def import_encoder(file: Path, kind: str, out: Path, *, name: str = "") -> Imported:
    """Reads a published file and writes the encoder as our own: safetensors that declare what they are.

    Args:
        file: As its authors publish it. PyTorch's own format is read by `weights_only`: tensors and no code.
        kind: One of `BROUGHT`: says what the file must hold, tensor by tensor, and how lesions are cut out for it.
        out: The file to write; replaced when it is there.
        name: In the columns' names; the kind where empty.

    Raises:
        BadEncoder: No such kind, another layout, or a tensor that is missing, left over, misshapen or not finite.
    """
    name = name or kind
    if kind not in BROUGHT:
        raise BadEncoder(f"encoder kind {kind!r}; wanted one of {', '.join(sorted(BROUGHT))}", seen=kind)
    if not name.isidentifier():
        raise BadEncoder(f"the name {name[:60]!r} could not stand in a column; wanted letters, digits and _", seen=name)
    brought = BROUGHT[kind]
    digest = _digest(file)
    tensors = _renamed(_contained(_read(file), brought, kind), brought)
    module = brought.build()
    fill(module, tensors)
    declaration = {
        "name": name,
        "architecture": {"kind": kind},
        "preprocessing": brought.patch.declared(),
        "source": brought.source,
        "source_sha256": digest,
    }
    partial = out.with_name(out.name + ".part")
    written = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(written, partial, metadata={DECLARATION: json.dumps(declaration, sort_keys=True)})
    partial.replace(out)
    network = load_network(out)
    return Imported(network.name, network.identity, network.dimension, digest)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BadEncoder("the encoder's file cannot be read") from error


def _read(file: Path) -> object:
    """Safetensors or PyTorch's own, by its first bytes."""
    with file.open("rb") as opened:
        head = opened.read(9)
    try:
        if head[8:9] == b"{":
            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True, mmap=head[:2] == b"PK")
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise BadEncoder(
            "the encoder's file is neither safetensors nor a PyTorch file that holds weights only; wanted one of them"
        ) from error


def _contained(content: object, brought: Brought, kind: str) -> Mapping[str, object]:
    """The mapping from names to tensors."""
    if brought.container:
        content = content.get(brought.container) if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not content:
        where = f" under {brought.container!r}" if brought.container else ""
        raise BadEncoder(f"the file has no tensors{where}; wanted the published file of {kind}", wanted=kind)
    return content


def _renamed(content: Mapping[str, object], brought: Brought) -> dict[str, Tensor]:
    """Under our module's names."""
    tensors: dict[str, Tensor] = {}
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise BadEncoder(f"the file holds a {type(value).__name__} among its tensors; wanted tensors alone")
        if not key.startswith(brought.prefix):
            raise BadEncoder(f"the tensor {key[:80]!r} has no match; wanted names that begin with {brought.prefix!r}")
        tensors[brought.within + key.removeprefix(brought.prefix)] = value
    return tensors
