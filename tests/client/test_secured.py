"""The client shows a token or a certificate over TLS, and trusts only whom it was told to."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from builders.certificates import Authority
from builders.servers import image_server

from radresponse.cli import main
from radresponse.client import Client, Patience, RadResponseError
from service.settings import Settings
from service.tokens import add_token, new_token

ONCE = Patience(attempts=1)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and token of a server that wants either a token or the certificate of `ward`."""
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    certificate, key = authority.server().write(tmp_path, "server")
    authority.client("ward").write(tmp_path, "ward")
    secret, token = new_token("oncology", ("predict",))
    add_token(tmp_path / "tokens.yaml", token)
    settings = Settings(
        port=0,
        data_folder=tmp_path / "data",
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_client_ca_file=tmp_path / "ca.crt",
        client_certificates={"ward": ("predict",)},
        tokens_file=tmp_path / "tokens.yaml",
        drain_seconds=1,
    )
    with image_server(settings) as running:
        yield f"localhost:{running.port}", secret


def ward(address: str, folder: Path, token: str | None = None) -> Client:
    """A client with the ward's certificate."""
    return Client(
        address,
        token=token,
        ca_file=folder / "ca.crt",
        certificate_file=folder / "ward.crt",
        key_file=folder / "ward.key",
        patience=ONCE,
    )


def test_a_certificate_opens_the_door(secured: tuple[str, str], tmp_path: Path) -> None:
    with ward(secured[0], tmp_path) as client:
        assert client.upload("p-1", b"bytes")


def test_a_token_goes_with_every_call(secured: tuple[str, str], tmp_path: Path) -> None:
    address, token = secured
    with ward(address, tmp_path, token) as client:
        assert client.upload("p-1", b"bytes")
    with ward(address, tmp_path, "wrong") as client, pytest.raises(RadResponseError) as caught:
        client.upload("p-1", b"bytes")
    assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_server_that_another_authority_signed_is_not_trusted(secured: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "other.crt").write_bytes(Authority().certificate)
    with (
        Client(secured[0], ca_file=tmp_path / "other.crt", patience=ONCE) as client,
        pytest.raises(RadResponseError) as caught,
    ):
        client.delete_subject("p-1")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_the_command_takes_a_token_from_a_file_or_the_environment(
    secured: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address, token = secured
    (tmp_path / "token").write_text(f"{token}\n")
    words = ["delete-subject", "p-1", "--server", address, "--ca", str(tmp_path / "ca.crt")]
    words += ["--cert", str(tmp_path / "ward.crt"), "--key", str(tmp_path / "ward.key")]
    assert main([*words, "--token-file", str(tmp_path / "token")]) == 0
    monkeypatch.setenv("RADRESPONSE_TOKEN", token)
    assert main(words) == 0
    monkeypatch.setenv("RADRESPONSE_TOKEN", "wrong")
    assert main(words) == 3
    assert "UNAUTHENTICATED" in capsys.readouterr().err
