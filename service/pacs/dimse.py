"""An archive without DICOMweb: C-FIND, C-GET or C-MOVE, C-STORE (PS3.4 annexes B and C, PS3.7)."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

import features.dicom.attributes  # noqa: F401 - pydicom then repeats no value in a warning
from features.dicom.attributes import text_of, whole_of
from features.dicom.decoding import SYNTAXES
from service.errors import (
    NotStored,
    PacsNonsense,
    PacsRefused,
    PacsUnavailable,
    SeriesNotFound,
    SeriesTooLarge,
    SettingsError,
)
from service.pacs.archive import FoundSeries, Query
from service.pacs.incoming import Incoming, receiving
from service.pacs.settings import Pacs, host_and_port

# They tell identifiers, addresses and what the archive says.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)

READ = (
    uid.CTImageStorage, uid.EnhancedCTImageStorage, uid.MRImageStorage, uid.EnhancedMRImageStorage,
    uid.PositronEmissionTomographyImageStorage, uid.EnhancedPETImageStorage, uid.RTStructureSetStorage,
    uid.SegmentationStorage, uid.Comprehensive3DSRStorage, uid.SecondaryCaptureImageStorage,
)  # fmt: skip
"""What is taken from an archive; what of it is no right image is refused by the reader, by name."""
WRITTEN = (uid.SegmentationStorage, uid.Comprehensive3DSRStorage)
PLAIN = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
COMPRESSED = tuple(syntax for syntax in SYNTAXES if syntax not in PLAIN)
"""An archive may send an image as it keeps it; the reader decodes it, within its caps."""
FIND, MOVE, GET = (uid.UID(f"1.2.840.10008.5.1.4.1.2.2.{number}") for number in (1, 2, 3))
"""Of the Study Root information model (PS3.4 C.6.2)."""
SUCCESS, PENDING, CANCELLED = 0x0000, (0xFF00, 0xFF01), 0xFE00
_LISTENING = threading.Lock()
"""One C-MOVE at a time: the archive sends to one port."""


class DimseArchive:
    """One archive over DICOM's own protocol; a connection for each question."""

    def __init__(self, pacs: Pacs) -> None:
        """Reads the certificates; nothing is asked yet.

        Raises:
            SettingsError: A file cannot be read.
        """
        self._pacs = pacs
        self._address = host_and_port(pacs.dimse, "dimse")
        self._tls = _tls(pacs)

    def find(self, query: Query) -> list[FoundSeries]:
        """By C-FIND: studies where none is named, then their series."""
        with self._asking([_context(FIND)]) as association:
            studies = [query.study_uid] if query.study_uid else self._studies(association, query)
            found: list[FoundSeries] = []
            for study in studies:
                wanted = _identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID=query.series_uid)
                wanted.Modality, wanted.BodyPartExamined, wanted.NumberOfSeriesRelatedInstances = query.modality, "", ""
                for row in self._rows(association, wanted):
                    found.append(
                        FoundSeries(
                            study_uid=text_of(row, "StudyInstanceUID") or study,
                            series_uid=text_of(row, "SeriesInstanceUID"),
                            modality=text_of(row, "Modality"),
                            body_part=text_of(row, "BodyPartExamined").upper(),
                            instances=whole_of(row, "NumberOfSeriesRelatedInstances", 0),
                        )
                    )
                    if len(found) > self._pacs.max_instances:
                        raise SeriesTooLarge(self._pacs.name, "found series", self._pacs.max_instances)
            return [one for one in found if query.modality in ("", one.modality)]

    def fetch(self, study_uid: str, series_uid: str, folder: Path) -> tuple[Path, ...]:
        """By C-GET, or by C-MOVE to a port that is open meanwhile."""
        wanted = _identifier("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid)
        incoming = self._retrieve(wanted, Incoming(self._pacs, study_uid, series_uid, folder))
        if not incoming.files:
            raise SeriesNotFound(self._pacs.name)
        return tuple(incoming.files)

    def describe(self, study_uid: str, series_uid: str) -> list[Dataset]:
        """By fetching it: DICOM's protocol gives no headers alone."""
        with TemporaryDirectory() as folder:
            files = self.fetch(study_uid, series_uid, Path(folder))
            return [self._read(file, stop_before_pixels=True) for file in files]

    def holds(self, study_uid: str, sop_instance_uid: str) -> bool:
        """By C-FIND."""
        with self._asking([_context(FIND)]) as association:
            series = _identifier("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="")
            for row in self._rows(association, series):
                wanted = _identifier(
                    "IMAGE",
                    StudyInstanceUID=study_uid,
                    SeriesInstanceUID=text_of(row, "SeriesInstanceUID"),
                    SOPInstanceUID=sop_instance_uid,
                )
                if any(text_of(one, "SOPInstanceUID") == sop_instance_uid for one in self._rows(association, wanted)):
                    return True
            return False

    def store(self, objects: Sequence[Dataset]) -> None:
        """By C-STORE."""
        with self._asking([_context(kind) for kind in WRITTEN]) as association:
            for one in objects:
                try:
                    status = association.send_c_store(one)
                except ValueError:
                    raise NotStored(self._pacs.name, "it does not take objects of this kind") from None
                code = self._code(status)
                if code != SUCCESS and not 0xB000 <= code <= 0xBFFF:
                    raise NotStored(self._pacs.name, f"failure reason {code:04X}")

    def retrieve(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> Dataset:
        """As `fetch`."""
        wanted = _identifier(
            "IMAGE", StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SOPInstanceUID=sop_instance_uid
        )
        with TemporaryDirectory() as folder:
            incoming = self._retrieve(wanted, Incoming(self._pacs, study_uid, series_uid, Path(folder)))
            if len(incoming.files) != 1:
                raise SeriesNotFound(self._pacs.name)
            return self._read(incoming.files[0])

    def _studies(self, association: Association, query: Query) -> list[str]:
        wanted = _identifier("STUDY", StudyInstanceUID="")
        wanted.StudyDate, wanted.ModalitiesInStudy = query.study_dates, query.modality
        return list(dict.fromkeys(text_of(row, "StudyInstanceUID") for row in self._rows(association, wanted)))

    def _rows(self, association: Association, wanted: Dataset) -> list[Dataset]:
        rows = []
        for status, row in association.send_c_find(wanted, FIND):
            code = self._code(status)
            if code in PENDING and row is not None:
                rows.append(row)
            elif code != SUCCESS:
                raise PacsNonsense(self._pacs.name, f"answers a query with status {code:04X}")
            if len(rows) > self._pacs.max_instances:
                raise SeriesTooLarge(self._pacs.name, "found rows", self._pacs.max_instances)
        return rows

    def _retrieve(self, wanted: Dataset, incoming: Incoming) -> Incoming:
        """What is not there some archives call a failure, and some a success without instances."""
        try:
            return self._retrieved(wanted, incoming)
        except PacsNonsense:
            with self._asking([_context(FIND)]) as association:
                if not self._rows(association, wanted):
                    raise SeriesNotFound(self._pacs.name) from None
            raise

    def _retrieved(self, wanted: Dataset, incoming: Incoming) -> Incoming:
        try:
            if self._pacs.move_listen:
                kinds = [_context(kind, (*PLAIN, *COMPRESSED)) for kind in READ]
                with _LISTENING, receiving(incoming, kinds), self._asking([_context(MOVE)]) as association:
                    self._follow(association.send_c_move(wanted, self._pacs.calling_aet, MOVE), incoming)
            else:
                kinds = [_context(kind, syntaxes) for kind in READ for syntaxes in (PLAIN, COMPRESSED)]
                with self._asking([_context(GET), *kinds], incoming) as association:
                    self._follow(association.send_c_get(wanted, GET), incoming)
        finally:
            incoming.close()
        incoming.require_whole()
        return incoming

    def _follow(self, answers: Iterator[tuple[Dataset, Dataset | None]], incoming: Incoming) -> None:
        for status, _ in answers:
            incoming.require_whole()
            code = self._code(status)
            if code in (0xA801, 0xA900):
                raise PacsRefused(self._pacs.name, f"it does not send here (status {code:04X})")
            if code not in (*PENDING, SUCCESS):
                raise PacsNonsense(self._pacs.name, f"ends a retrieval with status {code:04X}")

    def _code(self, status: Dataset) -> int:
        """An empty status is an archive that went away."""
        if "Status" not in status:
            raise PacsUnavailable(self._pacs.name, "does not answer")
        return int(status.Status)

    def _require_open(self, host: str, port: int) -> None:
        """Pynetdicom 3.0 leaves the socket of a connection that is refused to the garbage."""
        try:
            socket.create_connection((host, port), self._pacs.timeout_seconds).close()
        except OSError:
            raise PacsUnavailable(self._pacs.name, "does not answer") from None

    def _read(self, file: Path, *, stop_before_pixels: bool = False) -> Dataset:
        try:
            return dcmread(file, stop_before_pixels=stop_before_pixels)
        except Exception as error:
            raise PacsNonsense(self._pacs.name, "sends what is no DICOM") from error

    @contextmanager
    def _asking(self, contexts: list[PresentationContext], incoming: Incoming | None = None) -> Iterator[Association]:
        entity = AE(ae_title=self._pacs.calling_aet)
        timeout = self._pacs.timeout_seconds
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = timeout
        roles = [build_role(kind, scp_role=True) for kind in READ] if incoming is not None else []
        host, port = self._address
        self._require_open(host, port)
        association = entity.associate(
            host,
            port,
            contexts,
            ae_title=self._pacs.called_aet,
            ext_neg=roles,  # type: ignore[arg-type]
            tls_args=(self._tls, host) if self._tls is not None else None,
            evt_handlers=incoming.handlers if incoming is not None else [],
        )
        try:
            if not association.is_established:
                if association.is_rejected:
                    raise PacsRefused(self._pacs.name, "it does not know these AE titles")
                raise PacsUnavailable(self._pacs.name, "does not answer")
            if not association.accepted_contexts:
                raise PacsRefused(self._pacs.name, "it offers no such service")
            yield association
        except ValueError as error:  # of a service that was not accepted
            raise PacsRefused(self._pacs.name, "it offers no such service") from error
        except BaseException:
            association.abort()  # in the middle of something, a release would be waited for
            raise
        finally:
            if association.is_established:
                association.release()


def _context(kind: str, syntaxes: Sequence[str] = PLAIN) -> PresentationContext:
    context = PresentationContext()
    context.abstract_syntax, context.transfer_syntax = kind, list(syntaxes)
    return context


def _identifier(level: str, **keys: str) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(wanted, keyword, value)
    return wanted


def _tls(pacs: Pacs) -> ssl.SSLContext | None:
    if pacs.ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(pacs.ca_file))
        if pacs.certificate_file is not None:
            context.load_cert_chain(pacs.certificate_file, pacs.key_file)
    except (OSError, ssl.SSLError):
        raise SettingsError(f"pacs {pacs.name}: a certificate or key cannot be read") from None
    return context
