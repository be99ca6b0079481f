"""The whole round with a real archive (Orthanc, DICOMweb over TLS): query, fetch, mask, predict, store, read back."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import SimpleITK as sitk
from builders.cases import case
from builders.dcmqi_tools import read_report, read_segmentation
from builders.dicom import rtstruct, series, square
from builders.orthanc import Orthanc, orthanc
from builders.serving import Service, refused, serving
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

from features.case import Scan, Source, Structures
from features.imaging.header import Limits
from features.opened import OpenedScan
from radresponse.v1 import case_pb2, prediction_pb2, result_pb2
from service.__main__ import main
from service.errors import PacsRefused, PacsUnavailable, SeriesNotFound, SeriesTooLarge, SettingsError
from service.pacs.archive import Query
from service.pacs.settings import read_pacs
from service.pacs.web import WebArchive
from service.settings import Settings

CT = "1.2.840.10008.5.1.4.1.1.2"
VOXELS = np.random.default_rng(5).integers(900, 1300, (6, 20, 18)).astype(np.int16)
NEEDLE = "Needle^Nora"


@dataclass(frozen=True)
class Stored:
    """One segmented series in the archive."""

    study_uid: str
    series_uid: str
    segmentation_uid: str
    structure: str
    modality: str
    truth: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def generated() -> tuple[list[bytes], Stored]:
    """A CT with one box."""

    def change(data: Dataset, index: int) -> None:
        data.PatientName, data.PatientID, data.BodyPartExamined = NEEDLE, "needle-4711", "CHEST"

    files = series(VOXELS, CT, change=change)
    drawn = rtstruct({"GTV": [square(3.5, 4.5, 9.5, 11.5, plane) for plane in range(1, 5)]}, numbers=[1])
    head, lines = dcmread(DicomBytesIO(files[0])), dcmread(DicomBytesIO(drawn))
    truth = np.zeros(VOXELS.shape, bool)
    truth[1:5, 5:12, 4:10] = True
    one = Stored(
        str(head.StudyInstanceUID), str(head.SeriesInstanceUID), str(lines.SeriesInstanceUID), "GTV", "CT", truth
    )
    return [*files, drawn], one


def sarcomas() -> Iterator[tuple[list[bytes], Stored]]:
    """All real series with their reference masks."""
    folder = Path(os.environ["RADRESPONSE_DATA"]) / "sts_dicom"
    for image in sorted(folder.glob("STS_*/*/image")):
        modality, patient = image.parent.name, image.parent.parent.name
        (drawn,) = (file for file in (image.parent / "mask").rglob("*.dcm"))
        slices = sorted(image.glob("*.dcm"))
        head, lines = dcmread(slices[0], stop_before_pixels=True), dcmread(drawn, stop_before_pixels=True)
        (reference,) = (folder / "masks" / patient).glob(f"*{modality}*")
        truth = sitk.GetArrayFromImage(sitk.ReadImage(str(reference))) != 0
        yield [file.read_bytes() for file in (*slices, drawn)], Stored(
            str(head.StudyInstanceUID), str(head.SeriesInstanceUID), str(lines.SeriesInstanceUID),
            f"GTV_Mass_{modality}", str(head.Modality), truth,
        )  # fmt: skip


def cases() -> Iterator[tuple[list[bytes], Stored]]:
    if os.environ.get("RADRESPONSE_DATA"):
        yield from sarcomas()
    else:
        yield generated()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="module")
def pacs_file(archive: Orthanc) -> Path:
    return archive.pacs_file(archive.folder / "pacs.yaml")


@pytest.fixture(scope="module")
def asked(pacs_file: Path, registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    folder = tmp_path_factory.mktemp("with-pacs")
    with serving(
        Settings(port=0, data_folder=folder, registry_uri=uri, drain_seconds=1, pacs_file=pacs_file)
    ) as running:
        yield running


def web(pacs_file: Path) -> WebArchive:
    return WebArchive(read_pacs(pacs_file)["hospital"])


def test_masks_of_series_from_the_archive_equal_the_reference_voxel_for_voxel(
    archive: Orthanc, pacs_file: Path, tmp_path: Path
) -> None:
    for index, (files, one) in enumerate(cases()):
        archive.upload(files)
        client = web(pacs_file)
        (found,) = client.find(Query(study_uid=one.study_uid, series_uid=one.series_uid))
        assert (found.modality, found.instances) == (one.modality, len(files) - 1)
        folders = [tmp_path / f"{index}-{part}" for part in ("image", "mask")]
        for folder, uid in zip(folders, (one.series_uid, one.segmentation_uid), strict=True):
            folder.mkdir()
            client.fetch(one.study_uid, uid, folder)
        taken = Scan(
            {"CT": "ct", "PT": "pt", "MR": "mr"}[one.modality],
            0,
            Source.of(folders[0]),
            Source.of(folders[1]),
            structures=Structures(names=(one.structure,)),
        )
        (lesion,) = OpenedScan(taken, "", Limits()).open()
        assert np.array_equal(lesion.mask, one.truth), f"{(lesion.mask != one.truth).sum()} voxels differ"


def archived(one: Stored, uid: str) -> case_pb2.ImageSource:
    return case_pb2.ImageSource(
        archived=case_pb2.ArchivedSeries(pacs="hospital", study_uid=one.study_uid, series_uid=uid)
    )


def request(one: Stored, **more: bool) -> prediction_pb2.PredictRequest:
    scan = case_pb2.Scan(
        modality=case_pb2.MODALITY_CT,
        image=archived(one, one.series_uid),
        segmentation=archived(one, one.segmentation_uid),
        structures=[one.structure],
    )
    formats = [result_pb2.RESULT_FORMAT_DICOM_SR, result_pb2.RESULT_FORMAT_DICOM_SEG]
    return prediction_pb2.PredictRequest(case=case(scan), result_formats=formats, **more)  # type: ignore[arg-type]


def test_results_are_stored_once_read_back_and_read_by_others(
    archive: Orthanc, asked: Service, pacs_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, one = generated()
    archive.upload(files)
    with caplog.at_level(logging.DEBUG):
        answer = asked.predict(request(one, store_results=True))
    assert [told.already_stored for told in answer.stored] == [False, False]
    again = asked.predict(request(one, store_results=True))
    assert [told.already_stored for told in again.stored] == [True, True]
    assert [told.sop_instance_uid for told in again.stored] == [told.sop_instance_uid for told in answer.stored]
    (seg,), (sr,) = archive.instances("SEG"), archive.instances("SR")
    (segment,) = read_segmentation(seg, tmp_path / "seg")
    assert segment.voxels == one.truth.sum()
    groups = read_report(sr, tmp_path / "sr")["Measurements"]
    told = next(group for group in groups if group["TrackingIdentifier"].startswith("outcome-xgboost"))
    probability = next(part.outcome.probability for part in answer.predictions if part.HasField("outcome"))
    assert float(told["measurementItems"][0]["value"]) == pytest.approx(100 * probability, rel=1e-9)
    assert str(dcmread(DicomBytesIO(sr)).PatientName) == NEEDLE
    folder = asked.server.settings.data_folder
    assert not list((folder / "fetched").glob("*")), "series were kept after the call"
    needles = [NEEDLE, "needle-4711", one.study_uid, one.series_uid]
    for text in needles:
        assert text not in caplog.text
        for file in (path for path in folder.rglob("*") if path.is_file()):
            assert text not in str(file)
            assert text.encode() not in file.read_bytes(), file.name


def test_a_prediction_from_the_archive_is_made_again_from_the_archive(
    archive: Orthanc, asked: Service, pacs_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, one = generated()
    archive.upload(files)
    wanted = request(one)
    answer = asked.predict(wanted)
    settings = asked.server.settings
    series_of = [f"pacs:hospital/{one.study_uid}/{uid}" for uid in (one.series_uid, one.segmentation_uid)]
    given = [f"{name}={value.number or value.category}" for name, value in wanted.case.covariates.items()]
    words = [
        "replay", "--audit", answer.provenance.prediction_id, "--subject", wanted.case.subject,
        "--ct", *series_of, f"structure={one.structure}", *(word for text in given for word in ("--covariate", text)),
        f"--data-folder={settings.data_folder}", f"--registry-uri={settings.registry_uri}", f"--pacs-file={pacs_file}",
    ]  # fmt: skip
    assert main(words) == 0
    assert "each the same byte for byte" in capsys.readouterr().out
    assert main([word for word in words if not word.startswith("--pacs-file")]) == 2
    assert "no archive of that name is listed" in capsys.readouterr().err


def test_the_archive_is_named_by_the_operator_and_never_by_a_caller(asked: Service) -> None:
    _, one = generated()
    for place, name in (("https://127.0.0.1:1/dicom-web", "URL"), ("other", "another"), ("", "none")):
        other = request(one)
        other.case.scans[0].image.archived.pacs = place
        error = refused(asked.predict, other, other.case.subject)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_PACS"), name
        assert error.fields == ("case.scans[0].image.archived.pacs",)


def test_identifiers_that_are_none_and_series_that_are_not_there_are_refused_by_place(asked: Service) -> None:
    _, one = generated()
    wrong = request(one)
    wrong.case.scans[0].image.archived.series_uid = "../../system"
    error = refused(asked.predict, wrong, wrong.case.subject)
    assert error.fields == ("case.scans[0].image.archived.series_uid",)
    missing = request(one)
    missing.case.scans[0].image.archived.series_uid = "1.2.3.4.5"
    error = refused(asked.predict, missing, missing.case.subject)
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "SERIES_NOT_FOUND")
    assert error.fields == ("case.scans[0].image.archived",)


def test_results_are_stored_only_where_all_images_came_from(asked: Service) -> None:
    _, one = generated()
    inline = request(one, store_results=True)
    inline.case.scans[0].image.inline = b"x"
    error = refused(asked.predict, inline, inline.case.subject)
    assert error.fields == ("store_results",)


def test_wrong_credentials_are_refused_by_name(archive: Orthanc, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("radresponse:guess", encoding="utf-8")
    client = web(archive.pacs_file(tmp_path / "pacs.yaml", credentials_file=str(wrong)))
    with pytest.raises(PacsRefused, match="hospital refuses this service: HTTP 401") as refusal:
        client.find(Query())
    assert "guess" not in str(refusal.value)


def test_a_certificate_of_another_authority_is_refused(archive: Orthanc, tmp_path: Path) -> None:
    from builders.certificates import Authority  # noqa: PLC0415

    other = tmp_path / "other.pem"
    other.write_bytes(Authority("Another CA").certificate)
    with pytest.raises(PacsRefused, match="certificate"):
        web(archive.pacs_file(tmp_path / "pacs.yaml", ca_file=str(other))).find(Query())


def test_caps_on_bytes_and_instances_hold(archive: Orthanc, tmp_path: Path) -> None:
    files, one = generated()
    archive.upload(files)
    for cap in ({"max_instances": 3}, {"max_bytes": 2000}):
        client = web(archive.pacs_file(tmp_path / "pacs.yaml", **cap))
        with pytest.raises(SeriesTooLarge):
            client.fetch(one.study_uid, one.series_uid, tmp_path)


def test_an_archive_that_is_away_or_has_nothing_is_told_apart(
    archive: Orthanc, pacs_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(PacsUnavailable):
        web(archive.pacs_file(tmp_path / "pacs.yaml", dicomweb="https://127.0.0.1:1/dicom-web")).find(Query())
    with pytest.raises(SeriesNotFound):
        web(pacs_file).fetch("1.2.3", "1.2.4", tmp_path)


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"dicomweb": "http://pacs.example.org/dicom-web"}, "wanted https"),
        ({"dicomweb": "ftp://127.0.0.1/"}, "no address"),
        ({"dicomweb": "https://user:secret@127.0.0.1/"}, "wanted credentials_file"),
        ({"proxy": "x"}, "no such setting proxy"),
        ({"max_bytes": 0}, "wanted a number above 0"),
        ({"max_bytes": "many"}, "another kind"),
        ({"callers": "me"}, "no list"),
        ({"token_file": "/t", "credentials_file": "/c"}, "one of the two"),
    ],
)
def test_settings_that_would_be_unsafe_are_refused(told: dict[str, object], complaint: str, tmp_path: Path) -> None:
    import json  # noqa: PLC0415

    file = tmp_path / "pacs.yaml"
    file.write_text(json.dumps({"hospital": {"dicomweb": "https://127.0.0.1/dicom-web"} | told}), encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint) as refusal:
        read_pacs(file)
    assert "secret" not in str(refusal.value)
