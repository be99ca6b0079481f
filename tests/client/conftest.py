"""Servers that the client's tests call."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.servers import image_server
from builders.serving import Service

from service.server import RunningServer
from service.settings import Settings


@pytest.fixture
def address(service: Service) -> str:
    """Of a server with models."""
    return f"127.0.0.1:{service.server.port}"


@pytest.fixture
def images(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that keeps images and loads no engine."""
    with image_server(Settings(port=0, data_folder=tmp_path / "data", drain_seconds=1)) as running:
        yield running


@pytest.fixture
def images_address(images: RunningServer) -> str:
    """Of that server."""
    return f"127.0.0.1:{images.port}"
