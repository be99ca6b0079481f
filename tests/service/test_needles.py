"""Names, identifiers, dates and UIDs written all over DICOM files: no sink of the service or of a command holds one."""

import io
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from builders.cases import case, scan
from builders.dicom import ROOT, ramp, rtstruct, seg, series, square, zipped
from builders.needles import NAME, found_below, found_in, needled
from builders.servers import whole
from builders.serving import serving
from prometheus_client import generate_latest
from pydicom.dataset import Dataset

from features.__main__ import main
from features.case import Source
from features.imaging.read import read_image, read_segmentation
from models.cohort import read_cohort
from radresponse.cli import main as client
from radresponse.v1 import (
    board_pb2,
    case_pb2,
    image_pb2,
    model_pb2,
    model_pb2_grpc,
    outcome_pb2,
    prediction_pb2,
    result_pb2,
)
from service.logs import JsonLines
from service.settings import Settings

FILES = series(ramp(8, 20, 24), change=needled)
CONTOURS = [square(2.6, 2.6, 12.4, 9.4, plane) for plane in range(2, 6)]
ROI = f"GTV {NAME}"
STRUCTURES = rtstruct({ROI: CONTOURS}, change=lambda data: needled(data, 90))
GAPPED = FILES[:3] + FILES[4:]
METADATA = (("x-patient", NAME), ("x-request-id", f"{NAME}-17"))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any logger of this process writes, at the lowest level, and all warnings."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield written
    written.write("\n".join(str(one.message) for one in said))
    root.removeHandler(handler)
    root.setLevel(before)
    assert not found_in(written.getvalue())


def asked(image: case_pb2.ImageSource, segmentation: bytes, *structures: str) -> case_pb2.Case:
    one = scan(b"x", segmentation, day=0)
    one.image.CopyFrom(image)
    one.structures.extend(structures)
    return case(one, subject="needle-subject")


