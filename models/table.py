"""Features of a whole cohort: one row a patient, on several processes, resumable from the cache.

pyradiomics holds the interpreter's lock, so processes and not threads. Rows come in the manifest's order whatever the
number of processes, and patients whose features are all cached cost no process at all.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from features.cache import FeatureCache
from features.case import Case, Scan, Source
from features.compute import all_columns, compute
from features.errors import FeatureError
from features.profile import Profile
from models.cohort import Cohort, Patient, ScanFiles
from models.errors import BadCohort
from models.families.columns import THERAPY, ColumnSpec
from models.progress import progress_bar
from models.stability.stable import Stability

MOST_LEFT_OUT = 0.5


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A patient who could not be measured, by row of the manifest."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Raw columns of every patient who could be measured."""

    frame: pd.DataFrame
    """(patients, columns); NaN or None where missing; `therapy` where it was recorded."""
    columns: tuple[ColumnSpec, ...]
    """All but the therapy: clinical, given, computed."""
    patients: tuple[Patient, ...]
    """Of these rows."""
    left_out: tuple[LeftOut, ...]
    encoder: str
    """Identity of the encoder that embedded; empty where none did."""
    stability: Stability | None = None
    """By what features that are not stable were left out; None where none was."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """What each process measures with."""

    profile: str
    """Text of the profile."""
    encoder: Path | None
    """File of the encoder; None where nothing is embedded."""
    cache: Path | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What one patient gave."""

    values: dict[str, float]
    columns: tuple[str, ...]
    """All that were asked, in order."""
    reason: str = ""
    """Why there is nothing."""
    cached: bool = True
    """Whether it cost next to nothing."""


def feature_table(cohort: Cohort, measuring: Measuring, *, workers: int = 2, progress: bool = True) -> FeatureTable:
    """Measures every patient of a cohort.

    Args:
        cohort: Checked patients.
        measuring: Profile, whether to embed, and where the cache lies.
        workers: Processes; 1 measures in this one.
        progress: Whether a bar goes to stderr.

    Raises:
        BadCohort: More than half of the patients could not be measured.
    """
    if measuring.cache is not None:
        measuring.cache.parent.mkdir(parents=True, exist_ok=True)
    found: list[Measured] = []
    here = Measurer(measuring)
    with progress_bar(len(cohort.patients), "features", "patient", shown=progress) as bar:
        for measured in _measure_all([patient.scans for patient in cohort.patients], here, workers):
            found.append(measured)
            bar.update()
    here.close()
    left_out = tuple(
        LeftOut(patient.row, one.reason) for patient, one in zip(cohort.patients, found, strict=True) if one.reason
    )
    if len(left_out) > MOST_LEFT_OUT * len(found):
        raise BadCohort(
            f"{len(left_out)} of {len(found)} patients could not be measured; "
            f"the first, row {left_out[0].row}: {left_out[0].reason}",
            patients=len(found),
            left_out=len(left_out),
        )
    kept = [(patient, one) for patient, one in zip(cohort.patients, found, strict=True) if not one.reason]
    return _table(cohort, kept, left_out, here.encoder_identity)


def _table(
    cohort: Cohort, kept: Sequence[tuple[Patient, Measured]], left_out: tuple[LeftOut, ...], encoder: str
) -> FeatureTable:
    given = list(dict.fromkeys(column for patient, _ in kept for column in patient.given))
    computed = list(dict.fromkeys(column for _, one in kept for column in one.columns if column not in set(given)))
    data: dict[str, list[object]] = {}
    for spec in cohort.clinical:
        empty = np.nan if spec.kind == "number" else None
        data[spec.name] = [patient.clinical.get(spec.name, empty) for patient, _ in kept]
    for column in given:
        data[column] = [patient.given.get(column, one.values.get(column, np.nan)) for patient, one in kept]
    for column in computed:
        data[column] = [one.values.get(column, np.nan) for _, one in kept]
    if any(patient.therapy is not None for patient, _ in kept):
        data[THERAPY] = [patient.therapy for patient, _ in kept]
    columns = (*cohort.clinical, *(ColumnSpec(column, unit=_unit(column)) for column in [*given, *computed]))
    return FeatureTable(pd.DataFrame(data), columns, tuple(patient for patient, _ in kept), left_out, encoder)


