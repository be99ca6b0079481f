"""Keyed pseudonyms: what stands for a patient or a UID, the same every time under one key, and without it nothing.

HMAC-SHA256, source: RFC 2104. The key lies in a file of its own, outside the data that it hides.
"""

import base64
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from features.errors import BadPseudonymKey

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """All that are made under one key."""

    key: bytes = field(repr=False)

    @classmethod
    def of_file(cls, path: Path, *apart_from: Path) -> "Pseudonyms":
        """The key in a file, which is made, readable to its user alone, where there is none.

        Args:
            path: The file.
            apart_from: Folders that it must not lie in: who has the data must not have the key with it.

        Raises:
            BadPseudonymKey: It lies there, or is no key.
        """
        place = path.resolve()
        if any(place.is_relative_to(folder.resolve()) for folder in apart_from):
            raise BadPseudonymKey("the key would lie with the data that it hides; wanted a place outside of them")
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
        if len(key) < KEY_BYTES:
            raise BadPseudonymKey(
                f"the key has {len(key)} bytes; wanted {KEY_BYTES} or more, or a file that is not there yet"
            )
        return cls(key)

    def patient(self, identifier: str) -> str:
        """What stands for a patient: 20 letters and digits, a pseudonym as the service takes it."""
        return "p" + base64.b32encode(self._digest("patient", identifier)[:12]).decode().lower().rstrip("=")[:19]

    def uid(self, uid: str) -> str:
        """A UID that stands for another, so that what belongs together still does (PS3.5, B.2)."""
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def keyed(self, kind: str, text: str) -> str:
        """What stands for anything else, 64 hexadecimal digits.

        Args:
            kind: Keeps the same text of two kinds apart; neither `patient` nor `uid`.
            text: What is hidden.
        """
        return self._digest(kind, text).hex()

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.key, f"{kind}:{text}".encode(), "sha256")
