"""A mammogram over gRPC: features of its plane, a prediction's SEG and SR that refer to it, refusals."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from builders.answers import compared
from builders.cases import case, scan
from builders.dcmqi_tools import read_report
from builders.dicom import MG, named, projection, rtstruct, seg, source, zipped
from builders.serving import Service, refused
from pydicom import dcmread
from pydicom.dataset import Dataset

from features.case import Case, Scan, Source
from features.compute import all_columns, compute
from features.imaging.header import Limits
from features.imaging.read import read_image, read_segmentation
from features.profile import DEFAULT_PROFILE
from radresponse.cases import scan as scan_of
from radresponse.v1 import case_pb2, prediction_pb2
from radresponse.words import feature_parts
from service.results.answered import Answered
from service.results.dicom.objects import objects_of
from service.results.documents import file_of

LABELS = np.zeros((40, 32), dtype=np.uint8)
LABELS[6:20, 5:24], LABELS[28:34, 10:16] = 1, 2


def identified(data: Dataset) -> None:
    data.PatientName, data.SpecificCharacterSet = "Müller^Jörg", "ISO_IR 100"
    data.PatientBirthDate, data.StudyDate = "19530214", "20260102"


FILE = projection(np.random.default_rng(2).integers(200, 3000, LABELS.shape), MG, change=identified)
DRAWN = seg([FILE], LABELS[None])


def mammogram(
    file: bytes = FILE, drawn: bytes = DRAWN, modality: case_pb2.Modality = case_pb2.MODALITY_MG
) -> case_pb2.Case:
    return case(scan(file, drawn, modality=modality, labels=(1, 2)), subject="mammogram-1")


def test_a_mammogram_is_measured_over_grpc(service: Service) -> None:
    taken = Case((Scan("mg", 0, source(FILE), Source.of(DRAWN), (1, 2)),))
    columns = all_columns(taken, DEFAULT_PROFILE)
    for packed in (FILE, zipped([FILE])):
        answer = service.extract(prediction_pb2.ExtractFeaturesRequest(case=mammogram(packed)))
        assert dict(answer.features) == compute(taken, columns, profile=DEFAULT_PROFILE).values
    assert "radiomics.mg.baseline.largest.original_shape2D_Sphericity" in answer.features
    volume = "measure.mg.baseline.all.volume_mm3"
    asked = prediction_pb2.ExtractFeaturesRequest(case=mammogram(), columns=[volume])
    assert "no depth" in service.extract(asked).missing[volume]


def test_a_mammogram_said_to_be_a_ct_is_refused(service: Service) -> None:
    asked = prediction_pb2.ExtractFeaturesRequest(case=mammogram(modality=case_pb2.MODALITY_CT))
    error = refused(service.extract, asked, "mammogram-1")
    assert (error.reason, error.fields) == ("MODALITY_MISMATCH", ("case.scans[0].image",))
    contours = rtstruct({"tumour": [[(1.0, 1.0, 0.0), (3.0, 1.0, 0.0), (3.0, 3.0, 0.0)]]}, numbers=(1,))
    one = mammogram(drawn=contours)
    del one.scans[0].labels[1:]
    error = refused(service.extract, prediction_pb2.ExtractFeaturesRequest(case=one), "mammogram-1")
    assert (error.reason, error.fields) == ("REFERENCE_MISMATCH", ("case.scans[0].segmentation",))


def test_what_goes_back_refers_to_the_mammogram(tmp_path: Path) -> None:
    answered = Answered.of("mammogram-1", compared(), {"outcome-xgboost": DEFAULT_PROFILE})
    one = Scan("mg", 0, source(FILE), Source.of(DRAWN), (1, 2))
    made = objects_of([one], answered, Limits(), datetime(2026, 3, 4, tzinfo=UTC))
    (drawn,) = (file_of(each) for each in made.segmentations)
    uid = dcmread(io.BytesIO(FILE)).SOPInstanceUID
    pixels = hd.seg.segread(io.BytesIO(drawn)).get_pixels_by_source_instance([uid], combine_segments=True)
    np.testing.assert_array_equal(pixels[0], LABELS)
    again = read_segmentation(Source.of(drawn), image=read_image(source(FILE)), structures=named("tumour", "node"))
    np.testing.assert_array_equal(again.labels[0], LABELS)

    assert made.report is not None
    report = hd.sr.srread(io.BytesIO(file_of(made.report)))
    assert isinstance(report.content, hd.sr.MeasurementReport)
    groups = report.content.get_planar_roi_measurement_groups()
    assert not report.content.get_volumetric_roi_measurement_groups()
    frames = [item for item in _walked(report) if "ReferencedFrameNumber" in item]
    assert {str(frame.ReferencedSOPInstanceUID) for frame in frames} == {str(made.segmentations[0].SOPInstanceUID)}
    assert {int(frame.ReferencedFrameNumber) for frame in frames} == {1, 2}
    told = read_report(file_of(made.report), tmp_path)["Measurements"]
    areas = [
        float(item["value"])
        for group in told[: len(groups)]
        for item in group["measurementItems"]
        if item["quantity"]["CodeValue"] == "area_mm2"
    ]
    assert areas == pytest.approx([14 * 19 * 0.02, 36 * 0.02])
    assert not any("olume" in str(group) for group in told[: len(groups)])


def _walked(data: Dataset) -> Iterator[Dataset]:
    yield data
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                yield from _walked(item)


def test_the_client_and_its_words_know_projections() -> None:
    for word, modality in (("cr", case_pb2.MODALITY_CR), ("dx", case_pb2.MODALITY_DX), ("mg_cc", case_pb2.MODALITY_MG)):
        assert scan_of(word, b"x", b"y").message.modality == modality
    assert feature_parts("measure.mg_cc.baseline.largest.area_mm2") == ("area", "the largest mammogram cc lesion")
