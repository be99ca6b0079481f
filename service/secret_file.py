"""A random secret in a file of its own, made once and readable to its user only."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

BYTES = 32


def secret_of(path: Path) -> bytes:
    """What the file holds; made where there is none, whole or not at all, also when several processes start at once."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_bytes()
