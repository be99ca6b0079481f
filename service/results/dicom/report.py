"""A structured report (TID 1500): each lesion with its measurements, and what each model predicts.

Complete, for all of the answer is in it; preliminary and unverified, for no person has seen it.
"""

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    ReferencedSegment,
    ReferencedSegmentationFrame,
    SourceImageForSegmentation,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DS

from radresponse.v1 import model_pb2, prediction_pb2
from service.results.answered import Answered, sentences
from service.results.concepts import (
    APPLICABILITY,
    EVIDENCE,
    OUTCOME,
    PROGRESSION,
    REFERENCE,
    THERAPY,
    WARNING,
)
from service.results.dicom.coding import coded, coded_unit, named, schemes
from service.results.dicom.common import MAKER, finished
from service.results.dicom.source_series import SourceSeries
from service.results.dicom.tracking import Tracked
from service.results.identity import uid_of
from service.results.lesion_figures import Figure, Measured
from service.results.predicted_figures import compared_figures, predicted_figures
from service.version import VERSION

SERIES_NUMBER = 9602
DS_CHARACTERS = 16
Group = (
    PlanarROIMeasurementsAndQualitativeEvaluations
    | VolumetricROIMeasurementsAndQualitativeEvaluations
    | MeasurementsAndQualitativeEvaluations
)
LIKENESS = {
    prediction_pb2.APPLICABILITY_STATUS_INSIDE: "inside",
    prediction_pb2.APPLICABILITY_STATUS_OUTSIDE: "outside",
}


@dataclass(frozen=True, slots=True, eq=False)
class ReportedScan:
    """One scan as a report has it."""

    series: SourceSeries
    segmentation: Dataset
    """Our SEG of its lesions, to which the report points."""
    segments: Mapping[int, int]
    """Numbers of segments by label."""
    lesions: Mapping[int, Tracked]
    """By label."""
    measured: Sequence[Measured]


def report_of(answered: Answered, scans: Sequence[ReportedScan], moment: datetime.datetime) -> Dataset:
    """One report of a whole answer, in the study of its last scan.

    The identifiers are a function of answer, segmentations and measurements.

    Args:
        answered: What the models say.
        scans: At least one, in the order of their dates, all of one patient.
        moment: Of its making, in UTC.
    """
    groups: list[Group] = [group for scan in scans for group in _lesion_groups(scan)]
    groups += [_prediction_group(answered, prediction) for prediction in answered.predictions]
    groups += [_difference_group(answered, therapy, one) for therapy, one in answered.differences]
    content = MeasurementReport(
        observation_context=_context(),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    identity = _identity(answered, scans)
    last = scans[-1]
    ordered = [last, *scans[:-1]]
    # Headers first: highdicom looks at the first one's patient, and may repeat a name in a warning.
    evidence = [header for scan in ordered for header in scan.series.headers] + [scan.segmentation for scan in ordered]
    made = Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=uid_of("SR series", identity),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid_of("SR", identity),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=VERSION,
        series_description="RadResponse: measurements and predictions",
        is_complete=True,
        is_final=False,
        is_verified=False,
        coding_schemes=schemes(),
    )
    return finished(made, last.series.identity, moment)


def _context() -> ObservationContext:
    # TID 1001 knows persons and devices as observers, and software is none of the first.
    observer = DeviceObserverIdentifyingAttributes(
        uid=uid_of("software", VERSION), name=f"{MAKER} {VERSION}", manufacturer_name=MAKER, model_name=MAKER
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=observer
        )
    )