def _unit(column: str) -> str:
    """The unit that a measure's name ends in; other features have none that is sure."""
    relative = ".delta." in column
    units = {"_mm3": "mm³", "_mm": "mm"}
    if not column.startswith("measure.") or relative:
        return ""
    return next((unit for ending, unit in units.items() if column.endswith(ending)), "")


def _measure_all(patients: Sequence[tuple[ScanFiles, ...]], here: "Measurer", workers: int) -> Iterator[Measured]:
    """In this process while the cache has all, then on several."""
    for index, scans in enumerate(patients):
        measured = here.measure(scans)
        yield measured
        if not measured.cached and workers > 1:
            yield from _on_processes(patients[index + 1 :], here.measuring, workers)
            return


def _on_processes(patients: Sequence[tuple[ScanFiles, ...]], measuring: Measuring, workers: int) -> Iterator[Measured]:
    """Fresh processes: a forked torch or SimpleITK may hang."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=partial(_start, measuring)) as pool:
        try:
            yield from pool.map(_measure, patients, chunksize=1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class Measurer:
    """One process' profile, encoder and cache."""

    def __init__(self, measuring: Measuring) -> None:
        self.measuring = measuring
        self._profile = Profile.parse(measuring.profile)
        self._cache = FeatureCache(measuring.cache)
        self._encoder = None
        if measuring.encoder is not None:
            from features.embedding.encoder import Encoder  # noqa: PLC0415 - torch only where it is needed

            self._encoder = Encoder.load(measuring.encoder)

    @property
    def encoder_identity(self) -> str:
        """Of the encoder; empty where there is none."""
        return self._encoder.identity if self._encoder is not None else ""

    def close(self) -> None:
        """Closes the cache."""
        self._cache.close()

    def measure(self, scans: tuple[ScanFiles, ...]) -> Measured:
        """All columns of one patient; a patient who cannot be measured says why."""
        case = Case(tuple(_scan(scan) for scan in scans))
        columns = self._columns(case)
        if not columns:
            return Measured({}, ())
        try:
            found = compute(case, columns, profile=self._profile, encoder=self._encoder, cache=self._cache)
        except FeatureError as error:
            return Measured({}, columns, reason=f"{error.place or 'scans'}: {error}")
        return Measured(found.values, columns, cached=not found.seconds["decode"])

    def _columns(self, case: Case) -> tuple[str, ...]:
        """At baseline what the profile and encoder give; the change to the latest date where there is one."""
        columns = list(all_columns(case, self._profile))
        dates = {scan.name: max(one.day for one in case.scans if one.name == scan.name) for scan in case.scans}
        changes = [
            column.replace(".baseline.", ".delta.", 1) for column in columns if dates.get(column.split(".")[1], 0) > 0
        ]
        if self._encoder is not None:
            columns += [
                f"embedding.{scan}.baseline.largest.{self._encoder.name}.{index}"
                for scan in sorted(dates)
                for index in range(self._encoder.dimension)
            ]
        return (*columns, *changes)


_measurer: Measurer | None = None


def _start(measuring: Measuring) -> None:
    global _measurer  # noqa: PLW0603 - a process of the pool has nowhere else to keep it
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: one core a process
    _measurer = Measurer(measuring)


def _measure(scans: tuple[ScanFiles, ...]) -> Measured:
    assert _measurer is not None  # noqa: S101 - `_start` ran first
    return _measurer.measure(scans)


def _scan(files: ScanFiles) -> Scan:
    return Scan(files.name, files.day, Source.of(files.image), Source.of(files.mask), files.labels)
