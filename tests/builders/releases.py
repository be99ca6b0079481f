"""Releases without the admission's gates: of a folder as it stands, signed with a key of the registry's own folder."""

import shutil
from pathlib import Path

from models.admission.golden import record, typical_cases
from models.errors import BadVersion
from models.files import digest_of, digests_of
from models.load import load_model
from models.registry import Registry
from models.releases import Golden, PrivateKey, Release, ReleaseStore, make_keys
from models.releases.keys import PRIVATE, PUBLIC
from models.releases.place import folder_of
from models.releases.release import now
from models.releases.store import FILE
from models.version import TrainedModel
from service.released import Keys


def release(registry: Registry, name: str, version: str, written: Path, *, at: str = "") -> None:
    """Lets a version serve that was registered from a folder; whatever lies there, also what cannot be loaded."""
    private = private_key(registry)
    files = {path.name: path.read_bytes() for path in written.iterdir()}
    signed = Release(
        name=name,
        version=version,
        digest=digest_of(files),
        files=digests_of(files),
        policy="research",
        report="{}",
        golden=_golden(written, name, version),
        admitted_at=at or now(),
        admitted_by="a test",
    ).signed(private)
    store = store_of(registry)
    store.add(signed)
    store.close()


def copied(registry_folder: Path, folder: Path) -> Registry:
    """A registry that a test may change: the database of another, with its releases and keys."""
    for file in ("mlflow.db", FILE, PRIVATE, PUBLIC):
        shutil.copy(registry_folder / file, folder)
    return Registry(data_folder=folder)


def put(registry: Registry, written: Path, name: str, *, alias: str | None = "champion") -> str:
    """Registers a folder, releases it, and then moves the alias; gives the version."""
    version = registry.register(written, name)
    release(registry, name, version, written)
    if alias:
        registry.alias(name, version, alias)
    return version


def private_key(registry: Registry) -> PrivateKey:
    """Of the registry's folder; made when first asked for."""
    folder = _folder(registry)
    if not (folder / PRIVATE).exists():
        make_keys(folder)
    return PrivateKey.read(folder / PRIVATE)


def store_of(registry: Registry) -> ReleaseStore:
    """Beside the embedded registry."""
    return ReleaseStore(data_folder=_folder(registry))


def keys_of(registry: Registry) -> Keys:
    """As a service reads them."""
    private_key(registry)
    return Keys(_folder(registry) / PUBLIC)


def _folder(registry: Registry) -> Path:
    return folder_of(registry, Path("never used"))


def _golden(written: Path, name: str, version: str) -> tuple[Golden, ...]:
    try:
        model = load_model(written, name, version)
    except BadVersion:
        return ()
    assert isinstance(model, TrainedModel)
    return record(model, typical_cases(model.columns))