def every_method() -> set[str]:
    """Of all services of the contract, so that none is forgotten here."""
    files = (image_pb2, model_pb2, outcome_pb2, prediction_pb2)
    return {
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def test_the_needles_are_there() -> None:
    assert all(found_in(file) for file in (*FILES, STRUCTURES))
    assert FILES[0].lower().count(NAME.lower().encode()) > 200
    assert read_image(Source.of(zipped(FILES))).grid.size == (24, 20, 8)


def test_no_sink_of_the_service_holds_a_needle(registry_folder: Path, tmp_path: Path, log: io.StringIO) -> None:
    data = tmp_path / "data"
    settings = Settings(
        port=0, data_folder=data, registry_uri=f"sqlite:///{registry_folder / 'mlflow.db'}", drain_seconds=1,
        log_level="debug",
    )  # fmt: skip
    answers: list[str] = []
    called: set[str] = set()
    with serving(settings) as service:

        def tell(method: object, request: object) -> None:
            """Makes a call and keeps all that its caller reads, an error with all its metadata."""
            called.add(method._method.decode())  # type: ignore[attr-defined]
            try:
                answer = method(request, metadata=METADATA)  # type: ignore[operator]
                answers.append(str(next(answer) if isinstance(answer, grpc.Call) and isinstance(answer, Iterator)
                                   else answer))  # fmt: skip
            except grpc.RpcError as error:
                answers.append(repr(error) + repr(error.trailing_metadata()))

        tell(service.upload, whole(zipped(FILES, 9), "needle-subject"))
        sent = Source.of(zipped(FILES, 9)).digest
        tell(service.image, image_pb2.GetImageRequest(subject="needle-subject", digest=sent))
        whole_image = case_pb2.ImageSource(digest=sent)
        gapped = case_pb2.ImageSource(inline=zipped(GAPPED, 9))
        broken = case_pb2.ImageSource(inline=FILES[0][:-100])
        for image, structures in (
            (whole_image, (ROI,)), (whole_image, (NAME,)), (whole_image, ()), (gapped, (ROI,)), (broken, (ROI,)),
        ):  # fmt: skip
            one = asked(image, STRUCTURES, *structures)
            tell(service.extract, prediction_pb2.ExtractFeaturesRequest(case=one))
            tell(service.predict, prediction_pb2.PredictRequest(case=one))
            tell(
                service.compare,
                prediction_pb2.CompareTherapiesRequest(case=one, therapies=["chemotherapy", "immunotherapy"]),
            )
        board = board_pb2.BoardRequest(pictures=True, similar_patients=True, saliency=True)
        everything = prediction_pb2.CompareTherapiesRequest(
            case=asked(whole_image, STRUCTURES, ROI), therapies=["chemotherapy", "immunotherapy"], board=board,
            result_formats=[result_pb2.RESULT_FORMAT_FHIR_R4B, result_pb2.RESULT_FORMAT_FHIR_R5],
        )  # fmt: skip
        tell(service.compare, everything)
        assert "RiskAssessment" in answers[-1] and "pictures" in answers[-1] and "similar_patients" in answers[-1]
        models = model_pb2_grpc.ModelServiceStub(service.channel)
        tell(models.ListModels, model_pb2.ListModelsRequest(page_token=NAME))
        tell(models.ListModels, model_pb2.ListModelsRequest())
        first: model_pb2.Model = models.ListModels(model_pb2.ListModelsRequest()).models[0]
        for name in (NAME, first.reference.name):
            tell(models.GetModel, model_pb2.GetModelRequest(name=name))
            tell(models.ListServingPeriods, model_pb2.ListServingPeriodsRequest(name=name))
        tell(models.WatchModels, model_pb2.WatchModelsRequest())
        for number in (NAME, "0" * 32):
            tell(
                service.report,
                outcome_pb2.ReportOutcomeRequest(
                    subject="needle-subject", prediction_id=number, therapy=NAME, day=20, responded=True
                ),
            )
        assert "original_firstorder_Mean" in answers[2]
        assert any("MISSING_SLICES" in answer for answer in answers)
        assert any("STRUCTURE_NOT_FOUND" in answer and "1 GTV *" in answer for answer in answers)
        metrics = generate_latest(service.server.metrics.registry)
        # What a caller uploads lies with the service as it came, until the caller deletes it.
        assert not found_below(data, apart_from=(data / "uploads" / "blobs",))
        tell(service.delete, image_pb2.DeleteSubjectRequest(subject="needle-subject"))
        assert called == every_method()
        assert not found_below(data)
    assert not found_below(data)
    assert [answer for answer in answers if found_in(answer)] == []
    assert not found_in(metrics)
    assert "needle-subject" not in log.getvalue()


def test_neither_the_clients_pages_nor_the_registry_hold_a_needle(
    registry_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], log: io.StringIO
) -> None:
    hospital, structures = tmp_path / "hospital" / f"{NAME}_19530214", tmp_path / "hospital" / f"{NAME}.dcm"
    hospital.mkdir(parents=True)
    for index, file in enumerate(FILES):
        (hospital / f"{NAME}-{index}.dcm").write_bytes(file)
    structures.write_bytes(STRUCTURES)
    made = tmp_path / "made"
    made.mkdir()
    settings = Settings(
        port=0, data_folder=tmp_path / "data", registry_uri=f"sqlite:///{registry_folder / 'mlflow.db'}",
        drain_seconds=1, log_level="debug",
    )  # fmt: skip
    with serving(settings) as service:
        words = [
            "--server", f"127.0.0.1:{service.server.port}", "--subject", "needle-subject",
            "--ct", str(hospital), str(structures), f"structure={ROI}",
            "--covariate", "age_years=61", "--covariate", "sex=female",
        ]  # fmt: skip
        compared = ["compare", *words, "--therapy", "chemotherapy", "--therapy", "immunotherapy"]
        assert client([*compared, "--saliency", "--html", str(made / "page.html")]) == 0
        for command in (["predict", *words], [*compared, "--json"], ["extract", *words]):
            assert client(command) == 0
        missed = [word.replace(ROI, f"{NAME}s") for word in words]
        assert client(["predict", *missed]) != 0
    said = capsys.readouterr()
    page = (made / "page.html").read_text(encoding="utf-8")
    assert "data:image/png" in page and "Probability of response" in said.out and "STRUCTURE_NOT_FOUND" in said.err
    assert not found_in(said.out + said.err)
    assert not found_below(made)
    assert not found_below(registry_folder)
    shutil.rmtree(tmp_path / "hospital")


