"""Uploads arrive whole, once, and go on where they were broken off."""

import hashlib
import os
from pathlib import Path

import grpc
import pytest
from builders.wires import wire

from radresponse.client import Client, Patience, RadResponseError
from service.server import RunningServer

SIZE = 6 * 1024 * 1024 + 17


def some_bytes(size: int = SIZE) -> bytes:
    return os.urandom(size)


def test_a_file_is_named_by_its_digest_and_reported_to_the_end(images_address: str, tmp_path: Path) -> None:
    content = some_bytes()
    (tmp_path / "ct.nrrd").write_bytes(content)
    seen: list[tuple[int, int]] = []
    with Client(images_address) as client:
        digest = client.upload("p-1", tmp_path / "ct.nrrd", progress=lambda done, size: seen.append((done, size)))
    assert digest == hashlib.sha256(content).hexdigest()
    assert seen == sorted(seen)
    assert seen[-1] == (SIZE, SIZE)
    assert len(seen) > SIZE // (512 * 1024)


def test_the_same_file_again_sends_nothing(images_address: str) -> None:
    content = some_bytes()
    with wire(images_address) as line, Client(line.address) as client:
        first = client.upload("p-1", content)
        sent = line.bytes_from_client
        assert client.upload("p-1", content) == first
    assert line.bytes_from_client - sent < 10_000


def test_a_broken_off_upload_goes_on_where_it_stopped(images: RunningServer, images_address: str) -> None:
    content = some_bytes()
    patience = Patience(first_wait_seconds=0.2)
    with wire(images_address, 0.003) as line, Client(line.address, patience=patience) as client:
        line.cut_after(SIZE // 3, SIZE // 3)
        digest = client.upload("p-1", content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert line.bytes_from_client < 1.5 * SIZE
    answered = {"method": "radresponse.v1.ImageService/UploadImage", "code": "OK"}
    assert images.metrics.registry.get_sample_value("radresponse_calls_total", answered) == 1


def test_an_upload_that_never_gets_further_ends_with_its_error(images_address: str) -> None:
    with (
        wire(images_address) as line,
        Client(line.address, patience=Patience(attempts=2, first_wait_seconds=0.02)) as client,
        pytest.raises(RadResponseError) as caught,
    ):
        line.cut_after(*[2000] * 50)
        client.upload("p-1", some_bytes())
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_file_that_the_server_does_not_take_is_refused_at_once(images_address: str) -> None:
    with Client(images_address) as client, pytest.raises(RadResponseError) as caught:
        client.upload("not a pseudonym!", b"some bytes")
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.field


def test_a_deleted_subject_holds_nothing(images_address: str) -> None:
    with Client(images_address) as client:
        client.upload("p-1", b"one")
        client.upload("p-1", b"another")
        client.upload("p-2", b"one")
        assert client.delete_subject("p-1").deleted_images == 2
        assert client.delete_subject("p-1").deleted_images == 0
        assert client.delete_subject("p-2").deleted_bytes == 3


def test_a_server_that_is_not_there_is_named() -> None:
    patience = Patience(attempts=2, first_wait_seconds=0.01)
    with Client("127.0.0.1:1", patience=patience) as client, pytest.raises(RadResponseError) as caught:
        client.upload("p-1", b"bytes")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.message.startswith("no answer from 127.0.0.1:1")
