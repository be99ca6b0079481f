"""All objects of one answer: a SEG for each scan that came as DICOM, and one report of the whole."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset

from features.case import Scan, Source
from features.errors import FeatureError
from features.imaging.header import Limits
from features.imaging.read import holds_dicom
from features.imaging.volume import Image
from features.lesion import Lesion
from features.opened import OpenedScan
from features.profile import Profile
from features.types import Labels
from service.errors import MixedPatients
from service.results.answered import Answered
from service.results.dicom.report import ReportedScan, report_of
from service.results.dicom.segmentation import segmentation_of, segments_of
from service.results.dicom.source_series import SourceSeries, source_series
from service.results.dicom.tracking import Tracked, by_number, tracked
from service.results.lesion_figures import measured
from service.version import VERSION


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """What goes back to where the images came from."""

    segmentations: tuple[Dataset, ...] = field(repr=False)
    """One for each scan that came as DICOM, in the order of the case."""
    report: Dataset | None = field(repr=False)
    """None where no scan came as DICOM."""


def objects_of(
    scans: Sequence[Scan],
    answered: Answered,
    limits: Limits,
    moment: datetime.datetime,
    check: Callable[[], None] = lambda: None,
) -> Objects:
    """Makes the objects of one answer.

    Args:
        scans: Of the case; those that did not come as DICOM are left aside.
        answered: What the models say, with the profiles by which lesions are measured.
        limits: What files may claim.
        moment: Of making them, in UTC. All else is a function of scans and answer.
        check: Raises where nobody waits any more.

    Raises:
        MixedPatients: Two scans are of different patients.
        FeatureError: A scan cannot be read; `place` says which.
    """
    profiles = _profiles(answered)
    reported: list[tuple[int, ReportedScan]] = []
    for index, scan in enumerate(scans):
        check()
        opened = OpenedScan(scan, f"scans[{index}]", limits)
        lesions = opened.open()
        if (image := opened.image).reference is None:
            continue
        try:
            series = source_series(scan.image, image.reference, limits)
            if reported and series.patient != reported[0][1].series.patient:
                raise MixedPatients(f"case.scans[{index}].image")
            reported.append((scan.day, _reported(scan, series, image, lesions, limits, profiles, moment, check)))
        except FeatureError as error:
            error.place = error.place or f"scans[{index}]"
            raise
    if not reported:
        return Objects((), None)
    by_date = [scan for _, scan in sorted(reported, key=lambda one: one[0])]
    return Objects(tuple(scan.segmentation for _, scan in reported), report_of(answered, by_date, moment))


def _reported(
    scan: Scan,
    series: SourceSeries,
    image: Image,
    lesions: Sequence[Lesion],
    limits: Limits,
    profiles: Sequence[Profile],
    moment: datetime.datetime,
    check: Callable[[], None],
) -> ReportedScan:
    labels: Labels = np.zeros(image.voxels.shape, dtype=np.int32)
    for lesion in lesions:
        labels[lesion.mask] = lesion.label
    followed = _followed(scan.segmentation, lesions, limits, series.patient)
    return ReportedScan(
        series=series,
        segmentation=segmentation_of(series, labels, followed, moment),
        segments=segments_of(labels),
        lesions=followed,
        measured=measured(lesions, scan.name, profiles, VERSION, check),
    )


def _followed(
    segmentation: Source, lesions: Sequence[Lesion], limits: Limits, patient: tuple[str, str]
) -> Mapping[int, Tracked]:
    known = tracked(segmentation, limits, patient) if holds_dicom(segmentation) else {}
    return {lesion.label: known.get(lesion.label) or by_number(lesion.label, patient) for lesion in lesions}


def _profiles(answered: Answered) -> list[Profile]:
    """Those of the models that answered, each once, by digest."""
    names = dict.fromkeys(prediction.model.name for prediction in answered.predictions)
    found = {profile.digest: profile for name in names if (profile := answered.profiles.get(name)) is not None}
    return [found[digest] for digest in sorted(found)]
