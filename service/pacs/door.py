"""Archives as a request sees them: series that are fetched for one call, and results that are stored back."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from features.case import Source
from radresponse.v1 import case_pb2, result_pb2
from service.errors import BadRequestField
from service.pacs.archives import Archives

if TYPE_CHECKING:
    from service.results.dicom.objects import Objects


class ArchiveDoor:
    """For all calls of one server."""

    def __init__(self, archives: Archives, folder: Path) -> None:
        """Empties the folder: what lies there belongs to calls that a crash has ended.

        Args:
            archives: Those that the operator has listed.
            folder: Of this door alone, for series while a call needs them.
        """
        self._archives = archives
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def fetching(self, caller: str | None) -> "Iterator[Fetching]":
        """For one call, or for the operator (None); what was fetched goes with it."""
        fetching = Fetching(self._archives, self._folder, caller)
        try:
            yield fetching
        finally:
            fetching.drop()

    def require_one(self, case: case_pb2.Case, caller: str) -> str:
        """The one archive that all images of a case come from, where its results are to be stored.

        Raises:
            BadRequestField: They do not all come from one.
            UnknownPacs: It is not listed, or not for this caller.
        """
        names = {scan.image.archived.pacs for scan in case.scans if scan.image.WhichOneof("source") == "archived"}
        elsewhere = any(scan.image.WhichOneof("source") != "archived" for scan in case.scans)
        if len(names) != 1 or elsewhere:
            raise BadRequestField(
                "store_results",
                "the images do not all come from one archive; wanted results to go where images came from",
            )
        (name,) = names
        self._archives.archive(name, caller)
        return name

    def store(self, name: str, objects: "Objects", caller: str) -> list[result_pb2.StoredResult]:
        """Stores segmentations and report, and reads them back.

        Raises:
            PacsError: The archive does not do it.
        """
        from service.pacs.deposit import deposit  # noqa: PLC0415 - loads pydicom

        made = [*objects.segmentations, *([objects.report] if objects.report is not None else [])]
        return [
            result_pb2.StoredResult(
                pacs=name,
                sop_class_uid=one.sop_class_uid,
                sop_instance_uid=one.sop_instance_uid,
                already_stored=one.already,
            )
            for one in deposit(self._archives.archive(name, caller), name, made)
        ]


class Fetching:
    """The series of one call, each fetched once."""

    def __init__(self, archives: Archives, folder: Path, caller: str | None) -> None:
        self._archives = archives
        self._parent = folder
        self._caller = caller
        self._folder: Path | None = None
        self._found: dict[tuple[str, str, str], Source] = {}

    def open(self, series: case_pb2.ArchivedSeries) -> Source:
        """Fetches a series.

        Raises:
            PacsError: The archive is not listed, has no such series, or does not give it.
        """
        key = (series.pacs, series.study_uid, series.series_uid)
        if key not in self._found:
            archive = self._archives.archive(series.pacs, self._caller)
            folder = self._room() / str(len(self._found))
            folder.mkdir()
            files: Sequence[Path] = archive.fetch(series.study_uid, series.series_uid, folder)
            self._found[key] = Source.of(tuple(files))
        return self._found[key]

    def drop(self) -> None:
        """Deletes what was fetched."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _room(self) -> Path:
        if self._folder is None:
            self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=self._parent))
        return self._folder
