"""An archive without DICOMweb: the same round by C-FIND, C-GET or C-MOVE, and C-STORE, with a real Orthanc."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from builders.cases import case
from builders.dcmqi_tools import read_report, read_segmentation
from builders.dicom import rtstruct, series, square
from builders.orthanc import Orthanc, orthanc
from builders.servers import free_port
from builders.serving import refused, serving
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID

from radresponse.v1 import case_pb2, prediction_pb2
from service.errors import (
    PacsNonsense,
    PacsRefused,
    PacsUnavailable,
    SeriesNotFound,
    SeriesTooLarge,
    SettingsError,
    StoreFull,
)
from service.pacs.archive import Query
from service.pacs.archives import open_archive
from service.pacs.dimse import DimseArchive
from service.pacs.settings import read_pacs
from service.settings import Settings

VOXELS = np.random.default_rng(6).integers(900, 1300, (6, 20, 18)).astype(np.int16)
ROOT = "1.2.826.0.1.3680043.9.7002."
STUDY, IMAGE, DRAWN, FRAME = (ROOT + one for one in "1234")
NEEDLE = "needle-4712"


def files() -> list[bytes]:
    """A CT with a box, in one study."""

    def change(data: Dataset, index: int) -> None:
        data.PatientID, data.BodyPartExamined, data.StudyDate = NEEDLE, "CHEST", "20260105"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = UID(STUDY), UID(IMAGE), UID(FRAME)
        data.SOPInstanceUID = UID(f"{ROOT}5.{index}")

    def drawn(data: Dataset) -> None:
        data.PatientID, data.StudyDate = NEEDLE, "20260105"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = UID(STUDY), UID(DRAWN), UID(ROOT + "6")

    box = {"GTV": [square(3.5, 4.5, 9.5, 11.5, plane) for plane in range(1, 5)]}
    return [*series(VOXELS, change=change), rtstruct(box, frame=FRAME, numbers=[1], change=drawn)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        running.upload(files())
        yield running


def opened(file: Path) -> DimseArchive:
    found = open_archive(read_pacs(file)["hospital"])
    assert isinstance(found, DimseArchive)
    return found


@pytest.mark.parametrize("move", [False, True])
def test_series_are_found_and_come_as_they_are(archive: Orthanc, move: bool, tmp_path: Path) -> None:
    pacs = opened(archive.dimse_file(tmp_path / "pacs.yaml", move=move))
    found = {one.series_uid: one for one in pacs.find(Query(study_uid=STUDY))}
    assert (found[IMAGE].modality, found[IMAGE].body_part, found[IMAGE].instances) == ("CT", "CHEST", len(VOXELS))
    assert [one.series_uid for one in pacs.find(Query(modality="RTSTRUCT", study_dates="20260101-"))] == [DRAWN]
    assert pacs.find(Query(modality="RTSTRUCT", study_dates=f"{date(2026, 2, 1):%Y%m%d}-")) == []
    (tmp_path / "in").mkdir()
    came = [dcmread(file) for file in pacs.fetch(STUDY, IMAGE, tmp_path / "in")]
    order = sorted(came, key=lambda one: float(one.ImagePositionPatient[2]))
    assert np.array_equal(np.stack([one.pixel_array for one in order]), VOXELS)
    (header,) = pacs.describe(STUDY, DRAWN)
    assert [str(one.ROIName) for one in header.StructureSetROISequence] == ["GTV"]
    assert pacs.holds(STUDY, f"{ROOT}5.0")
    assert not pacs.holds(STUDY, f"{ROOT}5.99")
    with pytest.raises(SeriesNotFound):
        pacs.fetch(STUDY, ROOT + "99", tmp_path / "in")


@pytest.mark.parametrize("move", [False, True])
def test_a_prediction_is_stored_once_and_read_by_others(
    archive: Orthanc, move: bool, registry_folder: Path, tmp_path: Path
) -> None:
    settings = Settings(
        port=0,
        data_folder=tmp_path / "data",
        registry_uri=f"sqlite:///{registry_folder / 'mlflow.db'}",
        drain_seconds=1,
        pacs_file=archive.dimse_file(tmp_path / "pacs.yaml", move=move),
    )
    sources = [
        case_pb2.ImageSource(archived=case_pb2.ArchivedSeries(pacs="hospital", study_uid=STUDY, series_uid=uid))
        for uid in (IMAGE, DRAWN)
    ]
    scan = case_pb2.Scan(modality=case_pb2.MODALITY_CT, image=sources[0], segmentation=sources[1], structures=["GTV"])
    asked = prediction_pb2.PredictRequest(case=case(scan), store_results=True)
    with serving(settings) as service:
        first, again = service.predict(asked), service.predict(asked)
        asked.case.scans[0].image.archived.series_uid = ROOT + "98"
        assert refused(service.predict, asked, asked.case.subject).reason == "SERIES_NOT_FOUND"
    assert [one.already_stored for one in again.stored] == [True, True]
    assert [one.sop_instance_uid for one in again.stored] == [one.sop_instance_uid for one in first.stored]
    assert len({one.sop_instance_uid for one in first.stored}) == 2
    (seg,), (sr,) = archive.instances("SEG"), archive.instances("SR")
    (segment,) = read_segmentation(seg, tmp_path / "seg")
    assert segment.voxels == 4 * 7 * 6
    probability = next(one.outcome.probability for one in first.predictions if one.HasField("outcome"))
    groups = read_report(sr, tmp_path / "sr")["Measurements"]
    values = [float(item["value"]) for group in groups for item in group["measurementItems"]]
    assert any(value == pytest.approx(100 * probability, rel=1e-9) for value in values)
    assert str(dcmread(DicomBytesIO(sr)).PatientID) == NEEDLE


@pytest.mark.parametrize("cap", [{"max_instances": 3}, {"max_bytes": 2000}, {"max_bytes": 6000}])
def test_caps_hold(archive: Orthanc, cap: dict[str, object], tmp_path: Path) -> None:
    for move in (False, True):
        (tmp_path / str(move)).mkdir()
        pacs = opened(archive.dimse_file(tmp_path / "pacs.yaml", move=move, **cap))
        with pytest.raises(SeriesTooLarge):
            pacs.fetch(STUDY, IMAGE, tmp_path / str(move))


def test_a_folder_that_cannot_be_written_to_is_told(archive: Orthanc, tmp_path: Path) -> None:
    pacs = opened(archive.dimse_file(tmp_path / "pacs.yaml"))
    with pytest.raises(StoreFull):
        pacs.fetch(STUDY, IMAGE, tmp_path / "not there")


def test_an_archive_that_is_away_and_one_that_does_not_know_us_are_told_apart(archive: Orthanc, tmp_path: Path) -> None:
    away = opened(archive.dimse_file(tmp_path / "pacs.yaml", dimse=f"127.0.0.1:{free_port()}"))
    with pytest.raises(PacsUnavailable, match="hospital does not answer"):
        away.find(Query(study_uid=STUDY))
    other = opened(archive.dimse_file(tmp_path / "pacs.yaml", called_aet="SOMEBODY"))
    # Orthanc closes right after its rejection, which pynetdicom may miss.
    with pytest.raises((PacsRefused, PacsUnavailable), match=r"AE titles|does not answer"):
        other.find(Query(study_uid=STUDY))
    stranger = opened(archive.dimse_file(tmp_path / "pacs.yaml", move=True, calling_aet="STRANGER"))
    with pytest.raises(
        (PacsNonsense, PacsUnavailable), match=r"ends a retrieval|does not answer"
    ):  # Orthanc's C000, not the standard's A801
        stranger.fetch(STUDY, IMAGE, tmp_path)


def test_what_was_not_asked_for_is_not_taken(archive: Orthanc, tmp_path: Path) -> None:
    pacs = opened(archive.dimse_file(tmp_path / "pacs.yaml"))
    found = pacs.retrieve(STUDY, IMAGE, f"{ROOT}5.2")
    assert str(found.SOPInstanceUID) == f"{ROOT}5.2"
    with pytest.raises(SeriesNotFound):
        pacs.retrieve(STUDY, IMAGE, f"{ROOT}5.77")


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"dimse": "pacs.example.org:104"}, "in the clear"),
        ({"dimse": "pacs.example.org"}, "wanted host:port"),
        ({"dimse": "127.0.0.1:104", "dicomweb": "https://127.0.0.1/x"}, "either dicomweb or dimse"),
        ({}, "either dicomweb or dimse"),
        ({"dimse": "127.0.0.1:104", "called_aet": "A" * 17}, "called_aet is no AE title"),
        ({"dimse": "127.0.0.1:104", "credentials_file": "/x"}, "know no credentials"),
        ({"dimse": "127.0.0.1:104", "cleartext": "yes"}, "wanted true or false"),
        ({"dimse": "127.0.0.1:104", "move_listen": "here"}, "wanted host:port"),
    ],
)
def test_settings_that_would_be_unsafe_are_refused(told: dict[str, object], complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "pacs.yaml"
    file.write_text(json.dumps({"hospital": told}), encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        read_pacs(file)
    file.write_text(json.dumps({"hospital": {"dimse": "pacs.example.org:104", "cleartext": True}}), encoding="utf-8")
    assert read_pacs(file)["hospital"].cleartext
