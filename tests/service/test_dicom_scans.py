"""DICOM over gRPC: a zip, several uploads or inline; structures by name or number; refusals that tell their field."""

from pathlib import Path

import grpc
import numpy as np
import pytest
from builders.cases import case, scan
from builders.dicom import JPEG_LS, compressed, enhanced, ramp, rtstruct, seg, series, source, square, zipped
from builders.images import nrrd
from builders.servers import whole
from builders.serving import Service, refused

from features.imaging.read import read_image
from radresponse.client import Client
from radresponse.client import case as case_of
from radresponse.client import scan as scan_of
from radresponse.v1 import case_pb2, image_pb2, prediction_pb2
from service.replay.command import _with_files

FILES = series(ramp(8, 20, 24))
STRUCTURES = rtstruct(
    {
        "tumour": [square(2.6, 2.6, 12.4, 9.4, plane) for plane in range(2, 6)],
        "GTV Mueller": [square(14.6, 11.6, 20.4, 16.4, plane) for plane in range(2, 4)],
    },
    numbers=(3, 7),
)
MEAN, VOLUME = "radiomics.ct.baseline.largest.original_firstorder_Mean", "measure.ct.baseline.all.volume_mm3"
TUMOUR_MM3 = 4 * 7 * 10 * 0.8 * 1.25 * 2.5


def structured(
    image: bytes | case_pb2.ImageSource, structures: tuple[str, ...] = ("tumour",), labels: tuple[int, ...] = ()
) -> case_pb2.Scan:
    one = scan(b"x", STRUCTURES, labels=labels)
    one.structures.extend(structures)
    one.image.CopyFrom(case_pb2.ImageSource(inline=image) if isinstance(image, bytes) else image)
    return one


def asked(*scans: case_pb2.Scan, subject: str = "dicom-1") -> prediction_pb2.ExtractFeaturesRequest:
    return prediction_pb2.ExtractFeaturesRequest(case=case(*scans, subject=subject), columns=[MEAN, VOLUME])


def test_a_zip_is_measured_as_its_voxels_in_a_plain_file_are(service: Service) -> None:
    image = read_image(source(FILES))
    labels = np.zeros(image.voxels.shape, dtype=np.uint8)
    labels[2:6, 3:10, 3:13] = 1
    plain = scan(nrrd(image.voxels.astype(np.int16), image.grid), nrrd(labels, image.grid))
    truth = dict(service.extract(asked(plain)).features)
    assert truth[VOLUME] == pytest.approx(TUMOUR_MM3)
    for packed in (zipped(FILES), zipped([compressed(file, JPEG_LS) for file in FILES]), enhanced(ramp(8, 20, 24))):
        assert dict(service.extract(asked(structured(packed))).features) == pytest.approx(truth)
    drawn = scan(zipped(FILES), seg(FILES, labels, labels=("tumour",)), labels=(1,))
    assert dict(service.extract(asked(drawn)).features) == pytest.approx(truth)


def test_structures_are_asked_by_name_or_number(service: Service) -> None:
    by_name = service.extract(asked(structured(zipped(FILES)))).features
    assert dict(service.extract(asked(structured(zipped(FILES), (), (3,)))).features) == dict(by_name)
    both = service.extract(asked(structured(zipped(FILES), ("tumour", "GTV Mueller")))).features
    assert both[VOLUME] == pytest.approx(TUMOUR_MM3 + 2 * 5 * 6 * 0.8 * 1.25 * 2.5)
    assert both[MEAN] == by_name[MEAN]


