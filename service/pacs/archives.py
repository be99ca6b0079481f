"""The archives that this server knows, each for the callers that may name it."""

import re
from collections.abc import Mapping
from pathlib import Path

from service.errors import UnknownPacs
from service.pacs.archive import Archive
from service.pacs.settings import Pacs, read_pacs

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
UID_CHARACTERS = 64


class Archives:
    """All of them; a connection is made when the first request names one."""

    def __init__(self, listed: Mapping[str, Pacs]) -> None:
        self._listed = listed
        self._open: dict[str, Archive] = {}

    @classmethod
    def of(cls, file: Path | None) -> "Archives":
        """Reads the operator's file; none where there is none.

        Raises:
            SettingsError: It cannot be read, or says something that is not known.
        """
        return cls(read_pacs(file) if file else {})

    def archive(self, name: str, caller: str | None) -> Archive:
        """One of them.

        Args:
            name: As the operator has listed it.
            caller: Who asks; None for the operator, whose they are.

        Raises:
            UnknownPacs: It is not listed, or not for this caller.
        """
        pacs = self._listed.get(name)
        if pacs is None or not (caller is None or pacs.callers is None or caller in pacs.callers):
            raise UnknownPacs
        if name not in self._open:
            self._open.setdefault(name, open_archive(pacs))
        return self._open[name]


def open_archive(pacs: Pacs) -> Archive:
    """An archive by whichever protocol it speaks; nothing is asked yet.

    Raises:
        SettingsError: Credentials or certificates that cannot be read.
    """
    if pacs.dicomweb:
        from service.pacs.web import WebArchive  # noqa: PLC0415 - loads pydicom

        return WebArchive(pacs)
    from service.pacs.dimse import DimseArchive  # noqa: PLC0415 - the same

    return DimseArchive(pacs)


def looks_like_uid(text: str) -> bool:
    """Whether a text has the form of a DICOM UID."""
    return len(text) <= UID_CHARACTERS and _UID.fullmatch(text) is not None
