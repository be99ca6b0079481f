"""SEG and SR: what goes back says whose it is, what was measured and predicted, and an independent reader agrees."""

import io
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np
import pytest
from builders.answers import compared, outcome, predicted, withheld
from builders.cases import case, image_file, mask_file, scan
from builders.dcmqi_tools import read_report, read_segmentation
from builders.dicom import ENHANCED_CT, PT, Change, enhanced, rtstruct, seg, series, square, zipped
from builders.serving import Service, refused
from pydicom import dcmread
from pydicom.dataset import Dataset

from features.case import Case, Scan, Source, Structures
from features.compute import compute
from features.errors import UnsupportedImage
from features.imaging.header import Limits
from features.measures import measure_lesion
from features.opened import OpenedScan
from features.profile import DEFAULT_PROFILE
from radresponse.cli import main
from radresponse.v1 import case_pb2, prediction_pb2, result_pb2
from service.errors import MixedPatients
from service.results.answered import Answered, Response
from service.results.concepts import measure_concept, measure_unit
from service.results.dicom.objects import Objects, objects_of
from service.results.dicom.report import _measurement
from service.results.documents import file_of
from service.results.lesion_figures import Figure

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PROFILES = {"outcome-xgboost": DEFAULT_PROFILE}
VOXELS = np.random.default_rng(3).integers(900, 1300, (7, 24, 20)).astype(np.int16)
BOXES = {2: (slice(1, 5), slice(4, 12), slice(3, 10)), 5: (slice(3, 6), slice(14, 21), slice(11, 18))}
"""Of two lesions, by label: planes, rows, columns."""


def named(name: str, patient: str, study: str) -> Change:
    def change(data: Dataset, index: int) -> None:
        data.PatientName, data.PatientID, data.SpecificCharacterSet = name, patient, "ISO_IR 100"
        data.PatientBirthDate, data.StudyDate, data.IssuerOfPatientID = "19530214", "20260102", "WARD"
        if study:
            data.StudyInstanceUID = study
            data.SOPInstanceUID = f"{data.SOPInstanceUID}.{len(study)}"

    return change


def structures(*labels: int) -> bytes:
    """An RTSTRUCT of boxes."""
    contours = {}
    for label in labels:
        z, y, x = BOXES[label]
        corners = (x.start - 0.5, y.start - 0.5, x.stop - 0.5, y.stop - 0.5)
        contours[f"GTV {label}"] = [square(*corners, plane) for plane in range(z.start, z.stop)]
    return rtstruct(contours, numbers=labels)


def ct(
    labels: Sequence[int] = (2, 5), *, day: int = 0, name: str = "Müller^Jörg", patient: str = "p1", study: str = ""
) -> Scan:
    files = series(VOXELS, change=named(name, patient, study))
    return Scan("ct", day, Source.of(zipped(files)), Source.of(structures(*labels)), tuple(labels))


def made(*scans: Scan, response: Response | None = None, moment: datetime = MOMENT) -> Objects:
    answer = compared() if response is None else response
    return objects_of(scans, Answered.of("subject-1", answer, PROFILES), Limits(), moment)


def report_of(objects: Objects) -> Dataset:
    assert objects.report is not None
    return objects.report


def test_an_independent_reader_finds_every_lesion_voxel_for_voxel(tmp_path: Path) -> None:
    (one,) = made(ct()).segmentations
    segments = read_segmentation(file_of(one), tmp_path)
    for segment, (label, box) in zip(segments, BOXES.items(), strict=True):
        z, y, x = box
        lesion = next(lesion for lesion in OpenedScan(ct(), "", Limits()).open() if lesion.label == label)
        assert segment.voxels == lesion.voxel_count == np.prod([part.stop - part.start for part in box])
        middle = [(part.start + part.stop - 1) / 2 for part in (x, y, z)]
        grid = lesion.grid
        assert segment.spacing_mm == pytest.approx(grid.spacing_mm)
        assert segment.centroid_mm == pytest.approx(
            np.array(grid.origin_mm) + np.array(grid.spacing_mm) * middle, abs=1e-3
        )
        assert segment.label == segment.tracking[0] == f"GTV {label}"