def test_several_uploads_are_one_series_and_go_with_their_subject(service: Service) -> None:
    sent = [service.upload(whole(file, "dicom-2")).image.digest for file in (*FILES, STRUCTURES)]
    one = structured(case_pb2.ImageSource(files=case_pb2.UploadedFiles(digests=sent[:-1])))
    one.segmentation.CopyFrom(case_pb2.ImageSource(digest=sent[-1]))
    first = service.extract(asked(one, subject="dicom-2"))
    assert dict(first.features) == pytest.approx(dict(service.extract(asked(structured(zipped(FILES)))).features))
    reordered = case_pb2.Scan()
    reordered.CopyFrom(one)
    reordered.image.files.digests[:] = sent[-2::-1]
    second = service.extract(asked(reordered, subject="dicom-2"))
    assert second.provenance.scans == first.provenance.scans
    del reordered.image.files.digests[3]
    assert refused(service.extract, asked(reordered, subject="dicom-2"), "dicom-2").reason == "MISSING_SLICES"
    assert service.delete(image_pb2.DeleteSubjectRequest(subject="dicom-2")).deleted_images == len(FILES) + 1
    gone = refused(service.extract, asked(one, subject="dicom-2"), "dicom-2")
    assert (gone.code, gone.fields) == (grpc.StatusCode.NOT_FOUND, ("case.scans[0].image.files.digests[0]",))


def test_a_refusal_tells_the_reason_and_the_field(service: Service) -> None:
    tilted = zipped(series(ramp(8, 20, 24), step=(0, 0.6, 2.5)))
    image = "case.scans[0].image"
    for content, reason in ((tilted, "SHEARED_SLICES"), (zipped(FILES[:2]), "TOO_FEW_SLICES")):
        told = refused(service.extract, asked(structured(content)), "dicom-1")
        assert (told.code, told.reason, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, reason, (image,))


def test_a_missed_structure_lists_what_there_is_and_repeats_no_name(service: Service) -> None:
    for structures, labels, reason in (
        (("Mueller",), (), "STRUCTURE_NOT_FOUND"),
        ((), (9,), "STRUCTURE_NOT_FOUND"),
        ((), (), "STRUCTURE_NOT_CHOSEN"),
    ):
        told = refused(service.extract, asked(structured(zipped(FILES), structures, labels)), "dicom-1")
        assert (told.reason, told.fields) == (reason, ("case.scans[0].segmentation",))
        assert "3 tumour, 7 GTV *" in told.message
        assert "Mueller" not in told.message


def test_malformed_fields_are_named(service: Service) -> None:
    one = structured(zipped(FILES), ("x" * 65,))
    assert refused(service.extract, asked(one), "dicom-1").fields == ("case.scans[0].structures[0]",)
    one = structured(zipped(FILES), ("a",) * 65)
    assert refused(service.extract, asked(one), "dicom-1").fields == ("case.scans[0].structures",)
    for digests, field in ((["0" * 64] * 2, ""), (["nonsense"], "[0]"), (["0" * 64], "[0]")):
        one = structured(case_pb2.ImageSource(files=case_pb2.UploadedFiles(digests=digests)))
        told = refused(service.extract, asked(one), "dicom-1")
        assert told.fields == (f"case.scans[0].image.files.digests{field}",)
    one = structured(case_pb2.ImageSource(files=case_pb2.UploadedFiles()))
    assert refused(service.extract, asked(one), "dicom-1").fields == ("case.scans[0].image",)


def test_the_client_takes_a_folder_and_a_structure(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "Mueller"
    folder.mkdir()
    for index, file in enumerate(FILES):
        (folder / f"Mueller-{index}.dcm").write_bytes(file)
    (folder / "notes.txt").write_text("not DICOM")
    (tmp_path / "rs.dcm").write_bytes(STRUCTURES)
    with Client(f"127.0.0.1:{service.server.port}") as client:
        patient = case_of("dicom-3", [scan_of("ct", folder, tmp_path / "rs.dcm", structure="tumour")])
        answer = client.extract(patient, [VOLUME])
        assert answer.features[VOLUME] == pytest.approx(TUMOUR_MM3)
        (message,) = client.message(patient).scans
        assert b"Mueller" not in message.image.inline
        assert list(_with_files(patient).scans) == [message]  # as a past answer is made again from the same folder
        for path in list(folder.iterdir()):
            path.rename(folder / f"z{path.name[::-1]}")
        assert client.message(patient).scans[0].image == message.image
