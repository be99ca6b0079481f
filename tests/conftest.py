"""What all tests share: one registry with small models and one server of it, made when first needed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from builders.serving import Service

    from models.registry import Registry

LONGEST = ("tests/test_readme.py", "tests/docs/test_register.py", "tests/models/test_admission.py")
"""Files that two workers had better begin with."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others as they were found."""
    order = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


# Engines are imported by the fixtures that need them: tests of a room load that room.


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without a model, to be copied: MLflow takes ten seconds and 84 migrations to make one."""
    from models.registry import Registry  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("blank")
    assert Registry(data_folder=folder).list() == ()
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def registry_folder(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Path:
    """An MLflow registry on SQLite with the models of `builders.registry`; not to be changed."""
    from builders.registry import filled  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("registry")
    shutil.copy(blank_database, folder)
    filled(folder)
    return folder


@pytest.fixture
def registry(registry_folder: Path, tmp_path: Path) -> "Registry":
    """A copy of it that a test may change."""
    from builders.releases import copied  # noqa: PLC0415

    return copied(registry_folder, tmp_path)


@pytest.fixture(scope="session")
def service(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Service]":
    """A running server with the models of `builders.registry`."""
    from builders.serving import serving  # noqa: PLC0415

    from service.settings import Settings  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("service")
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    with serving(Settings(port=0, data_folder=folder, registry_uri=uri, drain_seconds=1)) as running:
        yield running
