"""A file to send: on disk or in memory, with its size and its SHA-256."""

import hashlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from radresponse.dicom_folder import zip_folder

CHUNK_BYTES = 512 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}")


def names_digest(text: object) -> bool:
    """Whether a text is a digest of an uploaded file, not a path."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True)
class LocalFile:
    """Bytes of one image or segmentation, as they will be sent."""

    content: bytes | Path = field(repr=False)
    size_bytes: int

    @classmethod
    def of(cls, content: "str | Path | bytes") -> "LocalFile":
        """Takes bytes, a file by its path, or a folder of DICOM files, which becomes a zip.

        Raises:
            OSError: There is no such file.
            ValueError: It is empty.
        """
        if not isinstance(content, bytes):
            content = Path(content)
            if content.is_dir():
                content = zip_folder(content)
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        if size == 0:
            raise ValueError("the file is empty; wanted NIfTI, NRRD, MetaImage or DICOM")
        return cls(content, size)

    def open(self) -> BinaryIO:
        """The bytes, from the start."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def read(self) -> bytes:
        """All of it."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def digest(self) -> str:
        """SHA-256, 64 lower-case hexadecimal digits."""
        hashed = hashlib.sha256()
        with self.open() as file:
            while chunk := file.read(CHUNK_BYTES):
                hashed.update(chunk)
        return hashed.hexdigest()
