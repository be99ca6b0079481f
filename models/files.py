"""The files of a model version: each on a list, a plain file and not too large; read once, and digested."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from models import applicability, reference
from models.errors import BadSignature, BrokenFile, ForbiddenFile
from models.manifest import FILE
from models.package import CARD
from models.registry.mlmodel import MLMODEL

MIB = 2**20
EXAMPLE = "input_example.json"
WRITTEN_BY_MLFLOW = frozenset(
    {
        MLMODEL,
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        EXAMPLE,
        "serving_input_example.json",
        "registered_model_meta",
    }
)
"""Taken into the version's digest, and never acted on."""
BROUGHT = ("model.ubj", "model.json", "model.onnx", "lifelines.json")
"""What a version that our trainer did not make may hold beside them; and tensors of an ONNX file."""
TENSORS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.data")

_LARGEST = {FILE: 16 * MIB, applicability.FILE: 16 * MIB, CARD: MIB, "model.onnx": 256 * MIB}
_LARGEST_BY_MLFLOW = 4 * MIB
_LARGEST_DATA = 64 * MIB
_LARGEST_TENSORS = 256 * MIB
_PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".sav")
_WHY: tuple[tuple[Callable[[str], bool], str], ...] = (
    (
        lambda name: name.endswith(".pt2"),
        "torch.export.load runs code from a pt2 file; export the network to ONNX instead: "
        "mlflow.onnx.log_model(torch.onnx.export(network, example, dynamo=True).model_proto, ...)",
    ),
    (lambda name: name.endswith((".pt", ".pth", ".ckpt")), "a torch file is a pickle, which runs code when it is read"),
    (lambda name: name.endswith(_PICKLES), "a pickle runs code when it is read"),
    (lambda name: name.endswith((".gz", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst")), "packed files are not opened"),
    (lambda name: name in ("code", "loader.py") or name.endswith((".py", ".so")), "code of a version is never run"),
    (lambda name: name == "data", "data files lie in the version's own folder"),
)


def read_all(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, once each one's name, kind and size are allowed.

    Raises:
        ForbiddenFile: A pickle, code, a link, a folder, or a file that is not on the list; by name.
        BrokenFile: Too large, or not to be read.
        BadSignature: Our trainer's files without their manifest.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise BrokenFile("the version's folder cannot be read") from error
    if FILE not in names and {CARD, applicability.FILE}.intersection(names):
        raise BadSignature(f"the version has no {FILE}; wanted what `python -m models train` writes")
    allowed = allowed_names(names)
    for name in names:
        if name not in allowed and not (FILE not in names and TENSORS.fullmatch(name)):
            raise forbidden(name, allowed)
    return {name: _read(folder / name) for name in names}


def allowed_names(names: Collection[str]) -> frozenset[str]:
    """What a version may hold: what our trainer writes, where there is a manifest; else what people bring."""
    if FILE not in names:
        return WRITTEN_BY_MLFLOW.union(BROUGHT)
    from models.families.all import FAMILIES  # noqa: PLC0415 - loads the engines

    of_families = (name for family in FAMILIES.values() for name in family.files)
    return WRITTEN_BY_MLFLOW.union((FILE, CARD, applicability.FILE, reference.FILE), of_families)


def forbidden(name: str, allowed: Collection[str]) -> ForbiddenFile:
    """Says of a file that it may not be there, and why where that is known."""
    why = next((f" ({why})" for holds, why in _WHY if holds(name.lower())), "")
    return ForbiddenFile(
        f"{name[:80]!r} is not among the files that a version may hold{why}", file=name[:80], wanted=sorted(allowed)
    )


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file, by name, sorted."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the names and SHA-256 digests of all files, sorted by name: `<digest>  <name>` a line."""
    lines = [f"{digest}  {name}\n" for name, digest in digests_of(files).items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(path: Path) -> bytes:
    if path.name in WRITTEN_BY_MLFLOW:
        largest = _LARGEST_BY_MLFLOW
    elif TENSORS.fullmatch(path.name):
        largest = _LARGEST_TENSORS
    else:
        largest = _LARGEST.get(path.name, _LARGEST_DATA)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ForbiddenFile(f"{path.name} is a link, or cannot be opened; wanted a plain file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ForbiddenFile(f"{path.name} is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise BrokenFile(f"{path.name} is larger than {largest} bytes", file=path.name, largest=largest)
    return content
