"""Encoders as registered versions of their own, found again by what they are: their identity."""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from features.errors import FeatureError
from models.errors import BadVersion, ModelNotFound
from models.registry import quiet
from models.registry.store import Registry

FILE = "encoder.safetensors"
TAG = "radresponse.encoder"
"""Tag of the version: the encoder's identity. It only says where to look: what is loaded is digested again."""
PREFIX = "encoder-"

KEPT = "encoders"
"""Folder of the data folder: a folder an encoder, by identity."""

_URI = re.compile(r"models:/(encoder-[A-Za-z0-9_]{1,100})/([0-9]{1,12}|latest)")
_IDENTITY = re.compile(r"[0-9a-f]{64}")


def register_encoder(registry: Registry, file: Path, name: str, identity: str, description: str = "") -> str:
    """Registers an encoder's file as the next version of `encoder-<name>`; the same encoder twice is one version.

    Args:
        registry: Where to.
        file: As `features.embedding.encoder` reads it.
        name: Of the encoder, as in its columns.
        identity: As the loaded encoder has it.
        description: Shown beside the version.

    Returns:
        The version.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    registered = f"{PREFIX}{name}"
    known = [version for model, version in registry.tagged(TAG, identity) if model == registered]
    if known:
        return known[0]
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        folder.mkdir()
        shutil.copyfile(file, folder / FILE)
        _write_mlmodel(folder, name, identity)
        tags = {TAG: identity, "radresponse.kind": "encoder"}
        return registry.register(folder, registered, tags=tags, description=description)


def fetch_encoder(registry: Registry, identity: str, folder: Path) -> Path:
    """The file of the encoder with this identity.

    Args:
        registry: Where to look.
        identity: 64 hexadecimal digits.
        folder: For the file; made, and must not exist.

    Raises:
        ModelNotFound: None is registered.
        RegistryUnavailable: MLflow does not answer.
    """
    found = registry.tagged(TAG, identity) if _IDENTITY.fullmatch(identity) else []
    if not found:
        raise ModelNotFound(
            f"no registered encoder has the identity {identity[:12]}; wanted one that "
            "`python -m models encoder import` registered",
            encoder=identity,
        )
    name, version = found[0]
    return registry.fetch(name, version, folder) / FILE


def keep_encoder(registry: Registry, uri: str, data: Path) -> Path:
    """The file of a registered encoder under the data folder, loaded once to see that it is what it was registered as.

    Args:
        registry: Where it is registered.
        uri: `models:/encoder-NAME/VERSION`, or `latest` for the version.
        data: The data folder.

    Raises:
        ModelNotFound: No such version, or it is no encoder.
        BadVersion: Its file is damaged, or another encoder's.
        RegistryUnavailable: MLflow does not answer.
    """
    from features.embedding.network import load_network  # noqa: PLC0415 - torch takes seconds to import

    matched = _URI.fullmatch(uri)
    if matched is None:
        raise ModelNotFound(f"seen {uri[:80]!r}; wanted models:/encoder-NAME/VERSION, or latest for the version")
    name, wanted = matched.groups()
    versions = registry.versions(name)
    found = next((one for one in versions if wanted in ("latest", one.version)), None)
    identity = found.tags.get(TAG, "") if found is not None else ""
    if found is None or not _IDENTITY.fullmatch(identity):
        known = ", ".join(one.version for one in versions[:20]) or "none"
        raise ModelNotFound(f"{name} has no version {wanted} that is an encoder; there are: {known}", name=name)
    folder = data / KEPT / identity
    if not (folder / FILE).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        registry.fetch(name, found.version, folder)
    try:
        seen = load_network(folder / FILE).identity
    except FeatureError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadVersion(f"{name} version {found.version} cannot be loaded: {error}", wanted=identity) from error
    if seen != identity:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadVersion(
            f"{name} version {found.version} holds the encoder {seen[:12]}; it was registered as {identity[:12]}",
            wanted=identity,
            seen=seen,
        )
    return folder / FILE


def _write_mlmodel(folder: Path, name: str, identity: str) -> None:
    from mlflow.models import Model  # noqa: PLC0415 - seconds to import

    quiet.after_import()
    flavors = {"radresponse_encoder": {"name": name, "identity": identity, "file": FILE}}
    Model(model_uuid=identity[:32], flavors=flavors, metadata={TAG: identity}).save(str(folder / "MLmodel"))