def test_no_command_lets_a_needle_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], log: io.StringIO) -> None:
    hospital = tmp_path / f"{NAME}_19530214"
    hospital.mkdir()
    for index, file in enumerate(FILES):
        (hospital / f"{NAME}-{index}.dcm").write_bytes(file)
    structures = hospital / f"{NAME}.dcm"
    structures.write_bytes(STRUCTURES)
    broken = tmp_path / f"{NAME}_broken"
    broken.mkdir()
    for index, file in enumerate([*GAPPED[:-1], GAPPED[-1][:-9]]):
        (broken / f"{NAME}-{index}.dcm").write_bytes(file)
    out, key = tmp_path / "out", tmp_path / "key"
    mask = tmp_path / "mask.nii.gz"
    codes = [
        main([str(word) for word in words])
        for words in (
            ("check", hospital),
            ("check", broken),
            ("mask", hospital, structures, "--structure", ROI, "--out", mask),
            ("mask", hospital, structures, "--structure", NAME, "--out", mask),
            ("mask", hospital, structures, "--structure-like", f"{NAME}*", "--out", mask),
            ("extract", hospital, structures, "--structure", ROI, "--measures"),
            ("scan", hospital, "--out", out, "--key", key, "--structure-like", "gtv*"),
        )
    ]
    assert codes == [0, 2, 0, 2, 2, 0, 0]
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 4 and len(said.err.splitlines()) == 3
    assert not found_in(said.out + said.err)
    assert not found_below(out)
    assert not found_in(mask.read_bytes())
    assert len(list((out / "images").iterdir())) == 2
    assert json.loads(said.out.splitlines()[-1])["scans"] == 1
    shutil.rmtree(hospital)
    assert not found_in(log.getvalue())


