"""Where and how a server listens: address, TLS, limits of a connection."""

from pathlib import Path

import grpc

from service.errors import SettingsError
from service.settings import Settings


def options(settings: Settings) -> list[tuple[str, int]]:
    """Of the gRPC server."""
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", 0),
        # A connection that broke silently is noticed within half a minute; clients may ask as often themselves.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The server's certificate, and whose client certificates are believed; None for a plain listener.

    Raises:
        SettingsError: A file that cannot be read, or that is no PEM.
    """
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    key = _content(settings.tls_key_file, "tls_key_file")
    certificate = _content(settings.tls_certificate_file, "tls_certificate_file")
    authority = settings.tls_client_ca_file
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=_content(authority, "tls_client_ca_file") if authority else None,
        require_client_auth=authority is not None,
    )


def bind(server: grpc.aio.Server, host: str, port: int, secured: grpc.ServerCredentials | None = None) -> int:
    """Takes an address for a server; gives the port.

    Raises:
        SettingsError: The address is taken or not of this machine, or certificate and key do not fit.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(address, secured) if secured else server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        also = ", and a key that fits its certificate" if secured else ""
        raise SettingsError(f"host and port: cannot listen on {address}; wanted a free address of this machine{also}")
    return bound


def _content(file: Path, setting: str) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: {error.strerror}") from None
    if b"-----BEGIN " not in content:
        raise SettingsError(f"{setting}: {file}: no PEM")
    return content
