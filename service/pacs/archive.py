"""What an archive can do: what lies behind it is the business of whoever implements it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """One series as an archive lists it. UIDs lead back to a patient: they stay out of logs and errors."""

    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    modality: str
    body_part: str
    """DICOM's word in capitals; empty where the archive tells none."""
    instances: int
    """0 where the archive does not count them."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which series are looked for; an empty part does not matter."""

    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    modality: str = ""
    study_dates: str = ""
    """A range as DICOM has it: `20260101-`."""


class Archive(Protocol):
    """One archive. Safe to share between threads."""

    def find(self, query: Query) -> list[FoundSeries]:
        """Series that fit, in the archive's order.

        Raises:
            PacsError: It does not answer, refuses, or answers nonsense.
        """

    def fetch(self, study_uid: str, series_uid: str, folder: Path) -> tuple[Path, ...]:
        """Writes every instance of a series into a folder, as files whose names tell nothing.

        Raises:
            PacsError: The same, no such series, or one that is larger than the archive's settings allow.
        """

    def describe(self, study_uid: str, series_uid: str) -> list[Dataset]:
        """Headers of the instances of a small series, without pixels.

        Raises:
            PacsError: The same.
        """

    def holds(self, study_uid: str, sop_instance_uid: str) -> bool:
        """Whether an instance is there.

        Raises:
            PacsError: It does not answer, refuses, or answers nonsense.
        """

    def store(self, objects: Sequence[Dataset]) -> None:
        """Stores objects, all of one study.

        Raises:
            PacsError: It does not answer, or refuses one.
        """

    def retrieve(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> Dataset:
        """One object as a data set; for those that we stored ourselves.

        Raises:
            PacsError: It does not answer, refuses, or has none.
        """