def test_an_independent_reader_finds_every_number_of_the_report(tmp_path: Path) -> None:
    objects = made(ct())
    told = read_report(file_of(report_of(objects)), tmp_path)
    assert told["CompletionFlag"] == "COMPLETE"
    groups = told["Measurements"]
    lesions = {lesion.label: lesion for lesion in OpenedScan(ct(), "", Limits()).open()}
    for index, label in enumerate(sorted(lesions)):
        sizes, radiomics = groups[2 * index : 2 * index + 2]
        for group in (sizes, radiomics):
            assert group["ReferencedSegment"] == index + 1
            assert group["segmentationSOPInstanceUID"] == objects.segmentations[0].SOPInstanceUID
            assert group["TrackingIdentifier"] == f"GTV {label}"
        measured = {name: value for name, value in measure_lesion(lesions[label]).items() if name != "area_mm2"}
        values = [float(item["value"]) for item in sizes["measurementItems"]]
        assert values == pytest.approx(list(measured.values()), rel=1e-9)
        volume = sizes["measurementItems"][0]
        assert (volume["quantity"]["CodingSchemeDesignator"], volume["quantity"]["CodeValue"]) == ("IBSI", "YEKZ")
        assert (volume["units"]["CodingSchemeDesignator"], volume["units"]["CodeValue"]) == ("UCUM", "mm3")
        assert radiomics["measurementAlgorithmIdentification"]["AlgorithmParameters"] == [
            f"profile SHA-256 {DEFAULT_PROFILE.digest}"
        ]
    column = "radiomics.ct.baseline.largest.original_firstorder_Mean"
    truth = compute(Case((ct((2,)),)), [column], profile=DEFAULT_PROFILE).values[column]
    (mean,) = [item for item in groups[1]["measurementItems"] if item["quantity"]["CodeValue"] == "Q4LE"]
    assert float(mean["value"]) == pytest.approx(truth, rel=1e-9)
    assert mean["units"]["CodeValue"] == "[hnsf'U]"


def test_the_report_holds_every_prediction_with_its_model(tmp_path: Path) -> None:
    groups = read_report(file_of(report_of(made(ct()))), tmp_path)["Measurements"][4:]
    assert [group["TrackingIdentifier"] for group in groups] == [
        "outcome-xgboost chemotherapy",
        "progression-cox chemotherapy",
        "outcome-xgboost immunotherapy",
        "progression-cox immunotherapy",
        "outcome-xgboost immunotherapy against chemotherapy",
        "progression-cox immunotherapy against chemotherapy",
    ]
    for group in groups:
        assert "ReferencedSegment" not in group
        algorithm = group["measurementAlgorithmIdentification"]
        version, digest = ("3", "a" * 64) if algorithm["AlgorithmName"] == "outcome-xgboost" else ("1", "b" * 64)
        assert (algorithm["AlgorithmVersion"], algorithm["AlgorithmParameters"]) == (version, [f"SHA-256 {digest}"])
    figures = {item["quantity"]["CodeValue"]: item for item in groups[0]["measurementItems"]}
    assert {code: float(item["value"]) for code, item in figures.items()} == pytest.approx(
        {"PROB": 62.07, "PROB-LO": 41.0, "PROB-UP": 79.0}
    )
    assert figures["PROB"]["units"]["CodeValue"] == "%"
    said = {
        one["conceptCode"]["CodeValue"]: one["conceptValue"]["CodeMeaning"]
        for one in groups[0]["qualitativeEvaluations"]
    }
    assert (said["THERAPY"], said["APPLICABILITY"]) == ("chemotherapy", "inside")
    assert said["WARNING"].startswith("This model learned from simulated patients")


def test_a_report_is_complete_preliminary_and_unverified_in_the_patients_own_study() -> None:
    objects = made(ct())
    report = report_of(objects)
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == (
        "COMPLETE", "PRELIMINARY", "UNVERIFIED",
    )  # fmt: skip
    source = dcmread(io.BytesIO(series(VOXELS)[0]))
    for one in (report, *objects.segmentations):
        again = dcmread(io.BytesIO(file_of(one)))
        assert (str(again.PatientName), again.PatientID, again.IssuerOfPatientID) == ("Müller^Jörg", "p1", "WARD")
        assert (again.PatientBirthDate, again.StudyDate) == ("19530214", "20260102")
        assert again.StudyInstanceUID == source.StudyInstanceUID
        assert again.SeriesInstanceUID != source.SeriesInstanceUID
        assert again.ContentDate + again.ContentTime == "20260304050607.000000"
    assert objects.segmentations[0].FrameOfReferenceUID == source.FrameOfReferenceUID


def test_the_same_answer_is_the_same_objects() -> None:
    first, again = made(ct()), made(ct())
    for one, other in zip((*first.segmentations, first.report), (*again.segmentations, again.report), strict=True):
        assert one is not None and other is not None
        assert file_of(one) == file_of(other)
    later = made(ct(), moment=datetime(2027, 1, 1, tzinfo=UTC))
    assert report_of(later).SOPInstanceUID == report_of(first).SOPInstanceUID
    assert later.segmentations[0].SOPInstanceUID == first.segmentations[0].SOPInstanceUID
    other_answer = made(ct(), response=predicted(outcome("chemotherapy")))
    assert report_of(other_answer).SOPInstanceUID != report_of(first).SOPInstanceUID
    assert other_answer.segmentations[0].SOPInstanceUID == first.segmentations[0].SOPInstanceUID
    assert made(ct((2,))).segmentations[0].SOPInstanceUID != first.segmentations[0].SOPInstanceUID


