"""How the service is reached: plain on this machine, TLS to any other; the caller's token goes with each call."""

from pathlib import Path

import grpc

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
"""Of one message that comes back; those that we send stay below 4 MiB."""

_LOOPBACK = ("localhost", "127.", "::1", "ipv4:127.", "ipv6:[::1]", "unix:", "[::1]")


def open_channel(
    address: str,
    *,
    token: str | None,
    ca_file: str | Path | None,
    certificate_file: str | Path | None,
    key_file: str | Path | None,
    tls: bool | None,
) -> grpc.Channel:
    """A channel to the service; no connection is made before the first call.

    Args:
        address: Host and port.
        token: Only to learn whether one will be sent.
        ca_file: PEM of who signed the service's certificate; the system's own authorities where None.
        certificate_file: PEM of this client's certificate, together with `key_file`.
        key_file: PEM of its key.
        tls: None for TLS wherever a file is given or the address is another machine.

    Raises:
        ValueError: A certificate without its key or the reverse, or a token in the clear to another machine.
        OSError: A file that cannot be read.
    """
    if (certificate_file is None) != (key_file is None):
        raise ValueError("a client certificate and its key go together; one of them is missing")
    local = address.startswith(_LOOPBACK)
    secure = tls if tls is not None else (ca_file is not None or certificate_file is not None or not local)
    options = (
        ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5000),
        ("grpc.enable_retries", 0),  # ours honour RetryInfo: `retry`
    )
    if not secure:
        if token is not None and not local:
            raise ValueError(f"a token is not sent in the clear to {address}; wanted TLS (a CA file, or tls=True)")
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_bytes(ca_file), private_key=_bytes(key_file), certificate_chain=_bytes(certificate_file)
    )
    return grpc.secure_channel(address, credentials, options=options)


def _bytes(file: str | Path | None) -> bytes | None:
    return None if file is None else Path(file).read_bytes()
