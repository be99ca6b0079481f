"""One patient as asked about: scans by modality and date, and what the caller already knows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from features.errors import BadScanDate, DuplicateScan
from features.files import files_in

Content = bytes | Path | tuple[Path, ...]
"""Of one file, in memory or on the disk; or of several files on the disk that belong together, or a folder of them."""


@dataclass(frozen=True, slots=True)
class Structures:
    """Which structures of an RTSTRUCT, or segments of a SEG, are lesions; by number they are asked as labels."""

    names: tuple[str, ...] = field(default=(), repr=False)
    """Exactly as the file has them."""
    pattern: str = field(default="", repr=False)
    """A shell pattern such as `GTV*`, whatever the case of letters; empty for none."""

    def __bool__(self) -> bool:
        return bool(self.names or self.pattern)


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes of one file, or of the files of one DICOM series, not decoded yet, with their digest."""

    digest: str
    """SHA-256, lower-case hexadecimal. Of several files, that of their digests in order, a line each."""
    content: Content = field(repr=False)

    @classmethod
    def of(cls, content: Content) -> "Source":
        """Takes the digest of bytes, of a file, or of the files of a folder."""
        if isinstance(content, bytes):
            return cls(hashlib.sha256(content).hexdigest(), content)
        if isinstance(content, Path) and not content.is_dir():
            return cls(_file_digest(content), content)
        return cls.of_files({path: _file_digest(path) for path in files_in(content)})

    @classmethod
    def of_files(cls, digests: Mapping[Path, str]) -> "Source":
        """Takes several files whose digests are known; neither their names nor their order count."""
        lines = "".join(f"{digest}\n" for digest in sorted(digests.values()))
        return cls(hashlib.sha256(lines.encode()).hexdigest(), tuple(digests))


@dataclass(frozen=True, slots=True)
class Scan:
    """One image at one date with the segmentation of its lesions."""

    name: str
    """Modality word, with the series where there are several: `ct`, `pt`, `mr_t1`."""
    day: int
    """Days since the case's first image."""
    image: Source
    segmentation: Source
    labels: tuple[int, ...] = ()
    """Which labels are lesions; empty for all. Of an RTSTRUCT or SEG: numbers of structures or segments."""
    resample_segmentation: bool = False
    structures: Structures = Structures()


@dataclass(frozen=True, slots=True)
class Case:
    """One patient as asked about."""

    scans: tuple[Scan, ...] = ()
    clinical: Mapping[str, float | str] = field(default_factory=dict)
    """By name without the prefix `clinical.`."""
    given: Mapping[str, float] = field(default_factory=dict)
    """Features that the caller already has, by full column name."""

    def __post_init__(self) -> None:
        seen: set[tuple[str, int]] = set()
        for index, scan in enumerate(self.scans):
            if scan.day < 0:
                raise BadScanDate(
                    f"day {scan.day} of a scan lies before the baseline; wanted 0 or more",
                    place=f"scans[{index}].day",
                    day=scan.day,
                )
            if (scan.name, scan.day) in seen:
                raise DuplicateScan(
                    f"two scans {scan.name} on day {scan.day}; wanted one, or a series that tells them apart",
                    place=f"scans[{index}]",
                    scan=scan.name,
                    day=scan.day,
                )
            seen.add((scan.name, scan.day))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
