"""`list` and `show`: what the registry holds."""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from models.errors import ModelNotFound
from models.registry import RegisteredVersion, Registry
from models.registry.encoders import FILE, TAG
from models.show import print_card, print_models


def run_list(chosen: argparse.Namespace) -> None:
    """Prints a line a model."""
    print_models(Registry(chosen.registry, data_folder=chosen.data).list())


def run_show(chosen: argparse.Namespace) -> None:
    """Fetches a version, checks it as the service does, and prints its card; of an encoder, what it declares."""
    from models.load import load_model  # noqa: PLC0415 - engines, which a list does not need

    registry = Registry(chosen.registry, data_folder=chosen.data)
    versions = registry.versions(chosen.name)
    wanted = _version(versions, chosen.name, chosen.version)
    if wanted.tags.get("radresponse.kind") == "encoder":
        _show_encoder(registry, wanted)
        return
    with TemporaryDirectory() as folder:
        model = load_model(
            registry.fetch(chosen.name, wanted.version, Path(folder) / "model"), chosen.name, wanted.version
        )
    print_card(wanted, model.digest, model.card)


def _show_encoder(registry: Registry, version: RegisteredVersion) -> None:
    from features.embedding.network import declared, load_network  # noqa: PLC0415 - torch takes seconds to import

    with TemporaryDirectory() as folder:
        file = registry.fetch(version.name, version.version, Path(folder) / "encoder") / FILE
        network, said = load_network(file), declared(file)
    print(f"{version.name} version {version.version}, an encoder of {network.dimension} numbers")
    print(f"columns: embedding.<scan>.<when>.<lesions>.{network.name}.0 to .{network.dimension - 1}")
    print(f"identity: {network.identity}")
    if network.identity != version.tags.get(TAG):
        print(f"WARNING: it was registered as {version.tags.get(TAG)}; nothing is served with it", file=sys.stderr)
    for part in ("architecture", "preprocessing", "source", "source_sha256", "recipe"):
        if part in said:
            print(f"{part}: {said[part] if isinstance(said[part], str) else json.dumps(said[part])}")


def _version(versions: tuple[RegisteredVersion, ...], name: str, version: str | None) -> RegisteredVersion:
    if version is None:
        champion = (one for one in versions if "champion" in one.aliases)
        found = next(champion, versions[0] if versions else None)
    else:
        found = next((one for one in versions if one.version == version), None)
    if found is None:
        known = ", ".join(one.version for one in versions[:20]) or "none"
        raise ModelNotFound(f"{name} has no version {version or ''}; there are: {known}", name=name, version=version)
    return found
