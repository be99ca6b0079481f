"""A folder of DICOM files as one file to send: a zip that is the same bytes for the same files, without their names."""

import hashlib
import io
import zipfile
from pathlib import Path

MOST_FILES = 8192
LEVEL = 1
"""Of deflate: slices shrink to half, and most networks are slower than this."""


def zip_folder(folder: Path) -> bytes:
    """Zips the DICOM files below a folder, in the order of their digests.

    Whatever else lies there is left out, and so is every name: the zip holds 0000.dcm, 0001.dcm and so on.

    Raises:
        ValueError: There is no DICOM file, or more than the service takes.
        OSError: A file cannot be read.
    """
    found = sorted((_digest(path), path) for path in folder.rglob("*") if path.is_file() and _dicom(path))
    if not 1 <= len(found) <= MOST_FILES:
        raise ValueError(f"the folder holds {len(found)} DICOM files; wanted those of one series, at most {MOST_FILES}")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for index, (_, path) in enumerate(found):
            # A fixed date, no owner, no mode: nothing of where it was made.
            member = zipfile.ZipInfo(f"{index:04}.dcm", (1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED, LEVEL)
    return out.getvalue()


def _dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