def test_a_cohort_keeps_what_belongs_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two patients, one with two dates and a third between, a series without structures, one that is no volume."""
    hospital = tmp_path / "hospital"
    day = {"20200101": 0, "20200131": 1, "20200301": 2}

    def at(patient: str, date: str, number: int) -> tuple[list[bytes], bytes]:
        def change(data: Dataset, index: int) -> None:
            data.PatientID, data.StudyDate = patient, date
            data.SeriesInstanceUID = f"{ROOT}{number}"
            data.FrameOfReferenceUID = f"{ROOT}{number}.5"
            data.SOPInstanceUID = f"{ROOT}{number}.{index + 10}"

        def same(data: Dataset) -> None:
            data.PatientID = patient

        voxels = ramp(8, 20, 24) + number
        return series(voxels, change=change), rtstruct({"GTV": CONTOURS}, frame=f"{ROOT}{number}.5", change=same)

    for number, (patient, date) in enumerate([("a", one) for one in day] + [("b", "20190506"), ("c", "20190506")]):
        files, structures = at(patient, date, 60 + number)
        folder = hospital / str(number)
        folder.mkdir(parents=True)
        for index, file in enumerate(files[:2] if patient == "c" else files):
            (folder / f"{index}.dcm").write_bytes(file)
        (folder / "rs.dcm").write_bytes(structures)
    (hospital / "notes.txt").write_text("hello")
    asked = ("scan", str(hospital), "--key", str(tmp_path / "key"), "--structure", "GTV")
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "subjects": 2, "scans": 3, "left_out": {"BETWEEN_SCANS": 1, "TOO_FEW_SLICES": 1, "UNKNOWN_FORMAT": 1}
    }  # fmt: skip
    manifest = (tmp_path / "out" / "manifest.csv").read_text()
    rows = [line.split(",") for line in manifest.splitlines()]
    header = rows[0]
    two = next(row for row in rows[1:] if row[header.index("ct.latest.day")])
    assert two[header.index("ct.latest.day")] == "60"
    latest = tmp_path / "out" / two[header.index("ct.latest.image")]
    assert read_image(Source.of(latest)).voxels[0, 0, 0] == 62 - 1024
    mask = read_segmentation(Source.of(tmp_path / "out" / two[header.index("ct.latest.mask")]))
    assert int((mask.labels == 1).sum()) == 4 * 7 * 10
    cohort = read_cohort(tmp_path / "out" / "manifest.csv")
    assert sorted([(one.name, one.day) for one in patient.scans] for patient in cohort.patients) == [
        [("ct", 0)], [("ct", 0), ("ct", 60)]
    ]  # fmt: skip
    linked = [line.split(",") for line in (tmp_path / "out" / "series.csv").read_text().splitlines()]
    assert linked[0] == ["subject", "study", "series", "frame_of_reference", "scan", "when", "image"]
    assert sorted((row[0] == two[0], row[4], row[5]) for row in linked[1:]) == [
        (False, "ct", "baseline"), (True, "ct", "baseline"), (True, "ct", "latest")
    ]  # fmt: skip
    assert len({row[1] for row in linked[1:]}) == 1, "all are of one study"
    assert len({row[2] for row in linked[1:]}) == len({row[3] for row in linked[1:]}) == 3
    assert all(row[column].startswith("2.25.") for row in linked[1:] for column in (1, 2, 3))
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("sys.stdin", io.StringIO("b\na \n\n"))
    assert main(["pseudonyms", "--key", str(tmp_path / "key")]) == 0
    named = capsys.readouterr().out.split()
    assert named[1] == two[0] and sorted(named) == sorted(row[0] for row in rows[1:])
    assert main(["pseudonyms", "--key", str(tmp_path / "none")]) == 2
    # Again with the same key: the same subjects; with another, others.
    assert main([*asked, "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "manifest.csv").read_text() == manifest
    assert (tmp_path / "again" / "left_out.csv").read_text() == (tmp_path / "out" / "left_out.csv").read_text()
    other = [*asked[:3], str(tmp_path / "other key"), *asked[4:]]
    assert main([*other, "--out", str(tmp_path / "third")]) == 0
    assert two[0] not in (tmp_path / "third" / "manifest.csv").read_text()


@pytest.mark.parametrize("where", ["hospital/key", "out/key"])
def test_the_key_never_lies_with_the_data(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hospital").mkdir()
    words = ("scan", tmp_path / "hospital", "--out", tmp_path / "out", "--key", tmp_path / where, "--structure", "x")
    assert main([str(word) for word in words]) == 2
    assert "outside of them" in capsys.readouterr().err
    assert not (tmp_path / where).exists()


def test_a_segmentation_of_highdicom_is_found_by_what_it_was_drawn_on(tmp_path: Path) -> None:
    import numpy as np  # noqa: PLC0415

    labels = np.zeros((8, 20, 24), np.uint8)
    labels[2:5, 3:9, 3:9] = 1
    hospital = tmp_path / "hospital"
    hospital.mkdir()
    for index, file in enumerate([*series(ramp(8, 20, 24)), seg(series(ramp(8, 20, 24)), labels, labels=("GTV",))]):
        (hospital / f"{index}.dcm").write_bytes(file)
    words = ("scan", hospital, "--out", tmp_path / "out", "--key", tmp_path / "key", "--structure", "GTV")
    assert main([str(word) for word in words]) == 0
    assert len(list((tmp_path / "out" / "images").iterdir())) == 2
