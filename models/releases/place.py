"""Where releases are kept when nothing is said: beside an embedded registry, else in the data folder."""

from pathlib import Path

from models.registry import Registry


def folder_of(registry: Registry, data_folder: Path) -> Path:
    """The folder of `releases.db` and of the keys.

    An embedded registry is a file of this machine, written by whoever trains and admits here; a registry that
    others write to has no say in where its releases lie.
    """
    if registry.uri.startswith("sqlite:///"):
        return Path(registry.uri.removeprefix("sqlite:///")).absolute().parent
    return data_folder
