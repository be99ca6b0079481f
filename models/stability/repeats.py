"""Features of a cohort's patients measured several times, each time from scans that are a little different.

One patient's work is one task: images are decoded once, perturbed, and measured by the trainer's own way from files.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from features.case import Scan, Source
from features.errors import FeatureError
from features.imaging.read import Limits
from features.imaging.write import write_image, write_segmentation
from features.opened import OpenedScan
from features.types import Floats
from models.cohort import Cohort, Patient, ScanFiles
from models.errors import BadCohort
from models.progress import progress_bar
from models.stability.perturb import perturb
from models.table import Measurer, Measuring

FEWEST = 3
"""Patients who could be measured each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """What came of it."""

    features: tuple[str, ...]
    values: Floats
    """(patients, repeats, features); NaN where there is none."""


@dataclass(frozen=True, slots=True)
class _Task:
    scans: tuple[ScanFiles, ...]
    seed: tuple[int, int]
    """The cohort's, and the patient's row: the same whichever process does it, and whoever else is drawn."""
    repeats: int


_Found = list[dict[str, float]]
"""Of each repeat by feature; none where a scan could not be used."""


def measure_repeats(
    cohort: Cohort,
    measuring: Measuring,
    *,
    repeats: int,
    patients: int,
    seed: int,
    workers: int = 1,
    progress: bool = True,
) -> Repeats:
    """Perturbs and measures.

    Args:
        cohort: Of its patients with scans, those drawn are measured; what became of them is not looked at.
        measuring: As the features to learn from are measured.
        repeats: How often each patient is.
        patients: At most so many, drawn at random.
        seed: The same seed and files give the same values.
        workers: Processes; 1 measures in this one.
        progress: Whether a bar goes to stderr.

    Raises:
        BadCohort: Fewer than three patients have scans that can be measured.
    """
    drawn = _drawn([patient for patient in cohort.patients if patient.scans], patients, seed)
    tasks = [_Task(patient.scans, (seed, patient.row), repeats) for patient in drawn]
    found: list[_Found] = []
    with progress_bar(len(tasks), "stability", "patient", shown=progress) as bar:
        for one in _on_processes(tasks, measuring, workers) if workers > 1 else _here(tasks, measuring):
            found.append(one)
            bar.update()
    measured = [one for one in found if one]
    if len(measured) < FEWEST:
        raise BadCohort(
            f"{len(measured)} patients have scans that could be perturbed and measured; wanted {FEWEST} or more",
            patients=len(measured),
        )
    features = tuple(dict.fromkeys(feature for one in measured for values in one for feature in values))
    values = [[[values.get(feature, np.nan) for feature in features] for values in one] for one in measured]
    return Repeats(features, np.array(values, np.float64).reshape(len(measured), repeats, len(features)))


def _drawn(patients: Sequence[Patient], most: int, seed: int) -> list[Patient]:
    if len(patients) <= most:
        return list(patients)
    chosen = np.random.default_rng(seed).choice(len(patients), most, replace=False)
    return [patients[index] for index in sorted(chosen)]


def _here(tasks: Sequence[_Task], measuring: Measuring) -> Iterator[_Found]:
    measurer = Measurer(measuring)
    try:
        for task in tasks:
            yield _repeated(task, measurer)
    finally:
        measurer.close()


def _on_processes(tasks: Sequence[_Task], measuring: Measuring, workers: int) -> Iterator[_Found]:
    """Fresh processes: a forked torch or SimpleITK may hang."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=partial(_start, measuring)) as pool:
        try:
            yield from pool.map(_work, tasks, chunksize=1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _repeated(task: _Task, measurer: Measurer) -> _Found:
    """None where any repeat fails as a whole: with the others alone a patient would count for less."""
    try:
        opened = [
            OpenedScan(Scan(one.name, one.day, Source.of(one.image), Source.of(one.mask), one.labels), "scan", Limits())
            for one in task.scans
        ]
        for scan in opened:
            scan.open()
    except FeatureError:
        return []
    found: _Found = []
    for repeat in range(task.repeats):
        with TemporaryDirectory() as folder:
            scans = tuple(
                _written(files, scan, Path(folder) / str(index), np.random.default_rng([*task.seed, repeat, index]))
                for index, (files, scan) in enumerate(zip(task.scans, opened, strict=True))
            )
            measured = measurer.measure(scans)
        if measured.reason:
            return []
        found.append(measured.values)
    return found


def _written(files: ScanFiles, scan: OpenedScan, folder: Path, rng: np.random.Generator) -> ScanFiles:
    folder.mkdir()
    image, segmentation = perturb(scan.image, scan.open(), rng)
    write_image(image, folder / "image.nii")
    write_segmentation(segmentation, folder / "mask.nii")
    return replace(files, image=folder / "image.nii", mask=folder / "mask.nii", labels=())


_measurer: Measurer | None = None


def _start(measuring: Measuring) -> None:
    global _measurer  # noqa: PLW0603 - a process of the pool has nowhere else to keep it
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: one core a process
    _measurer = Measurer(measuring)


def _work(task: _Task) -> _Found:
    assert _measurer is not None  # noqa: S101 - `_start` ran first
    return _repeated(task, _measurer)
