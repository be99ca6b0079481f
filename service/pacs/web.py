"""An archive with DICOMweb: QIDO-RS, WADO-RS, STOW-RS (PS3.18)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomweb_client.web import DICOMwebClient, _Transaction
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

import features.dicom.attributes  # noqa: F401 - pydicom then repeats no value in a warning
from service.errors import NotStored, PacsNonsense, SeriesNotFound, SeriesTooLarge, ServiceError
from service.pacs.archive import FoundSeries, Query
from service.pacs.session import ArchiveSession
from service.pacs.settings import Pacs

# They tell UIDs, addresses and what the archive says.
for _name in ("dicomweb_client", "urllib3", "requests", "retrying"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

ANY_SYNTAX = (("application/dicom", "*"),)
"""As the archive keeps it: a compressed series is decoded here, by the reader, within its caps."""
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
MODALITY, BODY_PART, COUNT = "00080060", "00180015", "00201209"


class WebArchive:
    """One archive over HTTP."""

    def __init__(self, pacs: Pacs) -> None:
        """Reads the credentials; nothing is asked yet.

        Raises:
            SettingsError: A file cannot be read.
        """
        self._pacs = pacs
        self._session = ArchiveSession(pacs)
        self._client = _Client(pacs.dicomweb, session=self._session, timeout=pacs.timeout_seconds)
        # It would try again after whatever is raised, a used-up budget among it.
        self._client.set_http_retry_params(retry=False)

    def find(self, query: Query) -> list[FoundSeries]:
        """By QIDO-RS."""
        asked = {SERIES: query.series_uid, MODALITY: query.modality, "StudyDate": query.study_dates}
        with self._asking():
            rows = self._client.search_for_series(
                query.study_uid or None,
                limit=self._pacs.max_instances + 1,
                fields=[STUDY, MODALITY, BODY_PART, COUNT],
                search_filters={key: value for key, value in asked.items() if value},
            )
            if len(rows) > self._pacs.max_instances:
                raise SeriesTooLarge(self._pacs.name, "found series", self._pacs.max_instances)
            return [
                FoundSeries(
                    study_uid=_text(row, STUDY) or query.study_uid,
                    series_uid=_text(row, SERIES),
                    modality=_text(row, MODALITY),
                    body_part=_text(row, BODY_PART).upper(),
                    instances=int(_text(row, COUNT) or 0),
                )
                for row in rows
            ]

    def fetch(self, study_uid: str, series_uid: str, folder: Path) -> tuple[Path, ...]:
        """By WADO-RS, an instance at a time: no answer is larger than one of them."""
        with self._asking():
            rows = self._client.search_for_instances(study_uid, series_uid, limit=self._pacs.max_instances + 1)
            uids = list(dict.fromkeys(_text(row, INSTANCE) for row in rows))
            if not uids:
                raise SeriesNotFound(self._pacs.name)
            if len(uids) > self._pacs.max_instances:
                raise SeriesTooLarge(self._pacs.name, "instances", self._pacs.max_instances)
            files = []
            for index, uid in enumerate(uids):
                files.append(folder / f"{index:05}.dcm")
                files[-1].write_bytes(self._client.instance_file(study_uid, series_uid, uid))
            return tuple(files)

    def describe(self, study_uid: str, series_uid: str) -> list[Dataset]:
        """By WADO-RS' metadata."""
        with self._asking():
            rows = self._client.retrieve_series_metadata(study_uid, series_uid)
            # Pixels and the like stay where they are.
            return [Dataset.from_json(row, bulk_data_uri_handler=lambda uri: None) for row in rows]

    def holds(self, study_uid: str, sop_instance_uid: str) -> bool:
        """By QIDO-RS."""
        with self._asking():
            return bool(self._client.search_for_instances(study_uid, search_filters={INSTANCE: sop_instance_uid}))

    def store(self, objects: Sequence[Dataset]) -> None:
        """By STOW-RS."""
        with self._asking():
            answer = self._client.store_instances(objects)
        wanted = {str(one.SOPInstanceUID) for one in objects}
        taken = {str(item.get("ReferencedSOPInstanceUID", "")) for item in answer.get("ReferencedSOPSequence", ())}
        failed = answer.get("FailedSOPSequence", ())
        if failed or not wanted <= taken:
            reasons = {f"{int(item.get('FailureReason', 0)):04X}" for item in failed}
            why = f"failure reason {', '.join(sorted(reasons))}" if reasons else "it does not say that it took it"
            raise NotStored(self._pacs.name, why)

    def retrieve(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> Dataset:
        """By WADO-RS."""
        with self._asking():
            content = self._client.instance_file(study_uid, series_uid, sop_instance_uid)
            return dcmread(DicomBytesIO(content))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One budget for all that is asked inside; what cannot be understood is the archive's nonsense."""
        try:
            with self._session.budget():
                yield
        except ServiceError:
            raise
        except Exception as error:
            raise PacsNonsense(self._pacs.name, "answers what cannot be understood") from error


class _Client(DICOMwebClient):
    """With a way to an instance's file as it is: its own would parse it here, without our caps."""

    def instance_file(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes:
        """The bytes of one instance."""
        url = self._get_instances_url(_Transaction.RETRIEVE, study_uid, series_uid, sop_instance_uid)
        accepted = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        response = self._http_get(url, headers={"Accept": accepted})
        if response.headers.get("Content-Type", "").startswith("application/dicom"):
            return bytes(response.content)  # against the standard, and seen
        parts = list(self._decode_multipart_message(response, stream=False))
        if len(parts) != 1:
            raise ValueError("not one part")
        return bytes(parts[0])


def _text(row: Mapping[str, Any], tag: str) -> str:
    values = row.get(tag, {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "")
