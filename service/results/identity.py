"""Identifiers of results: a function of what a result says, so that the same answer twice is the same object."""

import hashlib
import json
import uuid

from google.protobuf.message import Message

ROOT = uuid.UUID(int=46339928174376748170598302295093251394)
"""Ours: under it lie our code system (2.25 and this number) and all identifiers that we make."""


def uuid_of(*parts: str) -> uuid.UUID:
    """The identifier of what these parts say, which are not to be read back from it."""
    return uuid.uuid5(ROOT, json.dumps(parts))


def uid_of(*parts: str) -> str:
    """The same as a DICOM UID (PS3.5 B.2: 2.25 and the number of a UUID)."""
    return f"2.25.{uuid_of(*parts).int}"


def digest_of_message(subject: str, message: Message) -> str:
    """SHA-256 over a subject and a message."""
    hashed = hashlib.sha256(f"{message.DESCRIPTOR.full_name}\0{subject}\0".encode())
    hashed.update(message.SerializeToString(deterministic=True))
    return hashed.hexdigest()
