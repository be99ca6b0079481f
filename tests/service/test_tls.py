"""TLS and client certificates over a real socket, with certificates made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from builders.certificates import Authority, Certificate
from builders.servers import image_server, refused
from grpc_health.v1 import health_pb2, health_pb2_grpc

from radresponse.v1.image_pb2 import DeleteSubjectRequest
from radresponse.v1.image_pb2_grpc import ImageServiceStub
from service.errors import SettingsError
from service.settings import Settings
from service.tokens import add_token, new_token

DELETE = DeleteSubjectRequest(subject="p1")
UNAVAILABLE, UNAUTHENTICATED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED


@dataclass(frozen=True)
class Secured:
    """A server with TLS, and who signs what it believes."""

    port: int
    health_port: int
    authority: Authority
    token: str

    @contextmanager
    def channel(self, client: Certificate | None = None, root: bytes | None = None) -> Iterator[grpc.Channel]:
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate if root is None else root,
            client.key if client else None,
            client.certificate if client else None,
        )
        with grpc.secure_channel(f"localhost:{self.port}", credentials) as channel:
            yield channel

    def delete(self, client: Certificate | None = None, *, root: bytes | None = None, token: str = "") -> None:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        with self.channel(client, root) as channel:
            ImageServiceStub(channel).DeleteSubject(DELETE, timeout=5, metadata=metadata)


@contextmanager
def secured(folder: Path, *, certificates: dict[str, tuple[str, ...]] | None) -> Iterator[Secured]:
    """With client certificates, or with none of them, and one token."""
    authority = Authority()
    (folder / "ca.crt").write_bytes(authority.certificate)
    certificate, key = authority.server().write(folder, "server")
    secret, token = new_token("token-caller", ("predict",))
    add_token(folder / "tokens.yaml", token)
    settings = Settings(
        host="0.0.0.0",  # noqa: S104 - as it is refused without all this
        port=0,
        data_folder=folder / "data",
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_client_ca_file=None if certificates is None else folder / "ca.crt",
        client_certificates=certificates or {},
        tokens_file=folder / "tokens.yaml",
        drain_seconds=1,
    )
    with image_server(settings) as running:
        yield Secured(running.port, running.health_port, authority, secret)


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    roles = {"clinic": ("predict", "read"), "reader": ("read",)}
    with secured(tmp_path_factory.mktemp("mutual"), certificates=roles) as server:
        yield server


@pytest.fixture(scope="module")
def one_sided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("one"), certificates=None) as server:
        yield server


def test_a_known_client_certificate_gets_in(mutual: Secured) -> None:
    mutual.delete(mutual.authority.client("clinic"))


def test_a_certificate_without_the_role_is_denied(mutual: Secured) -> None:
    refusal = refused(mutual.delete, mutual.authority.client("reader"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def test_a_certificate_of_a_name_without_roles_is_refused(mutual: Secured) -> None:
    assert refused(mutual.delete, mutual.authority.client("stranger")).code is UNAUTHENTICATED


def test_no_certificate_does_not_even_connect(mutual: Secured) -> None:
    assert refused(mutual.delete, None, token=mutual.token).code is UNAVAILABLE


def test_a_certificate_of_another_authority_does_not_even_connect(mutual: Secured) -> None:
    """Not even one of the same names."""
    other = Authority()
    assert refused(mutual.delete, other.client("clinic"), token=mutual.token).code is UNAVAILABLE


def test_a_servers_certificate_is_no_clients(mutual: Secured) -> None:
    assert refused(mutual.delete, mutual.authority.server()).code is UNAVAILABLE


def test_a_token_names_the_caller_whatever_the_certificate(mutual: Secured) -> None:
    mutual.delete(mutual.authority.client("stranger"), token=mutual.token)
    assert refused(mutual.delete, mutual.authority.client("clinic"), token="rr_wrong").code is UNAUTHENTICATED


def test_with_tokens_alone_no_certificate_is_needed(one_sided: Secured) -> None:
    one_sided.delete(token=one_sided.token)
    assert refused(one_sided.delete).code is UNAUTHENTICATED
    assert refused(one_sided.delete, one_sided.authority.client("clinic")).code is UNAUTHENTICATED


def test_a_client_that_trusts_another_authority_does_not_talk(one_sided: Secured) -> None:
    assert refused(one_sided.delete, root=Authority().certificate, token=one_sided.token).code is UNAVAILABLE


def test_a_plain_client_does_not_get_in(one_sided: Secured) -> None:
    with grpc.insecure_channel(f"localhost:{one_sided.port}") as channel:
        call = ImageServiceStub(channel).DeleteSubject
        metadata = (("authorization", f"Bearer {one_sided.token}"),)
        assert refused(call, DELETE, timeout=5, metadata=metadata).code is UNAVAILABLE


def test_health_is_open_over_tls(one_sided: Secured) -> None:
    with one_sided.channel() as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # of its stubs
        assert check(health_pb2.HealthCheckRequest(), timeout=5).status == health_pb2.HealthCheckResponse.SERVING


def test_files_that_are_missing_or_no_certificates_are_refused_by_name(tmp_path: Path) -> None:
    certificate, key = Authority().server().write(tmp_path, "server")
    (tmp_path / "text").write_text("no PEM")
    for wrong in (tmp_path / "missing", tmp_path / "text"):
        settings = Settings(port=0, data_folder=tmp_path, tls_certificate_file=certificate, tls_key_file=wrong)
        with pytest.raises(SettingsError, match="tls_key_file"), image_server(settings):
            pass
    other = Authority().server().write(tmp_path, "other")[1]
    settings = Settings(port=0, data_folder=tmp_path, tls_certificate_file=certificate, tls_key_file=other)
    with pytest.raises(SettingsError, match="key"), image_server(settings):
        pass
    settings = Settings(port=0, data_folder=tmp_path, tls_certificate_file=certificate, tls_key_file=key)
    with image_server(settings) as running:
        assert running.port
