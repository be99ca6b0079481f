"""Ed25519 keys of those who admit: they hold the private one, a service only public ones.

Source: RFC 8032; keys as PEM (PKCS 8, SubjectPublicKeyInfo), as openssl reads and writes them.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from models.errors import BadKey, BadRelease

PRIVATE, PUBLIC = "release.key", "release.pub"
"""Names of the files in the folder of `make_keys`."""
_CONTEXT = b"radresponse release\n"
"""So that nothing else that a key signs passes for a release."""
_LARGEST = 64 * 1024
_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class PrivateKey:
    """Of one who admits."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.identity = _identity(key.public_key())

    @classmethod
    def read(cls, file: Path) -> "PrivateKey":
        """From its PEM file.

        Raises:
            BadKey: No such file, open to others, or no Ed25519 key.
        """
        content = _content(file, "private")
        if file.stat().st_mode & 0o077:
            raise BadKey(f"{file.name}: others than its owner may read the private key; wanted chmod 600")
        try:
            key = load_pem_private_key(content, password=None)
        except (ValueError, TypeError) as error:
            raise BadKey(f"{file.name} holds no private key in PEM without a password") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey(f"{file.name} holds another kind of key; wanted Ed25519")
        return cls(key)

    def sign(self, content: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(_CONTEXT + content)


class PublicKeys:
    """Of all whose releases may serve."""

    def __init__(self, keys: Sequence[Ed25519PublicKey]) -> None:
        self._keys = tuple(keys)
        self.identities = tuple(_identity(key) for key in keys)

    @classmethod
    def read(cls, file: Path) -> "PublicKeys":
        """From a PEM file with one key or several.

        Raises:
            BadKey: No such file, or not Ed25519 keys alone.
        """
        content = _content(file, "public")
        try:
            keys = [load_pem_public_key(block) for block in _BLOCK.findall(content)]
        except ValueError as error:
            raise BadKey(f"{file.name} holds no public key in PEM") from error
        found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
        if not found or len(found) != len(keys):
            raise BadKey(f"{file.name} holds {len(found)} Ed25519 keys of {len(keys)}; wanted public Ed25519 keys")
        return cls(found)

    def verify(self, content: bytes, signature: bytes) -> None:
        """Passes when one of the keys signed the content.

        Raises:
            BadRelease: None did.
        """
        for key in self._keys:
            try:
                return key.verify(signature, _CONTEXT + content)
            except InvalidSignature:
                continue
        raise BadRelease("no key that this service knows signed the release", known=", ".join(self.identities))


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Makes a pair of keys in a folder; gives the files of the private and of the public one.

    Raises:
        BadKey: There are keys already: they are never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / PRIVATE, folder / PUBLIC
    if private.exists() or public.exists():
        raise BadKey(f"there is a {PRIVATE} or {PUBLIC} already; wanted a folder without keys")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def _content(file: Path, which: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST)
    except OSError as error:
        raise BadKey(
            f"{file.name}: {error.strerror}; wanted the {which} key, as `python -m models keys` makes it"
        ) from error


def _identity(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