def tracking(objects: Objects, scan_: int = 0) -> dict[str, str]:
    return {one.TrackingID: one.TrackingUID for one in objects.segmentations[scan_].SegmentSequence}


def test_a_lesion_is_followed_from_study_to_study_and_from_patient_to_patient_never() -> None:
    later = ct((2,), day=90, study="1.2.3.4")
    objects = made(ct(), later)
    assert tracking(objects, 1)["GTV 2"] == tracking(objects, 0)["GTV 2"]
    assert len(set(tracking(objects, 0).values())) == 2
    assert tracking(made(ct(patient="p2")))["GTV 2"] != tracking(objects)["GTV 2"]
    report = report_of(objects)
    assert report.StudyInstanceUID == "1.2.3.4"
    evidence = [*report.CurrentRequestedProcedureEvidenceSequence, *report.get("PertinentOtherEvidenceSequence", ())]
    assert {str(study.StudyInstanceUID) for study in evidence} == {
        "1.2.3.4",
        str(objects.segmentations[0].StudyInstanceUID),
    }


def test_a_seg_that_tracks_its_segments_is_followed_as_it_says() -> None:
    files = series(VOXELS)
    mask = np.zeros(VOXELS.shape, np.uint8)
    mask[BOXES[2]] = 1
    drawn = dcmread(io.BytesIO(seg(files, mask, labels=("tumour",))))
    drawn.SegmentSequence[0].TrackingID, drawn.SegmentSequence[0].TrackingUID = "target 1", "1.2.840.99"
    objects = made(Scan("ct", 0, Source.of(zipped(files)), Source.of(file_of(drawn)), (1,)))
    assert tracking(objects) == {"target 1": "1.2.840.99"}


def test_names_in_a_structure_are_masked_where_they_are_no_words_of_anatomy() -> None:
    box = [square(3, 4, 9, 11, plane) for plane in range(1, 5)]
    told = Scan(
        "ct", 0, Source.of(zipped(series(VOXELS))), Source.of(rtstruct({"GTV Doe^Jane": box})),
        structures=Structures(names=("GTV Doe^Jane",)),
    )  # fmt: skip
    objects = made(told)
    assert list(tracking(objects)) == ["GTV *^*"]
    assert b"Jane" not in file_of(objects.segmentations[0]) + file_of(report_of(objects))


def test_frames_of_a_multi_frame_image_are_found_in_any_order(tmp_path: Path) -> None:
    file = enhanced(VOXELS, ENHANCED_CT, order=[3, 0, 6, 1, 5, 2, 4])
    (one,) = made(Scan("ct", 0, Source.of(zipped([file])), Source.of(structures(2, 5)), (2, 5))).segmentations
    lesions = OpenedScan(ct(), "", Limits()).open()
    for segment, lesion in zip(read_segmentation(file_of(one), tmp_path), lesions, strict=True):
        assert segment.voxels == lesion.voxel_count
        z, y, x = BOXES[lesion.label]
        middle = [(part.start + part.stop - 1) / 2 for part in (x, y, z)]
        where = np.array(lesion.grid.origin_mm) + np.array(lesion.grid.spacing_mm) * middle
        assert segment.centroid_mm == pytest.approx(where, abs=1e-3)


def test_scans_of_two_patients_are_refused_by_place() -> None:
    with pytest.raises(MixedPatients) as refusal:
        made(ct(), ct((2,), day=90, patient="p2"))
    assert refusal.value.place == "case.scans[1].image"
    assert "p1" not in str(refusal.value)


def test_a_withheld_prediction_has_no_figure_and_scans_without_dicom_are_left_aside() -> None:
    plain = Scan("pt", 0, Source.of(image_file()), Source.of(mask_file()))
    objects = made(ct((2,)), plain, response=predicted(withheld("chemotherapy")))
    assert len(objects.segmentations) == 1
    assert report_of(objects).ContentSequence
    assert made(plain).report is None


def test_a_name_that_breaks_the_standard_is_told_to_nobody() -> None:
    bad = ct((2,), name="Solo", patient="x" * 70)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        objects = made(bad)
        file_of(report_of(objects))
    assert not [one for one in told if "Solo" in str(one.message) or "xxx" in str(one.message)]
    assert str(report_of(objects).PatientName) == "Solo"