def _lesion_groups(scan: ReportedScan) -> Iterator[Group]:
    """TID 1411 for a volume, TID 1410 for a projection."""
    seg, reference = scan.segmentation, scan.series.reference
    for measured in scan.measured:
        lesion, number = scan.lesions[measured.label], scan.segments[measured.label]
        tracking = TrackingIdentifier(lesion.uid, lesion.name)
        algorithm = AlgorithmIdentification(
            measured.method, measured.version, [measured.parameters] if measured.parameters else None
        )
        figures = [_measurement(figure) for figure in measured.figures]
        # By hand: `from_segmentation` of highdicom 0.28 wants sources that our headers do not keep.
        if reference.projection:
            yield PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking,
                referenced_segment=ReferencedSegmentationFrame(
                    sop_class_uid=seg.SOPClassUID,
                    sop_instance_uid=seg.SOPInstanceUID,
                    frame_number=number,  # each segment has one frame, in their order
                    segment_number=number,
                    source_image=SourceImageForSegmentation(
                        reference.sop_class_uid, reference.planes[0].sop_instance_uid
                    ),
                ),
                finding_type=codes.SCT.Neoplasm,
                algorithm_id=algorithm,
                measurements=figures,
            )
        else:
            yield VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking,
                referenced_segment=ReferencedSegment(
                    sop_class_uid=seg.SOPClassUID,
                    sop_instance_uid=seg.SOPInstanceUID,
                    segment_number=number,
                    source_series=SourceSeriesForSegmentation(reference.series_uid),
                ),
                finding_type=codes.SCT.Neoplasm,
                algorithm_id=algorithm,
                measurements=figures,
            )


def _prediction_group(
    answered: Answered, prediction: prediction_pb2.Prediction
) -> MeasurementsAndQualitativeEvaluations:
    progression = prediction.WhichOneof("predicted") in ("progression", "risk")
    evaluations = [_said(coded(WARNING), named(sentence)) for sentence in sentences(prediction)]
    if prediction.applicability.status in LIKENESS:
        evaluations.insert(0, _said(coded(APPLICABILITY), named(LIKENESS[prediction.applicability.status])))
    if prediction.therapy:
        evaluations.insert(0, _said(coded(THERAPY), named(prediction.therapy)))
    return _model_group(
        answered,
        prediction.model,
        (prediction.therapy, ""),
        coded(PROGRESSION if progression else OUTCOME),
        predicted_figures(prediction),
        evaluations,
    )


def _difference_group(
    answered: Answered, therapy: str, difference: prediction_pb2.Difference
) -> MeasurementsAndQualitativeEvaluations:
    reference = difference.reference_therapy
    evaluations = [_said(coded(THERAPY), named(therapy)), _said(coded(REFERENCE), named(reference))]
    if difference.evidence:
        evaluations.append(_said(coded(EVIDENCE), named(difference.evidence)))
    task = OUTCOME if difference.HasField("probability") else PROGRESSION
    return _model_group(
        answered, difference.model, (therapy, reference), coded(task), compared_figures(difference), evaluations
    )


def _model_group(
    answered: Answered,
    model: model_pb2.ModelReference,
    therapies: tuple[str, str],
    finding: CodedConcept,
    figures: Sequence[Figure],
    evaluations: Sequence[QualitativeEvaluation],
) -> MeasurementsAndQualitativeEvaluations:
    therapy, reference = therapies
    words = " ".join(part for part in (therapy, f"against {reference}" if reference else "") if part)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid_of("prediction", answered.digest, model.name, model.digest, therapy, reference),
            f"{model.name} {words}".strip(),
        ),
        finding_type=finding,
        algorithm_id=AlgorithmIdentification(model.name, model.version, [f"SHA-256 {model.digest}"]),
        measurements=[_measurement(figure) for figure in figures] or None,
        qualitative_evaluations=evaluations or None,
    )


def _measurement(figure: Figure) -> Measurement:
    measurement = Measurement(name=coded(figure.concept), value=figure.value, unit=coded_unit(figure.unit))
    told = measurement[0].MeasuredValueSequence[0]
    if len(str(told.NumericValue)) > DS_CHARACTERS:
        # pydicom 3.0 writes 9.999999999999999 as 10.00000000000000, a character too many, and DCMTK then reads nothing.
        told.NumericValue = DS(f"{figure.value:.9g}")
    return measurement


def _said(name: CodedConcept, value: CodedConcept) -> QualitativeEvaluation:
    return QualitativeEvaluation(name=name, value=value)


def _identity(answered: Answered, scans: Sequence[ReportedScan]) -> str:
    hashed = hashlib.sha256(answered.digest.encode())
    for scan in scans:
        told = [
            [one.label, one.method, one.version, one.parameters, [[f.concept.code, f.value] for f in one.figures]]
            for one in scan.measured
        ]
        hashed.update(json.dumps([str(scan.segmentation.SOPInstanceUID), told]).encode())
    return hashed.hexdigest()
