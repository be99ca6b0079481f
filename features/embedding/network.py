"""A network with its weights: built from a safetensors file that declares it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import safetensors
import torch
from torch import Tensor, nn

from features.embedding.brought import BROUGHT
from features.embedding.crop import CHANNELS, CropView
from features.embedding.masked_pyramid import MaskedPyramid, Widths
from features.embedding.patch import KIND as PATCH_KIND
from features.embedding.patch import Patch
from features.embedding.preprocessing import Preprocessing
from features.embedding.view import View
from features.errors import BadEncoder

DECLARATION = "radresponse.encoder"
"""Key of the metadata: JSON with `name`, `architecture`, `preprocessing`, `dimension` and `recipe`."""
_WIDEST = 512


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """What an encoder runs: its weights in the host's memory, float32."""

    name: str
    identity: str
    dimension: int
    view: View
    module: nn.Module


def load_network(path: Path) -> Network:
    """Reads an encoder's file.

    Raises:
        BadEncoder: No safetensors, no declaration, another architecture, or tensors that do not fit.
    """
    declaration, tensors = _read(path)
    architecture = _mapping(declaration, "architecture")
    view = view_of(_mapping(declaration, "preprocessing"))
    module = _build(architecture)
    fill(module, tensors)
    return Network(
        name=str(declaration.get("name", "")),
        identity=_identity(tensors, architecture, view),
        dimension=dimension_of(architecture),
        view=view,
        module=module.eval().requires_grad_(False),
    )


def declared(path: Path) -> Mapping[str, object]:
    """What an encoder's file says of itself: name, architecture, preprocessing, and where it comes from.

    Raises:
        BadEncoder: No safetensors, or no declaration.
    """
    return _read(path)[0]


def view_of(declared: Mapping[str, object]) -> View:
    """The preprocessing that an encoder's file declares.

    Raises:
        BadEncoder: Another kind, or a value outside its range.
    """
    if declared.get("kind") == PATCH_KIND:
        return Patch.parse(declared)
    return CropView(Preprocessing.parse(declared))


def dimension_of(architecture: Mapping[str, object]) -> int:
    """Length of the embedding of a declared architecture; known without torch's help."""
    kind = architecture.get("kind")
    return BROUGHT[kind].dimension if isinstance(kind, str) and kind in BROUGHT else int(str(architecture["embedding"]))


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values, whatever order a file has them in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu").contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[Mapping[str, object], dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except (safetensors.SafetensorError, OSError) as error:
        raise BadEncoder("the encoder's file cannot be read as safetensors; wanted a whole one") from error
    return _declaration(metadata), tensors


def _identity(tensors: Mapping[str, Tensor], architecture: Mapping[str, object], view: View) -> str:
    parts = {
        "weights": digest_of(tensors),
        "architecture": dict(architecture),
        "preprocessing": view.declared(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _masked_pyramid(architecture: Mapping[str, object]) -> nn.Module:
    declared = {name: value for name, value in architecture.items() if name != "kind"}
    wanted = Widths().declared()
    if set(declared) != set(wanted):
        raise BadEncoder(
            f"the architecture declares {sorted(declared)}; wanted {sorted(wanted)}",
            seen=sorted(declared),
            wanted=sorted(wanted),
        )
    widths = {}
    for name, value in declared.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _WIDEST:
            raise BadEncoder(f"the architecture's {name} is {value!r}; wanted 1 to {_WIDEST}", name=name)
        widths[name] = value
    with torch.device("meta"):
        return MaskedPyramid(Widths(**widths), CHANNELS)


def _brought(architecture: Mapping[str, object]) -> nn.Module:
    if set(architecture) != {"kind"}:
        raise BadEncoder(f"the architecture declares {sorted(architecture)}; wanted kind alone")
    return BROUGHT[str(architecture["kind"])].build()


ARCHITECTURES: Mapping[str, Callable[[Mapping[str, object]], nn.Module]] = MappingProxyType(
    {"masked_pyramid/1": _masked_pyramid, **dict.fromkeys(BROUGHT, _brought)}
)
"""From the declared `kind` to an empty module."""


def _build(architecture: Mapping[str, object]) -> nn.Module:
    kind = architecture.get("kind")
    build = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    if build is None:
        raise BadEncoder(f"architecture {kind!r}; wanted one of {sorted(ARCHITECTURES)}", seen=kind)
    return build(architecture)


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Every tensor must match, by name, shape and type; none may be left over."""
    wanted = module.state_dict()
    problems = [f"{name} is missing" for name in sorted(set(wanted) - set(tensors))]
    problems += [f"{name} is not part of the network" for name in sorted(set(tensors) - set(wanted))]
    for name in sorted(set(tensors) & set(wanted)):
        tensor = tensors[name]
        if tensor.shape != wanted[name].shape:
            problems.append(f"{name} is {tuple(tensor.shape)}, wanted {tuple(wanted[name].shape)}")
        elif tensor.dtype != wanted[name].dtype:
            problems.append(f"{name} is {tensor.dtype}, wanted {wanted[name].dtype}")
        elif not bool(torch.isfinite(tensor).all()):
            problems.append(f"{name} holds values that are not finite")
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise BadEncoder(f"the encoder's weights do not fit: {shown}", unmatched=len(problems))
    module.load_state_dict(dict(tensors), strict=True, assign=True)


def _declaration(metadata: Mapping[str, str]) -> Mapping[str, object]:
    try:
        declared = json.loads(metadata[DECLARATION])
    except (KeyError, ValueError) as error:
        raise BadEncoder(f"the encoder's file has no readable metadata {DECLARATION}") from error
    if not isinstance(declared, dict) or not str(declared.get("name", "")).isidentifier():
        raise BadEncoder("the encoder's declaration has no name that could stand in a column")
    return declared


def _mapping(declaration: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = declaration.get(key)
    if not isinstance(part, dict):
        raise BadEncoder(f"the encoder's declaration has no {key}", wanted=key)
    return part
