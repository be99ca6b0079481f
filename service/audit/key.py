"""The key of an audit: what stands for a patient, for an answer, and what seals a row; HMAC-SHA256 throughout.

Who can write to the store but has not the key can neither make a row that fits nor tell a patient from a pseudonym.
Services that share a store share the key.
"""

import hmac
from pathlib import Path

from service.brief_hash import update
from service.errors import SettingsError
from service.secret_file import secret_of

FEWEST_BYTES = 16


class Key:
    """One secret, put to several uses that cannot be taken for each other."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(
            secret, digestmod="sha256"
        )  # copied for each use: to take the key in costs ten times that

    @classmethod
    def of(cls, path: Path, *, make: bool = True) -> "Key":
        """Of a file, made where there is none unless it must be there.

        Raises:
            SettingsError: It cannot be read or made, or is too short to be a secret.
        """
        try:
            secret = secret_of(path) if make else path.read_bytes()
        except OSError as error:
            raise SettingsError(f"audit_key_file: {path}: {error.strerror}") from None
        if len(secret) < FEWEST_BYTES:
            raise SettingsError(f"audit_key_file: {path}: {len(secret)} bytes; wanted {FEWEST_BYTES} or more, random")
        return cls(secret)

    def pseudonym(self, subject: str) -> str:
        """What stands for a patient in a row; the same for all callers."""
        return self._digest("subject", subject.encode())

    def holder(self, caller: str, subject: str) -> str:
        """What stands for a caller's own patient; the length keeps (a, bc) and (ab, c) apart."""
        return self._digest("holder", f"{len(caller)}:{caller}:{subject}".encode())

    def prediction_id(self, caller: str, subject: str, answer: bytes) -> str:
        """The number of an answer: of the same caller, patient and content always the same, 32 characters."""
        return self._digest("prediction", self.holder(caller, subject).encode() + answer)[:32]

    def content(self, content: bytes) -> str:
        """What stands for values or an answer in a row: tells whether others are the same, and not what they are."""
        return self._digest("content", content)

    def part(self, use: str, *words: str) -> float:
        """A number from 0 to 1, 1 excluded: of the same words always the same, of others any, evenly."""
        told = "".join(f"{len(word)}:{word}" for word in words)
        return int(self._digest(f"part {use}", told.encode())[:13], 16) / 16.0**13

    def seal(self, content: bytes) -> str:
        """What a row that was not changed has."""
        return self._digest("row", content)

    def _digest(self, use: str, content: bytes) -> str:
        keyed = self._keyed.copy()
        update(keyed, use.encode() + b"\0" + content)
        return keyed.hexdigest()
