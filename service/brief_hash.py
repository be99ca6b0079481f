"""Hashes of a few kilobytes without giving up the interpreter's lock.

`hashlib` gives it up for every content of 2,048 bytes or more; to get it back among busy threads costs more than to
hash that much.
"""

from typing import Protocol

_KEPT = 2047
"""Bytes at a time for which the lock is kept."""
_MOST = 64 * 1024
"""A content of more is worth it."""


class Hasher(Protocol):
    """As much of hashlib's and hmac's objects as it takes."""

    def update(self, content: bytes, /) -> None:
        """Adds bytes."""


def update(hasher: Hasher, content: bytes) -> None:
    """Adds a content; the digest is the same as by `hasher.update`."""
    if len(content) > _MOST:
        hasher.update(content)
        return
    for start in range(0, len(content), _KEPT):
        hasher.update(content[start : start + _KEPT])