def test_a_number_that_pydicom_writes_too_long_is_read_all_the_same() -> None:
    figure = Figure(measure_concept("long_axis_mm"), measure_unit("long_axis_mm"), 9.999999999999999)
    told = _measurement(figure)[0].MeasuredValueSequence[0]
    assert len(str(told.NumericValue)) <= 16
    assert float(told.NumericValue) == pytest.approx(10.0)
    assert told.FloatingPointValue == 9.999999999999999


def test_a_lesion_without_features_still_has_its_axes() -> None:
    box = [square(3, 4, 4, 5, 2)]
    one = Scan("ct", 0, Source.of(zipped(series(VOXELS))), Source.of(rtstruct({"GTV": box}, numbers=[1])), (1,))
    assert report_of(made(one)).ContentSequence


DICOM = [result_pb2.RESULT_FORMAT_DICOM_SR, result_pb2.RESULT_FORMAT_DICOM_SEG]


def inline(labels: Sequence[int] = (2, 5), *, pet: bool = False) -> case_pb2.Scan:
    voxels = VOXELS if not pet else (VOXELS // 4).astype(np.int16)
    files = zipped(series(voxels, PT if pet else "1.2.840.10008.5.1.4.1.1.2"))
    modality = case_pb2.MODALITY_PT if pet else case_pb2.MODALITY_CT
    return scan(files, structures(*labels), modality=modality, labels=labels)


def test_a_request_gets_objects_of_each_scan_that_came_as_dicom(service: Service, tmp_path: Path) -> None:
    one = case(inline(), inline((2,), pet=True))
    answer = service.predict(prediction_pb2.PredictRequest(case=one, result_formats=DICOM))
    report, *segmentations = answer.documents
    assert [told.format for told in answer.documents] == [DICOM[0], DICOM[1], DICOM[1]]
    assert {told.media_type for told in answer.documents} == {"application/dicom"}
    for index, (told, count) in enumerate(zip(segmentations, (2, 1), strict=True)):
        assert len(read_segmentation(told.content, tmp_path / str(index))) == count
    groups = read_report(report.content, tmp_path / "sr")["Measurements"]
    probability = next(
        prediction.outcome.probability for prediction in answer.predictions if prediction.HasField("outcome")
    )
    told_ = next(group for group in groups if group["TrackingIdentifier"].startswith("outcome-"))
    assert float(told_["measurementItems"][0]["value"]) == pytest.approx(100 * probability, rel=1e-9)


def test_dicom_is_refused_where_no_scan_came_as_such(service: Service) -> None:
    one = case(scan(image_file(), mask_file()))
    error = refused(service.predict, prediction_pb2.PredictRequest(case=one, result_formats=DICOM), one.subject)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.fields == ("result_formats[0]",)


def test_the_command_writes_a_report_and_numbered_segmentations(service: Service, tmp_path: Path) -> None:
    words = ["--server", f"127.0.0.1:{service.server.port}", "--subject", "p-1", "--covariate", "age_years=61"]
    for modality, one in (("ct", inline()), ("pt", inline((2,), pet=True))):
        files = [tmp_path / f"{modality}.zip", tmp_path / f"{modality}.dcm"]
        files[0].write_bytes(one.image.inline)
        files[1].write_bytes(one.segmentation.inline)
        words += [f"--{modality}", *map(str, files), f"labels={','.join(map(str, one.labels))}"]
    results = [f"dicom-seg={tmp_path / 'lesions.dcm'}", f"dicom-sr={tmp_path / 'report.dcm'}"]
    assert main(["predict", *words, "--json", "--result", results[0], "--result", results[1]]) == 0
    kinds = [dcmread(tmp_path / name).Modality for name in ("lesions.dcm", "lesions-2.dcm", "report.dcm")]
    assert kinds == ["SEG", "SEG", "SR"]


def test_planes_spread_over_several_multi_frame_instances_are_refused() -> None:
    from features.dicom.reference import Plane, SeriesReference  # noqa: PLC0415
    from service.results.dicom.source_series import source_series  # noqa: PLC0415

    files = series(VOXELS)
    uids = [str(dcmread(io.BytesIO(file)).SOPInstanceUID) for file in files[:2]]
    planes = tuple(Plane(uid, 2, (0.0, 0.0, 0.0)) for uid in uids)
    reference = SeriesReference("1.2", "1.3", "", ENHANCED_CT, "CT", planes)
    with pytest.raises(UnsupportedImage, match="spread over several"):
        source_series(Source.of(zipped(files)), reference, Limits())
